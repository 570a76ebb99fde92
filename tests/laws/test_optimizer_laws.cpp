// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The laws of inner optimisers: every default, a user's own, and broken ones.
#include <doctest/doctest.h>

#include <attd/adapters/low_rank.hpp>
#include <attd/optimizers/adam.hpp>
#include <attd/optimizers/gradient_descent.hpp>
#include <attd/optimizers/learned_rates.hpp>
#include <attd/testing/optimizer_laws.hpp>

#include "laws/checks.hpp"

namespace optimizer_law_test {

using attd::index_t;
using attd::sqrt;  // of every number type, float included
using attd::tanh;
namespace optimizers = attd::optimizers;

/// Fast weights of two leaves, one of which starts at zero.
attd::adapters::low_rank_weights<double> weights() {
  attd::adapters::low_rank_weights<double> psi;
  attd::adapters::low_rank{3, 0.5, {}}.initialize({attd::dynamics_kind::real_table, 4, 2, 4},
                                                  attd::random_stream{7, 1}, psi);
  return psi;
}

template <class O>
auto measured(const O& optimizer) {
  return attd::testing::measure_optimizer_laws(optimizer, weights());
}

/// A user's optimiser: each number moves by rate tanh(g), which needs no clipping.
struct squashed {
  double rate = 0.1;

  template <class W>
  using state = optimizers::no_state<W>;
  template <class W>
  void initialize(const W&, state<W>&) const {}
  template <class W>
  void step(index_t, double rate_factor, const W& gradient, W& psi, state<W>&) const {
    using T = attd::leaf_scalar_t<W>;
    optimizers::detail::for_each_scalar(
        [&](auto&& p, const auto& g) { p = T(p) - T(rate * rate_factor) * tanh(T(g)); }, psi,
        gradient);
  }
  index_t reset_interval() const { return 0; }
};

/// Broken: the rate falls with the number of calls, not with k.
struct counts_calls : squashed {
  mutable int calls = 0;
  template <class W>
  void step(index_t k, double rate_factor, const W& gradient, W& psi, state<W>& m) const {
    squashed{rate / (1.0 + ++calls)}.step(k, rate_factor, gradient, psi, m);
  }
};
/// Broken: the weights decay whatever the rate.
struct decays : squashed {
  template <class W>
  void step(index_t k, double rate_factor, const W& gradient, W& psi, state<W>& m) const {
    using T = attd::leaf_scalar_t<W>;
    squashed::step(k, rate_factor, gradient, psi, m);
    optimizers::detail::for_each_scalar([](auto&& p) { p = T(p) * T(0.99); }, psi);
  }
};
/// Broken: the derivative of a square root is infinite at 0.
struct rooted : squashed {
  template <class W>
  void step(index_t, double rate_factor, const W& gradient, W& psi, state<W>&) const {
    using T = attd::leaf_scalar_t<W>;
    optimizers::detail::for_each_scalar(
        [&](auto&& p, const auto& g) {
          p = T(p) - T(rate * rate_factor) * T(g) / (T(1) + sqrt(T(g) * T(g)));
        },
        psi, gradient);
  }
};
/// Broken: the gradient is cut out of the tangents.
struct detached : squashed {
  template <class W>
  void step(index_t, double rate_factor, const W& gradient, W& psi, state<W>&) const {
    using T = attd::leaf_scalar_t<W>;
    optimizers::detail::for_each_scalar(
        [&](auto&& p, const auto& g) { p = T(p) - T(rate * rate_factor) * T(attd::primal(T(g))); },
        psi, gradient);
  }
};

}  // namespace optimizer_law_test

using namespace optimizer_law_test;
using attd_test::check_holds;
using attd_test::reported;

TEST_CASE("the laws hold for gradient descent and momentum, clipped, unclipped and decaying") {
  check_holds(measured(optimizers::gradient_descent{}));
  check_holds(measured(optimizers::gradient_descent{0.3, 0.0, 0.5, 4}));
  check_holds(measured(optimizers::momentum{}));
  check_holds(measured(optimizers::momentum{0.3, 0.5, 0.0, 0.5, 0}));
}

TEST_CASE("the laws hold for Adam, clipped and unclipped") {
  check_holds(measured(optimizers::adam{}));
  optimizers::adam clipped;
  clipped.clip = 1.0;
  clipped.decay = 0.2;
  check_holds(measured(clipped));
}

TEST_CASE("the laws hold for rates per parameter around every optimiser") {
  auto scale = weights();
  attd::testing::detail::fill_normal(attd::random_stream{9, 1}, 1.0, scale);
  using W = attd::adapters::low_rank_weights<double>;
  check_holds(measured(optimizers::per_parameter_rates<optimizers::adam, W>{{}, scale}));
  check_holds(
      measured(optimizers::per_parameter_rates<optimizers::gradient_descent, W>{{}, scale}));
  check_holds(measured(optimizers::per_parameter_rates<optimizers::momentum, W>{{}, scale}));
}

TEST_CASE("the laws hold for an optimiser that a user wrote") { check_holds(measured(squashed{})); }

TEST_CASE("the optimiser laws report hidden state, unasked decay and lost or wild tangents") {
  CHECK(reported(measured(counts_calls{}), "L1"));
  const auto decaying = measured(decays{});
  CHECK(reported(decaying, "L2"));
  CHECK(reported(decaying, "L1"));
  CHECK(reported(measured(rooted{}), "L3"));
  CHECK(reported(measured(detached{}), "L3"));
  CHECK_FALSE(reported(measured(detached{}), "L2"));
}
