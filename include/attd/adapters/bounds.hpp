// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// How far an adapted table of rates may go: bounded in the forward, so always stable.
#pragma once

#include <algorithm>
#include <attd/core/dynamics.hpp>
#include <attd/core/math.hpp>

namespace attd::adapters {

/// Limits of adapted diagonal dynamics (tables). Dense matrices are not limited here: they are
/// certified after each step (attd/adaptation/stability.hpp).
struct table_bounds {
  double slowest = 1e-4;  ///< the effective rate A stays at or below -slowest (> 0)
  double fastest = 1e4;   ///< and at or above -fastest
  double imaginary_shift = 3.14159265358979323846;  ///< |Im A - Im A_0| stays within it
};

/// A rate and whether it moved freely: a clamped entry has derivative 0.
template <class S>
struct bounded {
  S value;
  bool free;
};

/// How many numbers of adapted dynamics lie on one of their limits.
struct clamp_count {
  index_t clamped = 0;
  index_t total = 0;

  template <class S>
  void add(const bounded<S>& b) {
    ++total;
    clamped += b.free ? 0 : 1;
  }
};

/// clamp(x, low, high); the branch is decided on the primal value.
template <class S>
ATTD_HD inline bounded<S> clamp(S x, primal_t<S> low, primal_t<S> high) {
  if (!(primal(x) >= low)) return {S(low), false};
  if (!(primal(x) <= high)) return {S(high), false};
  return {x, true};
}

/// base + change, limited as the kind of dynamics demands. A trained rate beyond the limits widens
/// them to itself, so that no change leaves the model as it was trained.
struct added_rate {
  bool limited;  ///< of a table
  double slowest, fastest;

  static added_rate of(const dynamics_layout& layout, const table_bounds& b) {
    return {!is_dense(layout.kind), b.slowest, b.fastest};
  }

  template <class S>
  ATTD_HD bounded<S> operator()(const S& base, const S& change) const {
    using P = primal_t<S>;
    const S sum = base + change;
    if (!limited) return {sum, true};
    const P trained = primal(base);
    return clamp(sum, std::min(P(-fastest), trained), std::max(P(-slowest), trained));
  }
};

/// The imaginary part base + change, the change limited.
struct added_frequency {
  double limit;

  static added_frequency of(const table_bounds& b) { return {b.imaginary_shift}; }

  template <class S>
  ATTD_HD bounded<S> operator()(const S& base, const S& change) const {
    const bounded<S> c = clamp(change, primal_t<S>(-limit), primal_t<S>(limit));
    return {base + c.value, c.free};
  }
};

/// A formula of bounded numbers as one of plain numbers, for operations.
template <class F>
struct value_of {
  static constexpr bool scalar = true;  // it has branches
  F f;

  template <class... S>
  ATTD_HD auto operator()(const S&... x) const {
    return f(x...).value;
  }
};
template <class F>
value_of(F) -> value_of<F>;

/// 1 where a formula of bounded numbers holds its result at a limit, else 0.
template <class F>
struct held_by {
  static constexpr bool scalar = true;
  F f;

  template <class S, class... Rest>
  ATTD_HD S operator()(const S& x, const Rest&... rest) const {
    return S(f(x, rest...).free ? 0 : 1);
  }
};
template <class F>
held_by(F) -> held_by<F>;

}  // namespace attd::adapters
