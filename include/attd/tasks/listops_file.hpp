// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// ListOps files: the tables of the Long Range Arena and of the original data.
#pragma once

#include <algorithm>
#include <attd/config.hpp>
#include <attd/error.hpp>
#include <attd/io/bytes.hpp>
#include <attd/tasks/detail/table_lines.hpp>
#include <attd/tasks/example.hpp>
#include <attd/tasks/listops.hpp>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace attd::tasks {

/// How a file is laid out.
enum class listops_format {
  arena,    ///< header `Source\tTarget`, then expression TAB label (Long Range Arena)
  original  ///< label TAB expression, no header (the data of [Nangia2018])
};

/// How a file is read.
struct listops_file_options {
  listops_format format = listops_format::arena;
  bool check_labels = true;  ///< false: take a label that the expression does not have
  index_t max_tokens = 0;    ///< longer samples are left out; 0: none are
  index_t limit = 0;         ///< samples to read, the rest of the file is not looked at; 0: all
};

namespace detail {

inline index_t listops_id(std::string_view token) {
  for (std::size_t id = 0; id < listops_texts.size(); ++id) {
    if (listops_texts[id] == token) return static_cast<index_t>(id);
  }
  return -1;
}

/// The ids of an expression: parentheses, which only pair what the brackets already say, are
/// dropped; they must match, though. `place` starts a message.
inline std::vector<index_t> listops_ids(std::string_view text, const std::string& place) {
  std::vector<index_t> ids;
  index_t pairs = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view token = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (token.empty()) continue;
    if (token == "(") {
      ++pairs;
    } else if (token == ")") {
      if (--pairs < 0) fail(place, "')' without '(' after token ", ids.size());
    } else {
      const index_t id = listops_id(token);
      if (id < 0) {
        fail(place, "token ", ids.size(), " is ", shown_text(token),
             ", expected a digit, '(', ')', ']' or an operator such as '[MIN'; hint: tokens are ",
             "separated by single spaces");
      }
      ids.push_back(id);
    }
  }
  if (pairs != 0) fail(place, pairs, " '(' without ')'; hint: is the line cut off?");
  return ids;
}

}  // namespace detail

/// The samples of a table of expressions and labels, in its order. Line ends may be LF or CRLF.
/// *Output*: ids as in `listops_symbol`, parentheses dropped, brackets kept; split: all tokens;
/// cluster: the sample's place in the file. *Errors*: naming source, line and both values: a wrong
/// header, a line with other than two fields, a token that is none, an expression that is none, a
/// label that is no digit or not the expression's value, no sample. Nothing is returned then.
template <class T>
std::vector<example<T>> parse_listops(std::string_view text, const listops_file_options& o,
                                      std::string_view source) {
  if (o.max_tokens < 0 || o.limit < 0) {
    fail("listops: max_tokens is ", o.max_tokens, " and limit ", o.limit, ", expected 0 or more");
  }
  const std::string file = "listops: '" + std::string(source) + "' ";
  index_t line_number = 0;
  if (o.format == listops_format::arena) {
    ++line_number;
    const std::string_view header = detail::take_line(text);
    if (header != "Source\tTarget") {
      fail(file, "starts with ", detail::shown_text(header),
           ", expected the header 'Source<TAB>Target'; hint: files with the label first are ",
           "listops_format::original");
    }
  }
  std::vector<example<T>> examples;
  while (!text.empty() && (o.limit == 0 || static_cast<index_t>(examples.size()) < o.limit)) {
    const std::string_view line = detail::take_line(text);
    const std::string place = file + "line " + std::to_string(++line_number) + ": ";
    const std::size_t tab = line.find('\t');
    if (tab == std::string_view::npos || line.find('\t', tab + 1) != std::string_view::npos) {
      fail(place, tab == std::string_view::npos ? 1 : 3,
           tab == std::string_view::npos ? " field" : " or more fields", ", expected 2 with a tab ",
           "between them");
    }
    const bool label_first = o.format == listops_format::original;
    const std::string_view label_text = label_first ? line.substr(0, tab) : line.substr(tab + 1);
    const std::string_view expression = label_first ? line.substr(tab + 1) : line.substr(0, tab);
    if (label_text.size() != 1 || label_text[0] < '0' || label_text[0] > '9') {
      fail(place, "label is ", detail::shown_text(label_text), ", expected a digit",
           "; hint: is the format the right one?");
    }
    example<T> e;
    e.label = label_text[0] - '0';
    e.ids = detail::listops_ids(expression, place);
    e.split = e.length();
    e.cluster = line_number - (label_first ? 1 : 2);
    const detail::listops_result result = detail::evaluate_listops(e.ids);
    if (!result.fault.empty()) fail(place, "token ", result.token, " ", result.fault);
    if (o.check_labels && result.value != e.label) {
      fail(place, "label is ", e.label, ", the expression's value is ", result.value,
           "; hint: check_labels = false takes it as it is");
    }
    if (o.max_tokens == 0 || e.length() <= o.max_tokens) examples.push_back(std::move(e));
  }
  if (examples.empty()) {
    fail(file, "has no sample", o.max_tokens > 0 ? " of at most " : "",
         o.max_tokens > 0 ? std::to_string(o.max_tokens) + " tokens" : "", " in ", line_number,
         " lines");
  }
  return examples;
}

/// The samples of a file: `parse_listops` of its text. *Errors*: those of `io::read_text_file` too.
template <class T>
std::vector<example<T>> read_listops(const std::filesystem::path& path,
                                     const listops_file_options& o = {}) {
  return parse_listops<T>(io::read_text_file(path), o, path.string());
}

}  // namespace attd::tasks
