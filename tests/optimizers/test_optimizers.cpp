// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Inner optimisers against numbers worked out by hand.
#include <doctest/doctest.h>

#include <attd/optimizers/adam.hpp>
#include <attd/optimizers/gradient_descent.hpp>
#include <attd/optimizers/learned_rates.hpp>
#include <cmath>

namespace optimizer_test {

using attd::index_t;
using attd::tensor;

template <class T>
struct pair_of_leaves {
  tensor<T> a, b;
  static constexpr std::tuple names{"a", "b"};
};
using weights = pair_of_leaves<double>;

weights make(double a, double b) {
  weights w;
  w.a.assign({1}, a);
  w.b.assign({1, 1}, b);
  return w;
}

/// A run of one optimiser on given gradients.
template <class O>
struct trial {
  O optimizer;
  weights psi;
  typename O::template state<weights> state{};

  trial(O o, weights start) : optimizer(o), psi(start) { optimizer.initialize(psi, state); }
  void step(index_t k, double a, double b, double factor = 1.0) {
    optimizer.step(k, factor, make(a, b), psi, state);
  }
  double a() const { return psi.a.data()[0]; }
  double b() const { return psi.b.data()[0]; }
};

}  // namespace optimizer_test

using namespace optimizer_test;
namespace optimizers = attd::optimizers;
using doctest::Approx;

TEST_CASE("gradient descent takes rate times gradient") {
  trial t(optimizers::gradient_descent{0.5, 0.0, 0.0, 0}, make(1, 2));
  t.step(0, 4, -6);
  CHECK(t.a() == Approx(1 - 2.0));
  CHECK(t.b() == Approx(2 + 3.0));
  t.step(1, 4, -6, 0.25);  // after rejections the rate is smaller
  CHECK(t.a() == Approx(-1 - 0.5));
  CHECK(t.b() == Approx(5 + 0.75));
}

TEST_CASE("a gradient longer than clip is scaled to it over all leaves, a shorter one is not") {
  trial t(optimizers::gradient_descent{0.5, 1.0, 0.0, 0}, make(0, 0));
  t.step(0, 3, 4);  // norm 5
  CHECK(t.a() == Approx(-0.5 * 0.6));
  CHECK(t.b() == Approx(-0.5 * 0.8));
  trial s(optimizers::gradient_descent{0.5, 1.0, 0.0, 0}, make(0, 0));
  s.step(0, 0.3, 0.4);
  CHECK(s.a() == Approx(-0.15));
  CHECK(s.b() == Approx(-0.2));
  attd::operations::plain_loops here;
  CHECK(optimizers::detail::clip_factor(here, make(0.6, 0.8), 1.0) ==
        1.0);  // exactly at the border
  CHECK(optimizers::detail::clip_factor(here, make(0, 0), 1.0) == 1.0);
  CHECK(optimizers::detail::clip_factor(here, make(300, 400), 0.0) == 1.0);
}

TEST_CASE("rates decay with the step") {
  const optimizers::rate_schedule schedule{0.6, 0.5};
  CHECK(schedule.at(0) == Approx(0.6));
  CHECK(schedule.at(1) == Approx(0.4));
  CHECK(schedule.at(4) == Approx(0.2));
  trial t(optimizers::gradient_descent{0.6, 0.0, 0.5, 7}, make(0, 0));
  t.step(4, 1, -2);
  CHECK(t.a() == Approx(-0.2));
  CHECK(t.b() == Approx(0.4));
  CHECK(t.optimizer.reset_interval() == 7);
}

TEST_CASE("momentum carries its velocity on") {
  trial t(optimizers::momentum{0.1, 0.5, 0.0, 0.0, 0}, make(1, 0));
  t.step(0, 2, 0);  // v = 2
  CHECK(t.a() == Approx(0.8));
  t.step(1, 1, 0);  // v = 0.5 * 2 + 1 = 2
  CHECK(t.a() == Approx(0.6));
  t.step(2, 0, 0);  // v = 1: goes on without a gradient
  CHECK(t.a() == Approx(0.5));
  CHECK(t.b() == 0.0);
}

TEST_CASE("momentum clips the gradient, not the velocity") {
  trial t(optimizers::momentum{1.0, 1.0, 1.0, 0.0, 0}, make(0, 0));
  t.step(0, 10, 0);
  t.step(1, 10, 0);
  CHECK(t.a() == Approx(-1 - 2.0));
}

TEST_CASE("three steps of Adam") {
  // m = 0.1 g_1, ...; bias corrected; epsilon^2 = 1e-4 under the root; rates 0.1, 0.1/1.5, 0.05.
  trial t(optimizers::adam{0.1, 0.9, 0.99, 0.01, 0.0, 0.5, 0}, make(1, 1));
  t.step(0, 0.5, 0);
  CHECK(t.a() == Approx(1 - 0.1 * 0.5 / std::sqrt(0.25 + 1e-4)).epsilon(1e-14));
  t.step(1, -0.2, 0);
  CHECK(t.a() == Approx(0.8769497328502673).epsilon(1e-13));
  t.step(2, 0.3, 0);
  CHECK(t.a() == Approx(0.849686642399566).epsilon(1e-13));
  CHECK(t.b() == 1.0);  // gradients of exactly zero move nothing
}

TEST_CASE("Adam clips the gradient before its moments see it") {
  optimizers::adam o;
  o.clip = 1.0;
  trial long_gradient(o, make(0, 0)), unit(o, make(0, 0));
  long_gradient.step(0, 30, 40);
  unit.step(0, 0.6, 0.8);
  CHECK(long_gradient.a() == Approx(unit.a()).epsilon(1e-14));
  CHECK(long_gradient.b() == Approx(unit.b()).epsilon(1e-14));
  CHECK(long_gradient.state.second.b.data()[0] == Approx(0.001 * 0.64));
}

TEST_CASE("Adam starts again when its state is initialised again") {
  trial t(optimizers::adam{}, make(0, 0));
  t.step(0, 1, 2);
  const double first = t.a();
  t.step(1, 3, -5);
  t.psi = make(0, 0);
  t.optimizer.initialize(t.psi, t.state);
  t.step(0, 1, 2);
  CHECK(t.a() == first);
}

TEST_CASE("rates per parameter multiply the gradient of each number") {
  using O = optimizers::per_parameter_rates<optimizers::gradient_descent, weights>;
  trial t(O{{0.5, 0.0, 0.0, 3}, make(2, -1)}, make(0, 0));
  t.step(0, 1, 1);
  CHECK(t.a() == Approx(-1.0));
  CHECK(t.b() == Approx(0.5));
  CHECK(t.optimizer.reset_interval() == 3);
  trial clipped(O{{0.5, 1.0, 0.0, 0}, make(3, 4)}, make(0, 0));  // clipping sees the scaled one
  clipped.step(0, 1, 1);
  CHECK(clipped.a() == Approx(-0.3));
  CHECK(clipped.b() == Approx(-0.4));
}

TEST_CASE("an empty leaf takes part in nothing") {
  trial t(optimizers::adam{}, make(0, 0));
  t.psi.b = {};
  weights g = make(1, 0);
  g.b = {};
  t.optimizer.initialize(t.psi, t.state);
  t.optimizer.step(0, 1.0, g, t.psi, t.state);
  CHECK(t.a() == Approx(-0.01 / std::sqrt(1 + 1e-6)));
  CHECK(t.psi.b.empty());
}
