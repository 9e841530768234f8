# Finds libpng for cairn::png, in the build and from the installed package. Sets cairn_png_dependency to its target,
# or cairn_png_missing to what to do.
set(cairn_png_dependency)
set(cairn_png_missing "libpng was not found: install it (Debian: libpng-dev), or set PNG_DIR")
if(NOT TARGET PNG::PNG)
  find_package(PNG 1.6 QUIET)
endif()
if(TARGET PNG::PNG)
  set(cairn_png_dependency PNG::PNG)
endif()
