// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// What the inner optimisers share: clipping by norm, and rates that decay with the step.
#pragma once

#include <attd/concepts/inner_optimizer.hpp>
#include <attd/core/math.hpp>
#include <attd/core/recorded.hpp>

namespace attd::optimizers {

/// rate / (1 + decay k): depends on the step, never on how many are to come. `R` is the number type
/// of an optimiser's settings: `double`, or `recorded<>` where their gradients are asked for.
template <class R = double>
struct rate_schedule {
  R rate = R(0.1);
  R decay = R(0);

  R at(index_t k) const { return rate / (R(1) + decay * R(double(k))); }
};
template <class R>
rate_schedule(R, R) -> rate_schedule<R>;

namespace detail {

/// Calls f(psi_i, gradient_i, state_i...) for every scalar; the first argument may be assigned.
template <class F, class W, class... Rest>
void for_each_scalar(F f, W& first, Rest&... rest) {
  for_each_leaf(
      [&](auto& leaf, auto&... others) {
        if (leaf.empty()) return;
        [&](const auto& v, const auto&... w) {
          const index_t rows = v.rows(), columns = v.columns();
          if constexpr (requires { f(v.data()[0], w.data()[0]...); }) {
            // Plain numbers without gaps: one loop, which the compiler makes vectors of.
            for (index_t i = 0; i < rows * columns; ++i) f(v.data()[i], w.data()[i]...);
          } else {
            for (index_t r = 0; r < rows; ++r) {
              for (index_t c = 0; c < columns; ++c) f(v.at(r, c), w.at(r, c)...);
            }
          }
        }(leaf.view(), others.view()...);
      },
      first, rest...);
}

/// Factor that scales a gradient to norm `clip` where it is longer, else exactly 1. No square root
/// is taken at 0. clip <= 0: no clipping.
template <class W, class R>
auto clip_factor(const W& gradient, const R& clip) {
  using T = leaf_scalar_t<W>;
  if (primal(clip) <= 0) return T(1);
  T norm2(0);
  for_each_scalar([&](const auto& g) { norm2 += T(g) * T(g); }, gradient);
  // In the gradient's own type: a recorded gradient then takes the same branch as a plain one.
  const auto limit = static_cast<primal_t<T>>(primal(clip));
  if (!(primal(norm2) > limit * limit)) return T(1);
  return T(clip) / sqrt(norm2);
}

}  // namespace detail

}  // namespace attd::optimizers
