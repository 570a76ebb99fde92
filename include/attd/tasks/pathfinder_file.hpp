// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Pathfinder files: records of label and pixels, and folders of images with their metadata.
#pragma once

#include <algorithm>
#include <attd/config.hpp>
#include <attd/error.hpp>
#include <attd/io/bytes.hpp>
#include <attd/tasks/detail/table_lines.hpp>
#include <attd/tasks/example.hpp>
#include <attd/tasks/pathfinder.hpp>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace attd::tasks {

/// How images are read.
struct pathfinder_file_options {
  index_t side = 32;
  /// Leaves images out that have the same intensity everywhere: the published set has one. false:
  /// they are errors.
  bool drop_blank = false;
  index_t limit = 0;  ///< images to read, the rest is not looked at; 0: all
};

namespace detail {

inline void validate(const pathfinder_file_options& o) {
  if (o.side < 1 || o.side > 4096 || o.limit < 0) {
    fail("pathfinder: side is ", o.side, " and limit ", o.limit,
         ", expected 1 .. 4096 and 0 or more");
  }
}

/// Appends the image unless it is blank and may be left out.
inline void take_image(std::vector<pathfinder_image>& images, pathfinder_image image,
                       const pathfinder_file_options& o, const std::string& place) {
  const auto [low, high] = std::minmax_element(image.pixels.begin(), image.pixels.end());
  if (*low != *high) {
    images.push_back(std::move(image));
  } else if (!o.drop_blank) {
    fail(place, "the image is blank, all its pixels are ", int{*low},
         "; hint: drop_blank = true leaves such images out");
  }
}

}  // namespace detail

/// Images from records of one byte of label (0 or 1) and side^2 bytes of pixels, row by row.
/// *Errors*: naming source, record and both values: a size that is no whole number of records, a
/// label other than 0 and 1, a blank image, no image. Nothing is returned then.
inline std::vector<pathfinder_image> parse_pathfinder_records(std::string_view bytes,
                                                              const pathfinder_file_options& o,
                                                              std::string_view source) {
  detail::validate(o);
  const std::string file = "pathfinder: '" + std::string(source) + "' ";
  const auto record = static_cast<std::size_t>(1 + o.side * o.side);
  if (bytes.empty() || bytes.size() % record != 0) {
    fail(file, "has ", bytes.size(), " bytes, expected a multiple of ", record, " (label and ",
         o.side, " x ", o.side, " pixels), at least one; hint: is the side right, ",
         "the file whole?");
  }
  std::vector<pathfinder_image> images;
  const std::size_t count = bytes.size() / record;
  for (std::size_t r = 0; r < count; ++r) {
    if (o.limit > 0 && static_cast<index_t>(images.size()) == o.limit) break;
    const std::string place = file + "record " + std::to_string(r) + ": ";
    const std::string_view one = bytes.substr(r * record, record);
    const auto label = static_cast<unsigned char>(one[0]);
    if (label > 1) {
      fail(place, "label is ", int{label}, ", expected 0 or 1; hint: is the side right?");
    }
    detail::take_image(images, {o.side, label, {one.begin() + 1, one.end()}}, o, place);
  }
  if (images.empty()) fail(file, "has blank images only, ", count, " of them");
  return images;
}

/// Images from a file of records: `parse_pathfinder_records` of its bytes.
inline std::vector<pathfinder_image> read_pathfinder_records(
    const std::filesystem::path& path, const pathfinder_file_options& o = {}) {
  return parse_pathfinder_records(io::read_text_file(path), o, path.string());
}

/// The pixels of a grey image in the binary PGM format (P5, one byte a pixel), side by side.
/// *Errors*: naming the source: another format, other sizes, more than one byte a pixel, bytes
/// missing or left over.
inline std::vector<std::uint8_t> parse_pgm(std::string_view bytes, index_t side,
                                           std::string_view source) {
  const std::string file = "pathfinder: '" + std::string(source) + "' ";
  if (!bytes.starts_with("P5")) {
    fail(file, "starts with ", detail::shown_text(bytes.substr(0, 4)), ", expected 'P5'; hint: ",
         "only binary PGM is read; PNG images are to be converted first");
  }
  std::string_view rest = bytes.substr(2);
  const auto space = [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; };
  const auto number = [&](const char* name) {
    bool separated = false;
    while (!rest.empty() && (space(rest[0]) || rest[0] == '#')) {
      separated = true;
      if (rest[0] == '#') rest.remove_prefix(std::min(rest.find('\n'), rest.size()));
      if (!rest.empty()) rest.remove_prefix(1);
    }
    const std::size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
    const index_t value = detail::whole_number(rest.substr(0, digits), 1, 65535);
    if (!separated || value < 0) {
      fail(file, name, " is ", detail::shown_text(rest.substr(0, std::max<std::size_t>(1, digits))),
           ", expected a number 1 .. 65535");
    }
    rest.remove_prefix(digits);
    return value;
  };
  const index_t width = number("width"), height = number("height"), most = number("maximum");
  if (width != side || height != side || most > 255) {
    fail(file, "has ", width, " x ", height, " pixels of maximum ", most, ", expected ", side,
         " x ", side, " and at most 255");
  }
  if (!rest.empty() && space(rest[0])) rest.remove_prefix(1);
  if (rest.size() != static_cast<std::size_t>(side * side)) {
    fail(file, "has ", rest.size(), " bytes of pixels, expected ", side * side);
  }
  return {rest.begin(), rest.end()};
}

/// What a line of metadata says of an image.
struct pathfinder_entry {
  std::filesystem::path image;  ///< below the set's folder
  index_t label = 0;
};

/// Lines of the published metadata, fields with a space between them: folder, file name, number,
/// label, and parameters that are not looked at.
/// *Errors*: naming source and line: too few fields, a label other than 0 and 1, a path that leads
/// out of the folder, no line.
inline std::vector<pathfinder_entry> parse_pathfinder_metadata(std::string_view text,
                                                               std::string_view source) {
  const std::string file = "pathfinder: '" + std::string(source) + "' ";
  if (text.starts_with("\x93NUMPY")) {
    fail(file, "is a NumPy array, expected lines of text; hint: write it with numpy.savetxt");
  }
  std::vector<pathfinder_entry> entries;
  for (index_t number = 1; !text.empty(); ++number) {
    std::string_view line = detail::take_line(text);
    const std::string place = file + "line " + std::to_string(number) + ": ";
    std::vector<std::string_view> fields;
    while (!line.empty() && fields.size() < 4) {
      const std::size_t end = std::min(line.find(' '), line.size());
      fields.push_back(line.substr(0, end));
      line.remove_prefix(std::min(end + 1, line.size()));
    }
    if (fields.size() < 4) {
      fail(place, fields.size(), " fields, expected at least 4: folder, file, number and label");
    }
    const index_t label = detail::whole_number(fields[3], 0, 1);
    if (label < 0) fail(place, "label is ", detail::shown_text(fields[3]), ", expected 0 or 1");
    const std::filesystem::path image =
        (std::filesystem::path(fields[0]) / fields[1]).lexically_normal();
    if (fields[1].empty() || image.is_absolute() ||
        image.string().find('\0') != std::string::npos || *image.begin() == "..") {
      fail(place, "image ", detail::shown_text(image.string()), " is not below the set's folder");
    }
    entries.push_back({image, label});
  }
  if (entries.empty()) fail(file, "is empty, expected lines of folder, file, number and label");
  return entries;
}

/// Images of a folder laid out as the published sets are: `metadata/*.npy` (text, in spite of the
/// name) and the images that they name. An image named `x.png` is read as `x.pgm` beside it, since
/// no compressed format is read. Metadata files are taken in the order of their numbers.
/// *Errors*: no metadata, those of `parse_pathfinder_metadata` and `parse_pgm`, blank images, and
/// those of `io::read_text_file`. Nothing is returned then.
inline std::vector<pathfinder_image> read_pathfinder_folder(const std::filesystem::path& folder,
                                                            const pathfinder_file_options& o = {}) {
  namespace fs = std::filesystem;
  detail::validate(o);
  std::vector<fs::path> metadata;
  std::error_code problem;
  for (fs::directory_iterator entry(folder / "metadata", problem), end; !problem && entry != end;
       entry.increment(problem)) {
    if (entry->path().extension() == ".npy") metadata.push_back(entry->path());
  }
  if (metadata.empty()) {
    fail("pathfinder: '", folder.string(), "' has no metadata/*.npy; hint: name the folder of one ",
         "set, such as 'curv_contour_length_14'");
  }
  std::sort(metadata.begin(), metadata.end(), [](const fs::path& a, const fs::path& b) {
    const std::string x = a.stem().string(), y = b.stem().string();
    return std::pair(x.size(), x) < std::pair(y.size(), y);  // 2 before 10
  });
  std::vector<pathfinder_image> images;
  for (const fs::path& list : metadata) {
    for (const pathfinder_entry& entry :
         parse_pathfinder_metadata(io::read_text_file(list), list.string())) {
      if (o.limit > 0 && static_cast<index_t>(images.size()) == o.limit) return images;
      fs::path path = folder / entry.image;
      if (path.extension() == ".png") path.replace_extension(".pgm");
      const std::string bytes = io::read_text_file(path);
      // An empty file counts as a blank image: that is how the published one looks.
      std::vector<std::uint8_t> pixels =
          bytes.empty() ? std::vector<std::uint8_t>(static_cast<std::size_t>(o.side * o.side))
                        : parse_pgm(bytes, o.side, path.string());
      detail::take_image(images, {o.side, entry.label, std::move(pixels)}, o,
                         "pathfinder: '" + path.string() + "' ");
    }
  }
  if (images.empty()) fail("pathfinder: '", folder.string(), "' has blank images only");
  return images;
}

/// Images as sequences, in their order; the cluster is the place in the list.
template <class T>
std::vector<example<T>> pathfinder_examples(
    std::span<const pathfinder_image> images,
    pathfinder_input input = pathfinder_input::intensities) {
  std::vector<example<T>> examples;
  for (const pathfinder_image& image : images) {
    examples.push_back(pathfinder_example<T>(image, input, static_cast<index_t>(examples.size())));
  }
  return examples;
}

}  // namespace attd::tasks
