// SPDX-License-Identifier: MIT
// Writes what the fuzzers begin with: FOLDER/TARGET/NAME.
#include <cairn/mirror/tfevents.hpp>
#include <cairn/policy/parse_retention.hpp>
#include <cairn/store/history.hpp>
#include <cairn/store/history_index.hpp>
#include <cairn/store/manifest.hpp>
#include <cairn/store/media_file.hpp>
#include <cairn/store/row_block.hpp>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

using namespace cairn::detail;
using cairn::Value;

namespace {

std::filesystem::path folder;

void seed(const std::string& target, const std::string& name, std::string_view bytes) {
    std::filesystem::create_directories(folder / target);
    std::ofstream{folder / target / name, std::ios::binary} << bytes;
}
std::string_view text_of(const std::vector<std::byte>& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void blocks() {
    BlockWriter writer;
    std::vector<std::byte> bytes;
    for (int i = 0; i < 40; ++i) {
        const Cell cells[] = {{0, Value{0.5 * i}}, {1, Value{i}}, {2, Value{"text"}}, {3, Value{i % 2 == 0}}};
        writer.add(i == 7 ? RecordKind::event : RecordKind::row, i, i * ns_per_ms,
                   std::span{cells}.first(i % 3 == 0 ? 4 : 1));
    }
    writer.write(bytes);
    seed("row_block", "mixed", text_of(bytes));
}

void events() {
    std::vector<std::byte> value, tensor, metadata, summary, event;
    ProtoWriter{tensor}.varint(1, 1);
    ProtoWriter{tensor}.text(2, {});
    ProtoWriter{tensor}.text(5, {"\x00\x00\x80\x3f", 4});
    ProtoWriter{metadata}.text(1, "\x0a\x07scalars");
    ProtoWriter{value}.text(1, "loss");
    ProtoWriter{value}.message(9, metadata);
    ProtoWriter{value}.message(8, tensor);
    ProtoWriter{summary}.message(1, value);
    ProtoWriter{event}.number(1, 1.7e9);
    ProtoWriter{event}.varint(2, 7);
    ProtoWriter{event}.message(5, summary);
    seed("tfevents", "tensor", text_of(event));
    event.clear();
    ProtoWriter{event}.text(5, {"\x0a\x08\x0a\x01x\x15\x00\x00\x80\x3f", 10});
    seed("tfevents", "simple", text_of(event));
}

void histories() {
    std::vector<std::byte> records(name_record_size("loss"));
    put_name(records.data(), 0, "loss");
    for (std::int64_t step = 0; step < 3; ++step) {
        const std::size_t at = records.size(), size = row_header_bytes + cell_bytes;
        records.resize(at + size);
        put_cell(put_row_header(records.data() + at, size, RecordKind::row,
                                step == 1   ? row_continues
                                : step == 2 ? row_is_continued
                                            : std::uint8_t{0},
                                1, (step + 1) / 2, 5),
                 0, Value{0.5});
    }
    const auto frame_of = [](std::uint8_t kind, std::vector<std::byte> payload) {
        payload.resize(padded(payload.size()));
        std::vector<std::byte> frame(frame_header_bytes);
        put(frame.data(), kind);
        put(frame.data() + 4, static_cast<std::uint32_t>(payload.size()));
        put(frame.data() + 24, static_cast<std::uint64_t>(payload.size()));
        frame.insert(frame.end(), payload.begin(), payload.end());
        return frame;
    };
    seed("history", "records", text_of(frame_of(0, records)));

    std::vector<std::byte> ring(18);
    ring[0] = std::byte{12};
    put(ring.data() + 1, static_cast<std::uint64_t>(records.size()));
    ring.insert(ring.end(), records.begin(), records.end());
    seed("journal", "records", text_of(ring));
    // The same round the end of a ring of 256 bytes.
    const std::size_t from = 256 - records.size() / 16 * 8;
    std::vector<std::byte> round(18 + 256);
    round[0] = std::byte{8};
    put(round.data() + 1, static_cast<std::uint64_t>(from + records.size()));
    put(round.data() + 9, static_cast<std::uint64_t>(from));
    for (std::size_t i = 0; i < records.size(); ++i) round[18 + (from + i) % 256] = records[i];
    seed("journal", "round", text_of(round));

    BlockWriter block;
    for (std::int64_t step = 0; step < 20; ++step) {
        const Cell cells[] = {{0, Value{0.5}}, {1, Value{step}}};
        block.add(RecordKind::row, step, step * ns_per_ms, std::span{cells}.first(step % 2 == 0 ? 1 : 2));
    }
    std::vector<std::byte> packed, payload, older;
    block.write(packed);
    ByteWriter out{payload}, out_older{older};
    out.varint(2), out_older.varint(2);
    BasicNameWriter<> names;
    std::uint32_t metric = 0;
    for (const std::string_view name : {"loss", "lost"}) {
        out_older.varint(metric), out_older.varint(name.size()), out_older.text(name);
        names.put(out, metric++, name);
    }
    out.varint(packed.size()), out_older.varint(packed.size());
    for (auto* bytes : {&payload, &older}) bytes->insert(bytes->end(), packed.begin(), packed.end());
    seed("history", "packed", text_of(frame_of(1, payload)));
    seed("history", "whole_names", text_of(frame_of(2, older)));
}

void indexes() {
    SeriesNode node;
    for (int i = 0; i < 9; ++i) node.add(i % 4, 1'700'000'000'000 + i, i / 2.0);
    IndexEntry entry;
    entry.begin({16, 3000, 7, 0, 0, 49'152}, 2);
    entry.add(0, "loss", node);
    entry.add(3, "note", SeriesNode{});
    seed("history_index", "two",
         {reinterpret_cast<const char*>(entry.payload().data()), entry.payload().size()});
}

void manifests() {
    cairn::Manifest manifest;
    manifest.artifact = "model", manifest.type = "model", manifest.project = "p", manifest.run = "r";
    manifest.files = {{.path = "a/model.safetensors", .size = 3, .digest = std::string(64, 'a')},
                      {.path = "b", .reference = "s3://bucket/b"}};
    seed("manifest", "two_files", to_text(manifest).value());
    manifest.files.push_back({.path = "pieces.safetensors",
                              .size = 5,
                              .pieces = {{std::string(64, 'b'), 2}, {std::string(64, 'c'), 3}}});
    seed("manifest", "pieces", to_text(manifest).value());
}

void texts() {
    const char* const header =
        R"({"__metadata__":{"k":"v"},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";
    std::vector<std::byte> file(8);
    put(file.data(), static_cast<std::uint64_t>(std::string_view{header}.size()));
    seed("safetensors", "one", std::string{text_of(file)} + header + "abcd");
    seed(
        "policy", "long",
        R"(best("val loss", min, nan_error) | every(500) & after(100) | !(at(3, 9) | first(2, below(x, -1e-3))))");
    seed("policy", "retention", "last(3) | best(2, loss, max) | every(10) | for(2h)");
    seed("policy", "capped", "capped(all, 10GB)");
}

void media() {
    const std::filesystem::path path = folder / "media_file";
    {
        auto writer = MediaWriter::open(path).value();
        for (const std::string value : {"some text", "", "{\"edges\": [0, 1], \"counts\": [2]}"}) {
            const std::string text =
                R"({"metric":"m","step":1,"time_ns":2,"kind":"text","type":"text/plain","about":{}})";
            writer.append(text, bytes_of(value)).value();
        }
    }
    const std::string whole = read_file(path, 1 << 20).value();
    std::filesystem::remove(path);
    seed("media", "three", whole.substr(media_header_bytes));
}

void questions() {
    const std::string_view all[] = {
        "runs\nlimit=1\nproject=p",
        "run\nrun=p/a",
        "metrics\nrun=latest",
        "series\nrun=a\nrun=p/b\nmetric=loss\nfrom=1\nto=30\nbuckets=5\naxis=time\nsmooth=gaussian\nweight=3",
        "series\nrun=a\nmetric=loss\nx=epoch\nfrom=0.5",
        "media\nrun=a\nmetric=sample\nat=1",
        "artifacts\nof=p/a",
        "decisions\nrun=../../other/projects/q/r",
        "simulate\nrun=a\npolicy=best(loss, min) | every(5)\nkeep=last(2)\nbytes=10",
        "lines\nrun=b\nmost=10",
        "edit\nrun=a\nname=n\nnotes=x\ntag=t\ntag=u\ndeleted=false",
    };
    for (std::size_t i = 0; i < std::size(all); ++i) seed("api", std::to_string(i), all[i]);
}

}  // namespace

int main(int, char** argv) {
    folder = argv[1];
    blocks();
    events();
    histories();
    indexes();
    manifests();
    texts();
    media();
    questions();
}
