# Finds CLI11 for cairn::cli, in the build and from the installed package. Sets cairn_cli_dependency to its
# target, or cairn_cli_missing to what to do.
set(cairn_cli_dependency)
set(cairn_cli_missing "CLI11 was not found: install it (Debian: libcli11-dev), or set CLI11_DIR")
if(NOT TARGET CLI11::CLI11)
  find_package(CLI11 2.1 CONFIG QUIET)
endif()
if(TARGET CLI11::CLI11)
  set(cairn_cli_dependency CLI11::CLI11)
endif()
