#include <cairn/cairn.hpp>

extern "C" void unit_0(const char* dir);
extern "C" void unit_0(const char*) {}
