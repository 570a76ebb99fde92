// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The backend that is measured, with a number of threads.
#pragma once

#include <attd/backends/eigen.hpp>
#include <support/options.hpp>

namespace attd_bench {

/// Whether one handle can spread an operation over several threads.
template <class Backend = attd::eigen>
inline constexpr bool has_threads = requires { Backend({attd::index_t{2}, 0}); };

/// A handle for `threads` threads, with the registers that were asked for.
template <class Backend = attd::eigen>
Backend make_backend([[maybe_unused]] attd::index_t threads = 1) {
  if constexpr (has_threads<Backend>) {
    return Backend({threads, register_bytes});
  } else {
    return Backend{};
  }
}

}  // namespace attd_bench
