// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The InnerOptimizer concept: how a step is taken from a gradient.
#pragma once

#include <attd/core/leaves.hpp>
#include <concepts>

namespace attd {

/// An inner optimiser turns fast weights, their gradient and its own state into new fast weights.
/// It is written over aggregates of tensors `W` (the fast weights of all adapted systems) and works
/// for every adapter and number type.
///
/// Requirements on `O`:
/// 1. `template <class W> using state`: a plain aggregate with static `names`; usually copies of W.
/// 2. `void initialize(const W& psi, state<W>&) const`: the state before the first step.
/// 3. `void step(index_t k, double rate_factor, const W& gradient, W& psi, state<W>&) const`: step
/// k
///    (counted over the life of the fast weights; never a function of how many are to come) with
///    its rate times rate_factor (<= 1 after rejections).
/// 4. `index_t reset_interval() const`: accepted steps after which the engine puts psi_0 back
/// before
///    the next input, never in the middle of one; 0 = never.
///
/// 5. optional: `step` with a backend in front, in terms of `operations::each_number` and
///    `reduce_numbers` (operations/numbers.hpp), whose functors have a call operator marked
///    `ATTD_HD`, and `ATTD_ALSO_RECORDED` if requirement 3 uses them too. Without it the step is
///    the host's, which a GPU then waits for. What it has in leaves of other types is the host's:
///    `operations::finish` before looking at it.
///
/// Training through the adaptation calls `step` with `recorded<T>` numbers and differentiates what
/// it did: convert with the leaves' own type, use attd's `sqrt`, `exp`, ..., branch on `primal(x)`.
/// Settings that are of a template number type (`basic_adam<R>`) get gradients too
/// (core/settings.hpp); plain `double` settings are constants.
///
/// Laws (attd/testing/optimizer_laws.hpp measures them on any inner optimiser):
/// L1. Rates depend on k only, so that psi_0 .. psi_K is one trajectory for every K; a step is
///     proportional to rate_factor.
/// L2. rate_factor = 0 or a zero gradient (without momentum) leaves psi as it is.
/// L3. `step` is differentiable in psi, gradient and state away from where its clipping sets in,
///     with finite tangents where the gradient is 0.
///
/// Defaults: optimizers::gradient_descent, momentum, adam, per_parameter_rates.
namespace detail {

// The smallest aggregate that an optimiser must accept.
template <class T>
struct probe_weights {
  tensor<T> w;
  static constexpr std::tuple names{"w"};
};

template <class O>
concept has_optimizer_state =
    requires { typename O::template state<detail::probe_weights<double>>; };
template <class O>
concept has_optimizer_initialize =
    requires(const O& o, const probe_weights<double>& psi,
             typename O::template state<probe_weights<double>>& m) { o.initialize(psi, m); };
template <class O>
concept has_step = requires(const O& o, const probe_weights<double>& g, probe_weights<double>& psi,
                            typename O::template state<probe_weights<double>>& m) {
  o.step(index_t{0}, 1.0, g, psi, m);
};
template <class O>
concept has_reset_interval = requires(const O& o) {
  { o.reset_interval() } -> std::same_as<index_t>;
};

}  // namespace detail

template <class O>
concept InnerOptimizer = detail::has_optimizer_state<O> && detail::has_optimizer_initialize<O> &&
                         detail::has_step<O> && detail::has_reset_interval<O>;

/// Says in one sentence what `O` lacks to be an InnerOptimizer.
template <class O>
consteval bool check_inner_optimizer() {
  if constexpr (!detail::has_optimizer_state<O>) {
    static_assert(detail::has_optimizer_state<O>,
                  "attd: InnerOptimizer needs a member template state<W>, an aggregate; "
                  "see docs/concepts/inner_optimizer.md#state");
  } else if constexpr (!detail::has_optimizer_initialize<O>) {
    static_assert(detail::has_optimizer_initialize<O>,
                  "attd: InnerOptimizer needs initialize(const W& psi, state<W>&) const; "
                  "see docs/concepts/inner_optimizer.md#initialize");
  } else if constexpr (!detail::has_step<O>) {
    static_assert(
        detail::has_step<O>,
        "attd: InnerOptimizer needs step(index_t k, double rate_factor, const W& gradient, "
        "W& psi, state<W>&) const; see docs/concepts/inner_optimizer.md#step");
  } else if constexpr (!detail::has_reset_interval<O>) {
    static_assert(detail::has_reset_interval<O>,
                  "attd: InnerOptimizer needs index_t reset_interval() const; "
                  "see docs/concepts/inner_optimizer.md#reset_interval");
  }
  return true;
}

}  // namespace attd
