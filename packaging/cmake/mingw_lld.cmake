# Read after CMake's own rules for mingw-w64, which a cache entry cannot change: GNU's linker takes minutes for a
# test program of 80 MB, LLVM's less than a second.
set(CMAKE_CXX_LINK_EXECUTABLE
    "clang++-19 --target=x86_64-w64-mingw32 -fuse-ld=lld-19 -static <OBJECTS> -o <TARGET> <LINK_LIBRARIES> -lpthread")
