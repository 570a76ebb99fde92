// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The exception that the library throws at set-up, input/output and shape boundaries.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace attd {

/// An error that a caller can act on: it names the place, what is wrong with both values, and a
/// hint. Thrown only at boundaries (set-up, files, shapes); the adaptation loop reports a `status`.
class error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Throws `attd::error` with the text `attd: <parts...>`, each part written with `<<`.
template <class... Parts>
[[noreturn, gnu::noinline, gnu::cold]] void fail(const Parts&... parts) {
  std::ostringstream text;
  text << "attd: ";
  (text << ... << parts);
  throw error(text.str());
}

}  // namespace attd
