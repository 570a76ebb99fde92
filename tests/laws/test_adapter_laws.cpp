// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The laws of adapters: every default on every kind of dynamics it is for, and a user's own.
#include <doctest/doctest.h>

#include <attd/adapters/full.hpp>
#include <attd/adapters/log_low_rank.hpp>
#include <attd/adapters/low_rank.hpp>
#include <attd/adapters/none.hpp>
#include <attd/adapters/timescale.hpp>
#include <attd/testing/adapter_laws.hpp>
#include <tuple>

#include "laws/checks.hpp"

namespace adapter_law_test {

using attd::dynamics;
using attd::dynamics_kind;
using attd::dynamics_layout;
using attd::exp;  // of every number type, float included
using attd::index_t;
using attd::log;
using attd::none;
using attd::tensor;
namespace adapters = attd::adapters;

constexpr dynamics_layout discrete{dynamics_kind::dense_discrete, 4, 4, 0};
constexpr dynamics_layout continuous{dynamics_kind::dense_continuous, 4, 4, 1};
constexpr dynamics_layout real_table{dynamics_kind::real_table, 3, 4, 3};
constexpr dynamics_layout complex_table{dynamics_kind::complex_table, 3, 4, 2};

// Narrow bounds, so that at the larger points some entries are clamped on either side.
constexpr adapters::table_bounds narrow{0.05, 20.0, 1.5};

template <class A>
auto measured(const A& adapter, const dynamics_layout& layout,
              const adapters::table_bounds& limits = {}) {
  attd::testing::adapter_law_options options;
  options.slowest = limits.slowest;
  options.fastest = limits.fastest;
  return attd::testing::measure_adapter_laws(adapter, layout, options);
}

/// The simplest adapter a user may write: one factor for the whole matrix.
struct scaled {
  double slope = 1.0;  ///< 1 is right; anything else makes a wrong pullback

  template <class T>
  struct fast_weights {
    tensor<T> log_factor;  ///< [1, 1]
    static constexpr std::tuple names{"log_factor"};
  };
  static constexpr bool adapts_timescale = false;

  template <class T>
  void initialize(const dynamics_layout&, attd::random_stream, fast_weights<T>& psi) const {
    psi.log_factor.assign({1, 1});
  }
  template <class D>
  static adapters::bounded<D> limited(const fast_weights<D>& psi) {
    using R = attd::primal_t<D>;
    return adapters::clamp(D(psi.log_factor(0, 0)), R(-2), R(2));
  }
  template <class D>
  static D factor(const fast_weights<D>& psi) {
    return exp(limited(psi).value);
  }
  template <class P, class D, class S, class Tau>
  void apply(const dynamics_layout&, const dynamics<P>& base, const fast_weights<D>& psi,
             dynamics<S, Tau>& out) const {
    out.matrix.resize(base.matrix.shape());
    for (index_t i = 0; i < base.matrix.extent(1); ++i) {
      for (index_t j = 0; j < base.matrix.extent(2); ++j) {
        out.matrix(0, i, j) = S(P(base.matrix(0, i, j))) * S(factor(psi));
      }
    }
  }
  template <class P, class D, class S, class Tau, class DB, class G>
  void pullback(const dynamics_layout&, const dynamics<P>& base, const fast_weights<D>& psi,
                const dynamics<S, Tau>& d_out, dynamics<DB>& d_base, fast_weights<G>& d_psi) const {
    const bool free = limited(psi).free;
    for (index_t i = 0; i < base.matrix.extent(1); ++i) {
      for (index_t j = 0; j < base.matrix.extent(2); ++j) {
        const G g = G(S(d_out.matrix(0, i, j))) * G(factor(psi));
        if (free) d_psi.log_factor(0, 0) += g * G(P(base.matrix(0, i, j))) * G(slope);
        if constexpr (!std::is_same_v<DB, none>) d_base.matrix(0, i, j) += g;
      }
    }
  }
  template <class Alpha, class T>
  void shrink(const Alpha& alpha, fast_weights<T>& psi) const {
    const T change = factor(psi) - T(1);
    psi.log_factor(0, 0) = log(T(1) + T(alpha) * change);
  }
};

/// Its mistakes: the bounds are forgotten, `apply` adds to what is there, `shrink` is linear in
/// psi.
struct careless : scaled {
  template <class P, class D, class S, class Tau>
  void apply(const dynamics_layout& layout, const dynamics<P>& base, const fast_weights<D>& psi,
             dynamics<S, Tau>& out) const {
    if (!(out.matrix.shape() == base.matrix.shape())) out.matrix.resize(base.matrix.shape());
    for (index_t i = 0; i < layout.rows; ++i) {
      for (index_t j = 0; j < layout.columns; ++j) {
        out.matrix(0, i, j) = S(P(base.matrix(0, i, j))) + S(D(psi.log_factor(0, 0)));
      }
    }
    ++calls;
    out.matrix(0, 0, 0) += S(1e-9 * double(calls));
  }
  template <class Alpha, class T>
  void shrink(const Alpha&, fast_weights<T>&) const {}
  mutable int calls = 0;
};

}  // namespace adapter_law_test

using namespace adapter_law_test;
using attd_test::check_holds;
using attd_test::reported;

TEST_CASE("the laws hold for no_adapter on every kind of dynamics") {
  for (const auto& layout : {discrete, continuous, real_table, complex_table}) {
    check_holds(measured(adapters::no_adapter{}, layout));
  }
}

TEST_CASE_TEMPLATE("the laws hold for additive adapters on every kind of dynamics", A,
                   adapters::low_rank, adapters::full) {
  A wide, bounded;
  bounded.limits = narrow;
  for (const auto& layout : {discrete, continuous, real_table, complex_table}) {
    CAPTURE(int(layout.kind));
    check_holds(measured(wide, layout, wide.limits));
    check_holds(measured(bounded, layout, narrow));
  }
}

TEST_CASE("the laws hold for log_low_rank on tables") {
  for (const auto& layout : {real_table, complex_table}) {
    CAPTURE(int(layout.kind));
    check_holds(measured(adapters::log_low_rank{}, layout, adapters::table_bounds{}));
    check_holds(measured(adapters::log_low_rank{3, 0.5, narrow}, layout, narrow));
  }
}

TEST_CASE("the laws hold for timescale around every adapter that it may wrap") {
  for (const auto& layout : {real_table, complex_table}) {
    CAPTURE(int(layout.kind));
    check_holds(measured(adapters::timescale<>{{2, 0.5, narrow}, 3.0}, layout, narrow));
    check_holds(
        measured(adapters::timescale<adapters::low_rank>{{2, 0.5, narrow}, 0.5}, layout, narrow));
  }
  check_holds(measured(adapters::timescale<adapters::full>{}, continuous));
  check_holds(measured(adapters::timescale<adapters::no_adapter>{}, real_table));
}

TEST_CASE("the larger points of the adapter laws do reach the clamps on both sides") {
  adapters::full adapter{narrow};
  const attd::testing::detail::adapter_probe<adapters::full> probe{adapter, complex_table, {1, 1}};
  const auto effective = probe.apply(probe.point(30.0));
  index_t slow = 0, fast = 0, inside = 0;
  for (index_t i = 0; i < effective.matrix.size(); ++i) {
    const double a = effective.matrix.data()[i];
    slow += a == -narrow.slowest;
    fast += a == -narrow.fastest;
    inside += a < -narrow.slowest && a > -narrow.fastest;
  }
  CHECK(slow > 0);
  CHECK(fast > 0);
  CHECK(inside > 0);
}

TEST_CASE("the laws hold for an adapter that a user wrote") {
  check_holds(measured(scaled{}, discrete));
  check_holds(measured(scaled{}, real_table));
}

TEST_CASE("the adapter laws report a wrong sign and a small error of the pullback") {
  CHECK(reported(measured(scaled{-1.0}, discrete), "L1"));
  CHECK(reported(measured(scaled{1.0001}, real_table), "L1"));
}

TEST_CASE("the adapter laws report lost bounds, hidden state and a shrink that does nothing") {
  const auto table = measured(careless{}, real_table);
  CHECK(reported(table, "L2"));
  CHECK(reported(table, "L3"));
  CHECK(reported(measured(careless{}, discrete), "shrink"));
}
