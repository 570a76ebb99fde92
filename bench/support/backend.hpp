// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The backend that is measured, with a number of threads.
#pragma once

#include <attd/backends/eigen.hpp>
#include <support/options.hpp>

namespace attd_bench {

/// A handle for `threads` threads, with the registers that were asked for.
inline attd::eigen make_backend(attd::index_t threads = 1,
                                attd::product_kernel products = attd::product_kernel::packs) {
  return attd::eigen({threads, register_bytes, products});
}

}  // namespace attd_bench
