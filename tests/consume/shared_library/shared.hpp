// What the program and its two libraries tell each other: one run that all three write to.
#include <cairn/cairn.hpp>
#include <cairn/run/watch.hpp>

#include <cstdint>
#include <vector>

#define EXPORTED __attribute__((visibility("default")))

struct Model {
    std::vector<float> weight = std::vector<float>(4, 1.0F);
    void describe(auto& fields) { fields("weight", weight, {2, 2}); }
};

// opener.cpp
EXPORTED cairn::Run& opened(const char* dir);
EXPORTED void log_from_opener(cairn::Run& run, int n);
EXPORTED float restored(cairn::Run& run);
EXPORTED void step_in_opener(cairn::Run& run, std::int64_t step);
EXPORTED void watch_in_opener(cairn::Run& run);
// logger.cpp
EXPORTED void log_from_logger(cairn::Run& run, int n);
EXPORTED void save(cairn::Run& run, int versions);
EXPORTED void step_in_logger(cairn::Run& run, std::int64_t step);
EXPORTED void watch_in_logger(cairn::Run& run);
EXPORTED void fail();
