// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Tensors in a backend's memory: brought there, sized, set to zero.
#pragma once

#include <attd/core/leaves.hpp>

namespace attd::operations {

/// Takes all tensors of an aggregate to memory that the backend computes in, with their numbers;
/// does nothing with those that are there. They stay there when they are sized anew.
template <class Backend, class A>
void bring([[maybe_unused]] const Backend& backend, [[maybe_unused]] A& aggregate) {
  if constexpr (requires { backend.memory(); }) {
    for_each_leaf([&](auto& leaf) { leaf.move_to(backend.memory()); }, aggregate);
  }
}

/// Gives a tensor shape `s`, its numbers unspecified, in the backend's memory. As `tensor::resize`,
/// allocates nothing within the largest size that the tensor ever had there.
template <class Backend, class T>
void resize(Backend& backend, tensor<T>& t, const shape& s) {
  if constexpr (requires { backend.memory(); }) t.resize({0});  // nothing to carry over
  bring(backend, t);
  t.resize(s);
}

/// The same with all numbers zero.
template <class Backend, class T>
void clear(Backend& backend, tensor<T>& t, const shape& s) {
  resize(backend, t, s);
  if constexpr (requires { backend.fill_zero(t.view()); }) {
    if (!t.empty()) backend.fill_zero(t.view());
  } else {
    t.zero();
  }
}

}  // namespace attd::operations
