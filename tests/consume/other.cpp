#include <cairn/cairn.hpp>

const char* other();
const char* other() { return cairn::to_string(cairn::errc::busy).data(); }
