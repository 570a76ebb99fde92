// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// What the inner optimisers share: clipping by norm, and rates that decay with the step.
#pragma once

#include <attd/concepts/inner_optimizer.hpp>
#include <attd/core/math.hpp>
#include <attd/core/recorded.hpp>
#include <attd/operations/numbers.hpp>
#include <type_traits>

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
  operations::plain_loops here;
  operations::each_number(here, f, first, rest...);
}

struct squared_number {
  template <class G>
  ATTD_HD double operator()(const G& g) const {
    return double(g) * double(g);
  }
};

/// |gradient|^2 in the gradient's own type.
template <class Backend, class W>
auto squared_length(Backend& backend, const W& gradient) {
  using T = leaf_scalar_t<W>;
  if constexpr (operations::WalksLeaves<Backend>) {
    return T(operations::reduce_numbers(backend, squared_number{}, operations::sum_of_numbers{},
                                        0.0, gradient));
  } else {
    T norm2(0);
    for_each_scalar([&](const auto& g) { norm2 += T(g) * T(g); }, gradient);
    return norm2;
  }
}

/// Factor that scales a gradient to norm `clip` where it is longer, else exactly 1. No square root
/// is taken at 0. clip <= 0: no clipping.
template <class Backend, class W, class R>
auto clip_factor(Backend& backend, const W& gradient, const R& clip) {
  using T = leaf_scalar_t<W>;
  if (primal(clip) <= 0) return T(1);
  const T norm2 = squared_length(backend, gradient);
  // In the gradient's own type: a recorded gradient then takes the same branch as a plain one.
  const auto limit = static_cast<primal_t<T>>(primal(clip));
  if (!(primal(norm2) > limit * limit)) return T(1);
  return T(clip) / sqrt(norm2);
}

}  // namespace detail

/// Whether an optimiser's `step` can be given the backend that the numbers lie with, in front.
template <class O, class Backend, class W>
concept StepsOnBackend =
    operations::WalksLeaves<Backend> && std::is_floating_point_v<leaf_scalar_t<W>> &&
    requires(const O& o, Backend& backend, const W& g, W& psi, typename O::template state<W>& m) {
      o.step(backend, index_t{0}, 1.0, g, psi, m);
    };

/// Takes a step by the backend where both can, else on the host, once all is done that was started.
template <class O, class Backend, class W, class State>
void take_step(const O& optimizer, Backend& backend, index_t k, double rate_factor,
               const W& gradient, W& psi, State& state) {
  if constexpr (StepsOnBackend<O, Backend, W>) {
    optimizer.step(backend, k, rate_factor, gradient, psi, state);
  } else {
    operations::finish(backend);
    optimizer.step(k, rate_factor, gradient, psi, state);
  }
}

}  // namespace attd::optimizers
