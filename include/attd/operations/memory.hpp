// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Tensors in a backend's memory: brought there, sized, set to zero, ready to be read.
#pragma once

#include <algorithm>
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

/// Waits until all operations that were called are done: to be called before the host reads what
/// they wrote, or writes what they read. Does nothing for backends whose operations are done when
/// they return.
template <class Backend>
void finish([[maybe_unused]] Backend& backend) {
  if constexpr (requires { backend.finish(); }) backend.finish();
}

/// Runs the plain loops of every operation; as `attd::reference`, which includes nothing of this.
struct plain_loops {};

/// What runs the parts of an operation that the host computes, product by product of small
/// matrices: the backend itself, or plain loops where it has memory of its own, once all that was
/// called is done.
template <class Backend>
decltype(auto) on_host(Backend& backend) {
  if constexpr (requires { backend.memory(); }) {
    finish(backend);
    return plain_loops{};
  } else {
    return (backend);
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

/// All numbers of a view zero; `view<none>` has none.
template <class Backend, class T>
void clear_view([[maybe_unused]] Backend& backend, [[maybe_unused]] view<T> v) {
  if constexpr (is_none_v<view<T>>) {
    return;
  } else if constexpr (requires { backend.fill_zero(v); }) {
    if (v.size() > 0) backend.fill_zero(v);
  } else if constexpr (is_dual_v<T>) {
    clear_view(backend, v.value);
    clear_view(backend, v.tangent);
  } else {
    for (index_t i = 0; i < v.rows(); ++i) std::fill_n(&v.at(i, 0), v.columns(), T(0));
  }
}

/// The same with all numbers zero.
template <class Backend, class T>
void clear(Backend& backend, tensor<T>& t, const shape& s) {
  resize(backend, t, s);
  clear_view(backend, t.view());
}

}  // namespace attd::operations
