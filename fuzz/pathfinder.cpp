// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// libFuzzer target: any bytes as Pathfinder records, PGM image or metadata give what holds together
// or an attd::error.
#include <attd/tasks/pathfinder_file.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

void read_records(std::string_view bytes, bool drop_blank) {
  try {
    const auto images = attd::tasks::parse_pathfinder_records(
        bytes, {.side = 4, .drop_blank = drop_blank, .limit = 3}, "fuzz");
    check(!images.empty() && images.size() <= 3);
    for (const auto& image : images) check(image.label <= 1 && image.pixels.size() == 16);
    check(attd::tasks::pathfinder_examples<float>(images).size() == images.size());
  } catch (const attd::error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  read_records(bytes, false);
  read_records(bytes, true);
  try {
    check(attd::tasks::parse_pgm(bytes, 4, "fuzz").size() == 16);
  } catch (const attd::error&) {
  }
  try {
    const auto entries = attd::tasks::parse_pathfinder_metadata(bytes, "fuzz");
    check(!entries.empty());
    for (const auto& entry : entries) {
      check((entry.label == 0 || entry.label == 1) && !entry.image.is_absolute());
      for (const auto& part : entry.image) check(part != "..");
    }
  } catch (const attd::error&) {
  }
  return 0;
}
