// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Where the Thrust backend runs, and its one way to run anything: a functor for every index.
#pragma once

// Without nvcc, Thrust's own default (its CUDA system) has no headers to include; no function here
// uses the default.
#if !defined(__CUDACC__) && !defined(THRUST_DEVICE_SYSTEM)
#define THRUST_DEVICE_SYSTEM THRUST_DEVICE_SYSTEM_CPP
#endif

#include <thrust/for_each.h>
#include <thrust/iterator/counting_iterator.h>
#include <thrust/system/cpp/execution_policy.h>

#include <attd/config.hpp>
#include <attd/core/memory.hpp>
#include <concepts>

namespace attd::systems {

/// One thread of the CPU, indices in order. Needs neither a GPU nor nvcc nor OpenMP.
struct cpp {
  /// Calls f(policy) with Thrust's execution policy.
  template <class F>
  void run(const F& f) const {
    f(::thrust::cpp::par);
  }
};

}  // namespace attd::systems

namespace attd::thrust_detail {

/// A system whose loop bodies cannot read all of the host's memory: it says where tensors must
/// live, and gives a copy that loop bodies can read of a small array of the host (offsets, token
/// ids), valid until another is asked for.
template <class System>
concept has_own_memory = requires(System& s, const index_t* p) {
  { s.memory() } -> std::convertible_to<const memory_source*>;
  { s.readable(p, index_t{}) } -> std::convertible_to<const index_t*>;
};

/// f(i) for i = 0 .. n - 1, in any order or at once: what f(i) writes no other f(j) may touch. So
/// every sum is made by one f(i), in a fixed order, and results are the same on all systems.
/// Returns when all are done, or on a system with a member `finish` perhaps before: then when that
/// returns. A system with a member `check` is shown f before.
template <class System, class F>
void for_each_index(System& system, index_t n, const F& f) {
  if (n == 0) return;
  if constexpr (requires { system.check(f); }) system.check(f);
  system.run([n, f](const auto& policy) {
    ::thrust::for_each_n(policy, ::thrust::counting_iterator<index_t>(0), n, f);
  });
}

}  // namespace attd::thrust_detail
