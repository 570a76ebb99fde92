// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Lines and fields of the tables that tasks come in, and how messages show them.
#pragma once

#include <attd/config.hpp>
#include <charconv>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>

namespace attd::tasks::detail {

/// Text of a file as it may stand in a message: short, and without control characters.
inline std::string shown_text(std::string_view text) {
  std::string shown;
  for (char c : text.substr(0, 24)) shown += c >= ' ' && c <= '~' ? c : '?';
  return "'" + shown + (text.size() > 24 ? "...'" : "'");
}

/// Takes the next line off the front of `rest`, without its line end (LF or CRLF).
inline std::string_view take_line(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

/// A decimal number without sign in low .. high (low >= 0), or -1.
inline index_t whole_number(std::string_view text, index_t low, index_t high) {
  index_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, problem] = std::from_chars(text.data(), end, value);
  const bool read = problem == std::errc{} && stopped == end;
  return read && value >= low && value <= high ? value : -1;
}

}  // namespace attd::tasks::detail
