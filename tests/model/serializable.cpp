// SPDX-License-Identifier: MIT
#include <cairn/model/serializable.hpp>

#include "support/catch.hpp"

#include <istream>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <random>
#include <string>
#include <vector>

namespace serializable_test {

using cairn::Describable;
using cairn::JsonSerializable;
using cairn::Serializable;
using cairn::StreamSerializable;
using cairn::detail::Encoding;
using cairn::detail::encoding_of;

namespace serializable_test {  // named: functions that are only declared

struct Loop {
    int epoch = 0;
    double best = 0;
    NLOHMANN_DEFINE_TYPE_INTRUSIVE(Loop, epoch, best)
};
struct LoopWithMore : Loop {
    int more = 0;
};
struct Outside {
    int x = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Outside, x)

struct Blob {
    void save(std::ostream&) const;
    void load(std::istream&);
};
struct BlobList : std::vector<int> {  // nlohmann/json would take its elements alone
    void save(std::ostream&) const;
    void load(std::istream&);
};
struct SavesOnly {
    void save(std::ostream&) const;
};
struct SavesWhenMutable {
    void save(std::ostream&);
    void load(std::istream&);
};
struct ForArchives {
    template <class Archive>
    void save(Archive& archive) const {
        archive.member_that_streams_lack(*this);
    }
    template <class Archive>
    void load(Archive& archive) {
        archive.member_that_streams_lack(*this);
    }
};
struct Operators {
    friend std::ostream& operator<<(std::ostream&, const Operators&);
    friend std::istream& operator>>(std::istream&, Operators&);
};
struct OperatorsAndMore : Operators {
    int more = 0;
};
template <class T>
struct Templated {
    template <class U>
    friend std::ostream& operator<<(std::ostream&, const Templated<U>&);
    template <class U>
    friend std::istream& operator>>(std::istream&, Templated<U>&);
};
struct ConvertsToNumber {
    double value = 0;
    operator double() const { return value; }  // NOLINT
    operator double&() { return value; }       // NOLINT
};
struct ConvertsToText {
    operator std::string() const { return {}; }  // NOLINT
};
struct PrintsOnly {
    friend std::ostream& operator<<(std::ostream&, const PrintsOnly&);
};
struct Plain {};
struct DescribesAndMore {
    float x = 0;
    void describe(auto& fields) { fields("x", x); }
    NLOHMANN_DEFINE_TYPE_INTRUSIVE(DescribesAndMore, x)
    void save(std::ostream&) const;
    void load(std::istream&);
};
struct JsonAndStream {
    int x = 0;
    NLOHMANN_DEFINE_TYPE_INTRUSIVE(JsonAndStream, x)
    void save(std::ostream&) const;
    void load(std::istream&);
};

}  // namespace serializable_test

using namespace serializable_test;  // NOLINT(google-build-using-namespace)

static_assert(encoding_of<Loop> == Encoding::json && encoding_of<const Loop> == Encoding::json);
static_assert(encoding_of<Outside> == Encoding::json && encoding_of<nlohmann::json> == Encoding::json);
static_assert(encoding_of<int> == Encoding::json && encoding_of<double> == Encoding::json);
static_assert(encoding_of<bool> == Encoding::json && encoding_of<std::string> == Encoding::json);
static_assert(encoding_of<std::vector<float>> == Encoding::json);
static_assert(encoding_of<std::map<std::string, std::vector<Loop>>> == Encoding::json);
static_assert(encoding_of<std::mt19937> == Encoding::stream &&
              encoding_of<std::minstd_rand> == Encoding::stream);
static_assert(encoding_of<std::normal_distribution<double>> == Encoding::stream);
static_assert(encoding_of<Blob> == Encoding::stream && encoding_of<const Blob> == Encoding::stream);
static_assert(encoding_of<BlobList> == Encoding::stream);
static_assert(encoding_of<Operators> == Encoding::stream && encoding_of<Templated<int>> == Encoding::stream);
static_assert(encoding_of<DescribesAndMore> == Encoding::tensors);
static_assert(!Serializable<const DescribesAndMore>, "it could be saved as JSON, but not restored from it");
static_assert(encoding_of<JsonAndStream> == Encoding::json);

static_assert(!JsonSerializable<std::mt19937> && !JsonSerializable<Plain> && !JsonSerializable<Loop*>);
static_assert(!Serializable<LoopWithMore>, "the functions of its base would lose a member");
static_assert(!Serializable<OperatorsAndMore>);
static_assert(!Serializable<ConvertsToNumber> && !Serializable<ConvertsToText>);
static_assert(!Serializable<PrintsOnly> && !Serializable<SavesOnly> && !Serializable<SavesWhenMutable>);
static_assert(!Serializable<ForArchives>);
static_assert(!Serializable<Plain> && !Serializable<std::vector<Plain>> &&
              !Serializable<std::unique_ptr<int>>);
static_assert(!Serializable<int*> && !Serializable<const char*> && !Serializable<int&> &&
              !Serializable<void>);
static_assert(!Serializable<void (*)()> && !Serializable<std::optional<Plain>>);

TEST_CASE("what a part is written as is decided when the program is compiled", "[model][serializable]") {
    SUCCEED("the assertions above are the test");
}

}  // namespace serializable_test
