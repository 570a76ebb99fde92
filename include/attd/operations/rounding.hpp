// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Floats to bfloat16 and back, where the backend computes.
#pragma once

#include <attd/core/bfloat16.hpp>
#include <attd/operations/memory.hpp>

namespace attd::operations {

/// to = from, each number rounded to the nearest bfloat16.
///
/// Shapes: any; `to` gets that of `from`, in the backend's memory. Cost: reads 4 and writes 2 bytes
/// a number; allocates nothing once `to` has seen the size. It has no gradient: what is stored
/// rounded is taken for what it was.
template <class Backend>
void round_to_bfloat16(Backend& backend, const tensor<float>& from, tensor<bfloat16>& to) {
  resize(backend, to, from.shape());
  if constexpr (requires { backend.round_to_bfloat16(from.view(), to.view()); }) {
    backend.round_to_bfloat16(from.view(), to.view());
  } else {
    for (index_t i = 0; i < from.size(); ++i) to.data()[i] = bfloat16::rounded(from.data()[i]);
  }
}

/// to = from, exactly.
///
/// Shapes and cost as `round_to_bfloat16`, the other way round.
template <class Backend>
void widen_bfloat16(Backend& backend, const tensor<bfloat16>& from, tensor<float>& to) {
  resize(backend, to, from.shape());
  if constexpr (requires { backend.widen_bfloat16(from.view(), to.view()); }) {
    backend.widen_bfloat16(from.view(), to.view());
  } else {
    for (index_t i = 0; i < from.size(); ++i) to.data()[i] = from.data()[i];
  }
}

}  // namespace attd::operations
