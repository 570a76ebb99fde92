// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Any file as bytes, cut into windows for byte-level language models.
#pragma once

#include <attd/config.hpp>
#include <attd/error.hpp>
#include <attd/io/bytes.hpp>
#include <attd/tasks/example.hpp>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace attd::tasks {

/// How text is cut.
struct text_options {
  index_t window = 256;  ///< bytes
  index_t split = 128;   ///< bytes of the context
  double train_fraction = 0.9;
  double validation_fraction = 0.05;  ///< 0: no validation part; the test part is what is left
  /// Windows that start within the same so many bytes form a cluster for the bootstrap: they are
  /// likely to be of one article.
  index_t cluster_bytes = 4096;
};

/// A text split by position.
template <class T>
struct text_task {
  std::vector<example<T>> train, validation, test;
};

/// Throws where options contradict each other.
inline void validate(const text_options& o) {
  expect_split("text", o.split, o.window);
  if (o.window < 2) fail("text: window is ", o.window, ", expected at least 2 bytes");
  if (o.cluster_bytes < 1) {
    fail("text: cluster_bytes is ", o.cluster_bytes, ", expected at least 1");
  }
}

/// Contiguous windows without overlap: ids of window w are bytes w * window .. (w + 1) * window - 1
/// (0 .. 255, whatever the encoding). What does not fill a window at the end is left out. The first
/// byte of a window is not predicted, so a window holds window - 1 predictions.
/// *Errors*: no bytes, or fewer than a window; `source` and `part` name the text in messages.
template <class T>
std::vector<example<T>> cut_text(std::string_view bytes, const text_options& o,
                                 std::string_view source = "text", index_t first_cluster = 0,
                                 std::string_view part = "") {
  validate(o);
  const std::string place = (part.empty() ? "" : "the " + std::string(part) + " part of ") + "'" +
                            std::string(source) + "'";
  if (bytes.empty()) fail("text: ", place, " is empty, expected at least ", o.window, " bytes");
  const auto size = static_cast<index_t>(bytes.size());
  if (size < o.window) {
    fail("text: ", place, " has ", size, " bytes, a window needs ", o.window,
         "; hint: use a shorter window or more text");
  }
  std::vector<example<T>> examples(static_cast<std::size_t>(size / o.window));
  index_t start = 0;
  for (example<T>& e : examples) {
    e.split = o.split;
    e.cluster = first_cluster + start / o.cluster_bytes;
    e.ids.resize(static_cast<std::size_t>(o.window));
    for (index_t& id : e.ids) {
      id = static_cast<unsigned char>(bytes[static_cast<std::size_t>(start++)]);
    }
  }
  return examples;
}

/// A text split by position into training, validation and test bytes, in this order; no window
/// crosses from one part into another.
/// *Errors*: fractions that leave a part empty, and those of `cut_text`.
template <class T>
text_task<T> split_text(std::string_view bytes, const text_options& o,
                        std::string_view source = "text") {
  validate(o);
  if (!(o.train_fraction > 0 && o.validation_fraction >= 0 &&
        o.train_fraction + o.validation_fraction < 1)) {
    fail("text: train_fraction is ", o.train_fraction, " and validation_fraction ",
         o.validation_fraction, ", expected a training part above 0 and a sum below 1; hint: ",
         "what is left is the test part");
  }
  if (bytes.empty()) fail("text: '", source, "' is empty, expected at least ", o.window, " bytes");
  const auto size = static_cast<double>(bytes.size());
  const auto train = static_cast<std::size_t>(size * o.train_fraction + 1e-6);
  const auto validation = static_cast<std::size_t>(size * o.validation_fraction + 1e-6);
  text_task<T> task;
  task.train = cut_text<T>(bytes.substr(0, train), o, source, 0, "training");
  index_t cluster = task.train.back().cluster + 1;
  if (o.validation_fraction > 0) {
    task.validation = cut_text<T>(bytes.substr(train, validation), o, source, cluster,  //
                                  "validation");
    cluster = task.validation.back().cluster + 1;
  }
  task.test = cut_text<T>(bytes.substr(train + validation), o, source, cluster, "test");
  return task;
}

/// A file as windows: `cut_text` of its bytes. *Errors*: those of `io::read_text_file` as well.
template <class T>
std::vector<example<T>> cut_text_file(const std::filesystem::path& path, const text_options& o,
                                      index_t first_cluster = 0) {
  return cut_text<T>(io::read_text_file(path), o, path.string(), first_cluster);
}

/// One file split by position: `split_text` of its bytes.
template <class T>
text_task<T> split_text_file(const std::filesystem::path& path, const text_options& o) {
  return split_text<T>(io::read_text_file(path), o, path.string());
}

}  // namespace attd::tasks
