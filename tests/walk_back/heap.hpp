// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Bytes on the heap: the counting functions of this program replace the C library's.
#pragma once

#include <allocation/count.hpp>

namespace attd_test {

/// Bytes that are allocated now, and the most there have been since `reset_peak`.
long heap_bytes();
long heap_peak();
void reset_peak();

/// The most bytes that a call has allocated at a time, beyond what there was before it.
template <class F>
long peak_of(F&& f) {
  reset_peak();
  const long before = heap_bytes();
  f();
  return heap_peak() - before;
}

}  // namespace attd_test
