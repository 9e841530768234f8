# What this project's own tests, examples and benchmarks are built with; a consumer never includes it.
include_guard()

# ccache needs to be told that it may trust a precompiled header; nothing else is loosened that matters here.
find_program(CAIRN_CCACHE ccache)
mark_as_advanced(CAIRN_CCACHE)
if(CAIRN_CCACHE AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1 "${CAIRN_CCACHE}")
endif()

add_library(cairn_developer INTERFACE)
target_link_libraries(cairn_developer INTERFACE cairn::cairn)
if(CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
  target_compile_options(cairn_developer INTERFACE
    -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow)
endif()
# g++ 12 at -O3 sees an overflow in `"text" + std::string{…}` (GCC bug 105651, mended in 13).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(cairn_developer INTERFACE
    "$<$<CONFIG:Release>:-Wno-stringop-overflow;-Wno-restrict>")
endif()
# The launcher above keeps precompiled headers only if they hold no time stamp (clang) or are marked (g++).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(cairn_developer INTERFACE -fpch-preprocess)
elseif(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(cairn_developer INTERFACE "SHELL:-Xclang -fno-pch-timestamp")
endif()
