// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Labelled texts as bytes, one class per text: the Text task of the Long Range Arena.
#pragma once

#include <algorithm>
#include <array>
#include <attd/config.hpp>
#include <attd/core/random.hpp>
#include <attd/error.hpp>
#include <attd/io/bytes.hpp>
#include <attd/tasks/detail/table_lines.hpp>
#include <attd/tasks/example.hpp>
#include <cstdint>
#include <filesystem>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace attd::tasks {

/// A review with its opinion.
struct labelled_text {
  index_t label = 0;   ///< 0 negative, 1 positive
  index_t rating = 0;  ///< 1 .. 10
  index_t id = 0;      ///< number within its class
  std::string text;    ///< bytes, whatever the encoding
};

/// Which texts become examples, and how much of each.
struct text_classification_options {
  index_t max_length = 4096;  ///< bytes; what a text has beyond is cut off
  index_t limit = 0;          ///< number of examples; 0: as many as there are
  bool balanced = true;       ///< as many examples of either class
  bool shuffled = true;       ///< in an order, and a choice where `limit` is set, of the seed
  /// Texts of one class whose ids fall into the same so many form a cluster for the bootstrap:
  /// neighbours often are about the same film.
  index_t cluster_ids = 30;
  std::uint64_t seed = 0;
};

/// Throws where options contradict each other.
inline void validate(const text_classification_options& o) {
  if (o.max_length < 1) {
    fail("text classification: max_length is ", o.max_length, ", expected at least 1 byte");
  }
  if (o.limit < 0 || (o.balanced && o.limit % 2 != 0)) {
    fail("text classification: limit is ", o.limit, ", expected 0 or ",
         o.balanced ? "an even number; hint: `balanced` takes as many of either class"
                    : "a positive number");
  }
  if (o.cluster_ids < 1) {
    fail("text classification: cluster_ids is ", o.cluster_ids, ", expected at least 1");
  }
}

/// The lines `label TAB rating TAB id TAB text` of a table without header; the text may hold tabs
/// of its own. A carriage return at the end of a line is not part of the text.
/// *Errors*: naming source, line and field: too few fields, a label other than 0 and 1, a rating
/// outside 1 .. 10, an id that is no number, an empty text, no line. Nothing is returned then.
inline std::vector<labelled_text> parse_labelled_texts(std::string_view table,
                                                       std::string_view source) {
  const std::string file = "text classification: '" + std::string(source) + "' ";
  std::vector<labelled_text> texts;
  for (index_t number = 1; !table.empty(); ++number) {
    std::string_view line = detail::take_line(table);
    std::array<std::string_view, 3> field;
    for (std::size_t f = 0; f < field.size(); ++f) {
      const std::size_t tab = line.find('\t');
      if (tab == std::string_view::npos) {
        fail(file, "line ", number, ": ", f + 1, " fields, expected 4: label, rating, id and text ",
             "with tabs between them");
      }
      field[f] = line.substr(0, tab);
      line.remove_prefix(tab + 1);
    }
    const auto read = [&](std::size_t f, const char* name, index_t low, index_t high) {
      const index_t value = detail::whole_number(field[f], low, high);
      if (value < 0) {
        fail(file, "line ", number, ": ", name, " is ", detail::shown_text(field[f]),
             ", expected a number ", low, " .. ", high);
      }
      return value;
    };
    labelled_text one;
    one.label = read(0, "label", 0, 1);
    one.rating = read(1, "rating", 1, 10);
    one.id = read(2, "id", 0, 1000000000);
    if (line.empty()) fail(file, "line ", number, ": the text is empty");
    one.text = line;
    texts.push_back(std::move(one));
  }
  if (texts.empty()) fail(file, "is empty, expected lines of label, rating, id and text");
  return texts;
}

/// The texts of a file: `parse_labelled_texts`. *Errors*: those of `io::read_text_file` as well.
inline std::vector<labelled_text> read_labelled_texts(const std::filesystem::path& path) {
  return parse_labelled_texts(io::read_text_file(path), path.string());
}

/// Examples of texts: ids are the first `max_length` bytes, 0 .. 255; the label is the class; the
/// split is the whole text, so that adaptation sees all of it and never the label.
///
/// *Choice*: texts are taken in order, or in the order of a permutation that is a function of the
/// seed and the number of texts, until there are enough (of each class where `balanced`); so a
/// smaller choice is part of a larger one. *Errors*: no text, or too few for the limit.
/// *Source*: [Tay2020], reviews of [Maas2011]. *Differs from the source*: ids are the bytes
/// themselves, not byte + 1, since shorter texts are not padded.
template <class T>
std::vector<example<T>> text_classification_examples(std::span<const labelled_text> texts,
                                                     const text_classification_options& o) {
  validate(o);
  std::array<index_t, 2> left{};  // how many of each class may still be taken
  for (const labelled_text& one : texts) {
    if (one.label < 0 || one.label > 1) {
      fail("text classification: label is ", one.label, ", expected 0 or 1");
    }
    ++left[static_cast<std::size_t>(one.label)];
  }
  const auto total = static_cast<index_t>(texts.size());
  const index_t wanted = o.limit > 0  ? o.limit
                         : o.balanced ? 2 * std::min(left[0], left[1])
                                      : total;
  if (wanted == 0 || wanted > total || (o.balanced && wanted / 2 > std::min(left[0], left[1]))) {
    fail("text classification: ", left[0], " texts of class 0 and ", left[1], " of class 1, ",
         "expected at least ", o.balanced ? std::max<index_t>(1, o.limit / 2) : o.limit,
         o.balanced ? " of either" : " together", "; hint: lower the limit, or balanced = false");
  }
  if (o.balanced) left = {wanted / 2, wanted / 2};

  std::vector<std::size_t> order(texts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (o.shuffled) {
    random_stream random{o.seed, 0};
    for (std::size_t i = order.size(); i > 1; --i) {
      std::swap(order[i - 1], order[static_cast<std::size_t>(random.index(index_t(i)))]);
    }
  }
  std::vector<example<T>> examples;
  for (std::size_t i = 0; static_cast<index_t>(examples.size()) < wanted; ++i) {
    const labelled_text& one = texts[order[i]];
    if (left[static_cast<std::size_t>(one.label)]-- <= 0) continue;
    const std::string_view bytes =
        std::string_view(one.text).substr(0, static_cast<std::size_t>(o.max_length));
    if (bytes.empty()) fail("text classification: text ", order[i], " is empty");
    example<T> e;
    e.label = one.label;
    e.split = static_cast<index_t>(bytes.size());
    e.cluster = 2 * (one.id / o.cluster_ids) + one.label;
    e.ids.reserve(bytes.size());
    for (char c : bytes) e.ids.push_back(static_cast<unsigned char>(c));
    examples.push_back(std::move(e));
  }
  return examples;
}

/// The examples of a file. *Errors*: those of `read_labelled_texts` as well.
template <class T>
std::vector<example<T>> read_text_classification(const std::filesystem::path& path,
                                                 const text_classification_options& o = {}) {
  return text_classification_examples<T>(read_labelled_texts(path), o);
}

}  // namespace attd::tasks
