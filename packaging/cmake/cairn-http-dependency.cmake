# Finds cpp-httplib for cairn::http, in the build and from the installed package. Sets cairn_http_dependency to
# its target, or cairn_http_missing to what to do. Always through a target: httplib's macros change its layout.
set(cairn_http_dependency)
set(cairn_http_missing "cpp-httplib was not found: install it (Debian: libcpp-httplib-dev pkg-config), or set httplib_DIR")
if(NOT TARGET httplib::httplib)
  find_package(httplib CONFIG QUIET)  # upstream, vcpkg and Conan
endif()
if(NOT TARGET httplib::httplib)
  find_package(PkgConfig QUIET)  # Debian's package has no CMake config
  if(PKG_CONFIG_FOUND)
    pkg_check_modules(cairn_httplib QUIET IMPORTED_TARGET cpp-httplib)
    if(TARGET PkgConfig::cairn_httplib)
      add_library(httplib::httplib INTERFACE IMPORTED)
      target_link_libraries(httplib::httplib INTERFACE PkgConfig::cairn_httplib)
    endif()
  else()
    string(PREPEND cairn_http_missing "pkg-config, by which Debian's is found, is not here; ")
  endif()
endif()
if(TARGET httplib::httplib)
  set(cairn_http_dependency httplib::httplib)
endif()
