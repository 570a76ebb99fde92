// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The backend that the tests in this folder run on; without a GPU they are skipped, with a
// sentence.
#pragma once

#include <doctest/doctest.h>

#include <attd/backends/cuda.hpp>

namespace attd_test {

inline bool has_device() {
  int count = 0;
  const bool found = cudaGetDeviceCount(&count) == cudaSuccess && count > 0;
  if (!found) cudaGetLastError();
  return found;
}

// Whether a test must be left out, which it then says.
inline bool no_device() {
  const bool none = !has_device();
  if (none) MESSAGE("SKIPPED: no CUDA device");
  return none;
}

}  // namespace attd_test
