// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Recorded numbers: arithmetic, functions and branches against dual numbers and differences.
#include <doctest/doctest.h>

#include <attd/core/math.hpp>
#include <attd/core/recorded.hpp>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

namespace {

using attd::dual;
using attd::index_t;
using R = attd::recorded<double>;
using D = dual<double>;

bool near(double found, double expected, double tolerance) {
  return std::fabs(found - expected) <= tolerance * std::fmax(1.0, std::fabs(expected));
}

// f recorded, in duals, and by central differences.
template <class F>
void expect_slope(const std::string& name, F f, std::initializer_list<double> points) {
  attd::tape<double> tape;
  for (const double x : points) {
    CAPTURE(name);
    CAPTURE(x);
    tape.clear();
    const R at = tape.variable(x);
    const R y = f(at);
    const D d = f(D(x, 1.0));
    CHECK(y.value == d.value);
    tape.begin();
    tape.seed(y, 3.0);
    tape.pull();
    CHECK(near(tape.adjoint(at), 3.0 * d.tangent, 1e-14));
    constexpr double h = 1e-5;
    CHECK(near((f(x + h) - f(x - h)) / (2 * h), d.tangent, 1e-8));
    // A constant goes through the same formula and is on no tape.
    const R constant = f(R(x));
    CHECK(constant.value == d.value);
    CHECK(constant.index == -1);
  }
}

// All arithmetic of two operands, each used more than once.
template <class T>
T mixed(const T& a, const T& b) {
  T c = a * b + T(2) * a - b / (a + T(3));
  c += a;
  c *= b;
  c -= T(0.5) * c / b;
  c /= T(1) + a * a;
  return -c + a * 2.0 - 1.0 / b;
}

}  // namespace

TEST_CASE("recorded arithmetic has the slopes of dual numbers in both operands") {
  attd::tape<double> tape;
  for (const double x : {-0.7, 0.3, 2.0}) {
    for (const double y : {-1.2, 0.4, 5.0}) {
      CAPTURE(x);
      CAPTURE(y);
      tape.clear();
      const R a = tape.variable(x), b = tape.variable(y);
      const R c = mixed(a, b);
      CHECK(near(c.value, mixed(x, y), 1e-15));
      tape.begin();
      tape.seed(c, 1.0);
      tape.pull();
      CHECK(near(tape.adjoint(a), mixed(D(x, 1.0), D(y, 0.0)).tangent, 1e-13));
      CHECK(near(tape.adjoint(b), mixed(D(x, 0.0), D(y, 1.0)).tangent, 1e-13));
    }
  }
}

TEST_CASE("recorded functions have the slopes of dual numbers and of differences") {
  const auto expect = [](const char* name, auto f, std::initializer_list<double> points) {
    expect_slope(name, f, points);
  };
  using namespace attd;
  expect("exp", [](auto x) { return exp(x); }, {-3.0, 0.0, 1.5});
  expect("log", [](auto x) { return log(x); }, {0.2, 1.0, 7.0});
  expect("log1p", [](auto x) { return log1p(x); }, {-0.5, 0.0, 3.0});
  expect("sqrt", [](auto x) { return sqrt(x); }, {0.3, 1.0, 9.0});
  expect("sin", [](auto x) { return sin(x); }, {-2.0, 0.0, 0.9});
  expect("cos", [](auto x) { return cos(x); }, {-2.0, 0.0, 0.9});
  expect("atan", [](auto x) { return atan(x); }, {-4.0, 0.0, 0.6});
  expect("tanh", [](auto x) { return tanh(x); }, {-1.0, 0.0, 0.4});
  expect("erf", [](auto x) { return erf(x); }, {-1.0, 0.0, 0.7});
  expect("abs", [](auto x) { return abs(x); }, {-1.5, 0.4});
  expect("square", [](auto x) { return square(x); }, {-1.5, 0.0, 0.4});
  expect("sigmoid", [](auto x) { return sigmoid(x); }, {-30.0, -0.4, 0.3, 30.0});
  expect("softplus", [](auto x) { return softplus(x); }, {-30.0, -0.4, 0.3, 30.0});
  expect("silu", [](auto x) { return silu(x); }, {-2.0, 0.3});
  expect("gelu", [](auto x) { return gelu(x); }, {-2.0, 0.3});
}

TEST_CASE("a recorded power with a constant exponent has slope n x^(n - 1)") {
  attd::tape<double> tape;
  for (const double x : {0.9, 0.999, 2.0}) {
    for (const double n : {1.0, 2.0, 17.0, 0.5, -1.5}) {
      CAPTURE(x);
      CAPTURE(n);
      tape.clear();
      const R at = tape.variable(x);
      const R y = pow(at, n);
      CHECK(y.value == std::pow(x, n));
      tape.begin();
      tape.seed(y, 1.0);
      tape.pull();
      CHECK(near(tape.adjoint(at), n * std::pow(x, n - 1), 1e-14));
    }
  }
}

TEST_CASE("branches look at the value, and a selected constant has no slope") {
  attd::tape<double> tape;
  const R x = tape.variable(2.0), y = tape.variable(3.0);
  CHECK(x < y);
  CHECK(y > x);
  CHECK(x <= 2.0);
  CHECK(x >= 2.0);
  CHECK(attd::primal(x) == 2.0);
  static_assert(std::is_same_v<attd::primal_t<R>, double>);
  const R kept = attd::select(x < y, x * x, y), dropped = attd::select(x > y, x, R(7.0));
  tape.begin();
  tape.seed(kept, 1.0);
  tape.seed(dropped, 100.0);  // a constant: goes nowhere
  tape.pull();
  CHECK(tape.adjoint(x) == 4.0);
  CHECK(tape.adjoint(y) == 0.0);
  CHECK(tape.adjoint(dropped) == 0.0);
  CHECK(attd::is_finite(x));
  CHECK_FALSE(attd::is_finite(R(std::numeric_limits<double>::infinity())));
}

TEST_CASE("an adjoint of zero passes an infinite slope") {
  attd::tape<double> tape;
  const R x = tape.variable(0.0);
  const R root = attd::sqrt(x), sum = x * 2.0;
  tape.begin();
  tape.seed(root, 0.0);
  tape.seed(sum, 1.0);
  tape.pull();
  CHECK(tape.adjoint(x) == 2.0);
}

TEST_CASE("several seeds add up, a pull in stages is the pull of the whole") {
  attd::tape<double> tape;
  const auto run = [&](bool staged) {
    tape.clear();
    const R a = tape.variable(0.8), b = tape.variable(-0.3);
    const R inner = a * b + attd::exp(a);
    const index_t mark = tape.size();
    const R first = inner * a, second = attd::sin(inner);
    tape.begin();
    tape.seed(first, 2.0);
    tape.seed(second, -1.0);
    if (staged) {
      tape.pull(mark);
      tape.seed(inner, 0.25);  // what another pullback says of it
      tape.pull_range(mark, 0);
    } else {
      tape.seed(inner, 0.25);
      tape.pull();
    }
    return std::vector<double>{tape.adjoint(a), tape.adjoint(b)};
  };
  const auto whole = run(false), staged = run(true);
  CHECK(whole[0] == staged[0]);
  CHECK(whole[1] == staged[1]);
  // d/da of 2 (a b + e^a) a - sin(a b + e^a) + (a b + e^a) / 4.
  const D a(0.8, 1.0);
  const D inner = a * -0.3 + attd::exp(a);
  CHECK(near(whole[0], (2.0 * inner * a - attd::sin(inner) + 0.25 * inner).tangent, 1e-14));
}

TEST_CASE("recorded numbers in float have the slopes of those in double") {
  attd::tape<float> tape;
  const attd::recorded<float> x = tape.variable(0.7f);
  const auto y = attd::tanh(x) * x / attd::sqrt(x + 1.0f);
  tape.begin();
  tape.seed(y, 1.0f);
  tape.pull();
  const D d(0.7, 1.0);
  CHECK(tape.adjoint(x) ==
        doctest::Approx((attd::tanh(d) * d / attd::sqrt(d + 1.0)).tangent).epsilon(1e-6));
}
