#include <cstddef>
#include <vector>

// Each uses cairn, and gives the sizes of its types; nothing if something went wrong.
std::vector<std::size_t> debug(const char* dir);
std::vector<std::size_t> release(const char* dir);
std::vector<std::size_t> diagnostics(const char* dir);  // its nlohmann/json is another one
std::vector<std::size_t> without_exceptions(const char* dir);
