// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Discretised diagonal complex systems: hand numbers, gradients, duals and order of convergence.
#include <doctest/doctest.h>

#include <attd/operations/complex_discretization.hpp>
#include <attd/testing/gradient_check.hpp>
#include <cmath>
#include <complex>

using namespace attd::operations;
using attd::dual;
using attd::index_t;
using attd::none;
using attd::tensor;
using attd::view;
namespace testing = attd::testing;

namespace {

struct discretization_loops {};

constexpr double pi = 3.14159265358979323846;

template <class T>
struct results {
  tensor<T> a_re, a_im, b_re, b_im;
  explicit results(const attd::shape& s) : a_re(s), a_im(s), b_re(s), b_im(s) {}
};

template <class Rule>
struct one_mode {
  std::complex<double> a, b;
  one_mode(double dt, std::complex<double> pole) {
    discretization_loops backend;
    const tensor<double> step({1}, dt), re({1, 1, 1}, pole.real()), im({1, 1, 1}, pole.imag());
    results<double> r({1, 1, 1});
    complex_discretization(backend, Rule{}, step.view(), re.view(), im.view(), view<none>{},
                           r.a_re.view(), r.a_im.view(), r.b_re.view(), r.b_im.view());
    a = {r.a_re(0, 0, 0), r.a_im(0, 0, 0)};
    b = {r.b_re(0, 0, 0), r.b_im(0, 0, 0)};
  }
};

bool close(std::complex<double> x, std::complex<double> y) { return std::abs(x - y) < 1e-15; }

/// Inputs of number type T with 3 samples (a and tau per sample or shared), 2 channels, 3 modes.
template <class T>
struct inputs {
  tensor<T> dt{{2}}, re, im, tau;
  inputs(index_t a_samples, index_t tau_samples)
      : re({a_samples, 2, 3}), im({a_samples, 2, 3}), tau({tau_samples, 2}) {}
};

inputs<double> example(index_t a_samples, index_t tau_samples) {
  inputs<double> x(a_samples, tau_samples);
  x.dt(0) = 0.3;
  x.dt(1) = 0.02;  // the series side of phi1
  for (index_t i = 0; i < x.re.size(); ++i) {
    x.re.data()[i] = -0.2 - 0.17 * static_cast<double>(i);
    x.im.data()[i] = 3.1 * std::sin(1.0 + static_cast<double>(i));
  }
  x.re.data()[0] = x.im.data()[0] = 0;  // an integrator
  for (index_t i = 0; i < x.tau.size(); ++i)
    x.tau.data()[i] = 0.3 * std::cos(static_cast<double>(i));
  return x;
}

double weight(index_t i) { return std::cos(0.7 + 1.3 * static_cast<double>(i)); }

template <class Rule>
double loss(const inputs<double>& x) {
  discretization_loops backend;
  results<double> r({3, 2, 3});
  complex_discretization(backend, Rule{}, x.dt.view(), x.re.view(), x.im.view(), x.tau.view(),
                         r.a_re.view(), r.a_im.view(), r.b_re.view(), r.b_im.view());
  double sum = 0;
  for (index_t i = 0; i < r.a_re.size(); ++i) {
    sum += weight(i) * r.a_re.data()[i] + weight(i + 20) * r.a_im.data()[i] +
           weight(i + 40) * r.b_re.data()[i] + weight(i + 60) * r.b_im.data()[i];
  }
  return sum;
}

/// The gradient of `loss` with respect to all inputs, in number type T.
template <class Rule, class T>
inputs<T> gradient(const inputs<T>& x) {
  discretization_loops backend;
  results<double> g({3, 2, 3});
  for (index_t i = 0; i < g.a_re.size(); ++i) {
    g.a_re.data()[i] = weight(i);
    g.a_im.data()[i] = weight(i + 20);
    g.b_re.data()[i] = weight(i + 40);
    g.b_im.data()[i] = weight(i + 60);
  }
  inputs<T> d(x.re.extent(0), x.tau.extent(0));
  complex_discretization_backward(backend, Rule{}, x.dt.view(), x.re.view(), x.im.view(),
                                  x.tau.view(), g.a_re.view(), g.a_im.view(), g.b_re.view(),
                                  g.b_im.view(), d.dt.view(), d.re.view(), d.im.view(),
                                  d.tau.view());
  return d;
}

template <class F>
void for_each_tensor(F f, auto&... x) {
  f(x.dt...);
  f(x.re...);
  f(x.im...);
  f(x.tau...);
}

inputs<double> shifted(inputs<double> x, const inputs<double>& direction, double h) {
  for_each_tensor([h](auto& v, const auto& d) { v = testing::shifted(v, d, h); }, x, direction);
  return x;
}

tensor<double> flat(const inputs<double>& x) {
  tensor<double> all({x.dt.size() + x.re.size() + x.im.size() + x.tau.size()});
  index_t at = 0;
  for_each_tensor(
      [&](const auto& v) {
        for (index_t i = 0; i < v.size(); ++i) all.data()[at++] = v.data()[i];
      },
      x);
  return all;
}

}  // namespace

TEST_CASE("zero-order hold of one mode gives the numbers of a hand calculation") {
  const one_mode<zero_order_hold_rule> decay(std::log(2.0), -1.0);
  CHECK(close(decay.a, 0.5));
  CHECK(close(decay.b, 0.5));  // (1/2 - 1) / -1
  const one_mode<zero_order_hold_rule> turn(0.5, {0, pi});
  CHECK(close(turn.a, {0, 1}));
  CHECK(close(turn.b, {1 / pi, 1 / pi}));  // (i - 1) / (i pi)
  const one_mode<zero_order_hold_rule> integrator(0.25, 0.0);
  CHECK(close(integrator.a, 1));
  CHECK(close(integrator.b, 0.25));
}

TEST_CASE("the bilinear rule of one mode gives the numbers of a hand calculation") {
  const one_mode<bilinear_rule> decay(1.0, -1.0);
  CHECK(close(decay.a, 1.0 / 3));  // (1 - 1/2) / (1 + 1/2)
  CHECK(close(decay.b, 2.0 / 3));
  const one_mode<bilinear_rule> turn(1.0, {0, 2});
  CHECK(close(turn.a, {0, 1}));  // (1 + i) / (1 - i)
  CHECK(close(turn.b, {0.5, 0.5}));
}

TEST_CASE("two zero-order holds in a row are one of twice the step") {
  const std::complex<double> pole(-0.7, 11.0);
  const one_mode<zero_order_hold_rule> once(0.05, pole), twice(0.1, pole);
  CHECK(close(once.a * once.a, twice.a));
  CHECK(close(once.a * once.b + once.b, twice.b));
}

TEST_CASE("tau multiplies the step by its exponential, per sample or shared") {
  discretization_loops backend;
  const tensor<double> dt({1}, 0.1), doubled({1}, 0.2), re({1, 1, 2}, -1.5), im({1, 1, 2}, 4.0);
  tensor<double> tau({2, 1});
  tau(1, 0) = std::log(2.0);
  results<double> with({2, 1, 2}), plain({1, 1, 2}), twice({1, 1, 2});
  const auto run = [&](const auto& step, auto t, auto& r) {
    complex_discretization(backend, zero_order_hold_rule{}, step.view(), re.view(), im.view(), t,
                           r.a_re.view(), r.a_im.view(), r.b_re.view(), r.b_im.view());
  };
  run(dt, std::as_const(tau).view(), with);
  run(dt, view<none>{}, plain);
  run(doubled, view<none>{}, twice);
  for (index_t n = 0; n < 2; ++n) {
    CHECK(with.a_re(0, 0, n) == plain.a_re(0, 0, n));
    CHECK(with.b_im(0, 0, n) == plain.b_im(0, 0, n));
    CHECK(with.a_im(1, 0, n) == doctest::Approx(twice.a_im(0, 0, n)).epsilon(1e-14));
    CHECK(with.b_re(1, 0, n) == doctest::Approx(twice.b_re(0, 0, n)).epsilon(1e-14));
  }
}

TEST_CASE_TEMPLATE("gradients of a discretisation equal central differences", Rule,
                   zero_order_hold_rule, bilinear_rule) {
  for (index_t a_samples : {1, 3}) {
    for (index_t tau_samples : {1, 3}) {
      if (a_samples == 1 && tau_samples == 1) continue;  // then there would be one result
      inputs<double> x = example(a_samples, tau_samples);
      const inputs<double> d = gradient<Rule>(x);
      const double whole = testing::norm(flat(d));
      for_each_tensor(
          [&](auto& v, const auto& g) {
            CHECK(testing::gradient_error([&] { return loss<Rule>(x); }, v, g, whole) < 1e-7);
          },
          x, d);
    }
  }
}

TEST_CASE("a backward pass computes the gradients that are asked for and adds to them") {
  const inputs<double> x = example(3, 3);
  const inputs<double> all = gradient<zero_order_hold_rule>(x);
  discretization_loops backend;
  const tensor<double> one({3, 2, 3}, 1.0), zero({3, 2, 3});
  tensor<double> re({3, 2, 3}, 5.0), tau({3, 2}), plain_dt({2}), full_re({3, 2, 3}),
      full_im({3, 2, 3});
  const auto back = [&](auto t, auto d_dt, auto d_re, auto d_im, auto d_tau) {
    complex_discretization_backward(backend, zero_order_hold_rule{}, x.dt.view(), x.re.view(),
                                    x.im.view(), t, one.view(), zero.view(), one.view(),
                                    zero.view(), d_dt, d_re, d_im, d_tau);
  };
  constexpr view<none> absent;
  back(x.tau.view(), absent, re.view(), absent, absent);
  back(x.tau.view(), absent, absent, absent, tau.view());
  back(x.tau.view(), plain_dt.view(), full_re.view(), full_im.view(), absent);
  for (index_t i = 0; i < re.size(); ++i) {
    CHECK(re.data()[i] == doctest::Approx(5.0 + full_re.data()[i]).epsilon(1e-15));
  }
  // d/d tau = dt d/d dt summed over samples, channel by channel, when every tau is one number.
  for (index_t h = 0; h < 2; ++h) {
    double sum = 0;
    for (index_t s = 0; s < 3; ++s) sum += tau(s, h);
    CHECK(sum == doctest::Approx(x.dt(h) * plain_dt(h)).epsilon(1e-13));
  }
  CHECK(all.re(2, 1, 2) != 0);
}

TEST_CASE_TEMPLATE("tangents of a discretisation and of its gradient equal central differences",
                   Rule, zero_order_hold_rule, bilinear_rule) {
  const inputs<double> x = example(3, 3);
  inputs<double> direction = example(3, 3);
  for_each_tensor(
      [&](auto& v) {
        for (index_t i = 0; i < v.size(); ++i)
          v.data()[i] = std::sin(2.0 + 0.9 * static_cast<double>(i));
      },
      direction);
  for (index_t i = 0; i < 2; ++i) direction.dt(i) *= 0.01;
  inputs<dual<double>> xd(3, 3);
  for_each_tensor(
      [](auto& v, const auto& value, const auto& tangent) {
        v.value = value;
        v.tangent = tangent;
      },
      xd, x, direction);
  discretization_loops backend;
  results<dual<double>> r({3, 2, 3});
  complex_discretization(backend, Rule{}, std::as_const(xd.dt).view(), std::as_const(xd.re).view(),
                         std::as_const(xd.im).view(), std::as_const(xd.tau).view(), r.a_re.view(),
                         r.a_im.view(), r.b_re.view(), r.b_im.view());
  double tangent = 0;
  for (index_t i = 0; i < 18; ++i) {
    tangent += weight(i) * r.a_re.tangent.data()[i] + weight(i + 20) * r.a_im.tangent.data()[i] +
               weight(i + 40) * r.b_re.tangent.data()[i] +
               weight(i + 60) * r.b_im.tangent.data()[i];
  }
  CHECK(testing::directional_error([&](double h) { return loss<Rule>(shifted(x, direction, h)); },
                                   tangent) < 1e-7);
  const inputs<dual<double>> d = gradient<Rule>(std::as_const(xd));
  inputs<double> d_tangent(3, 3), d_value(3, 3);
  for_each_tensor(
      [](const auto& v, auto& value, auto& t) {
        value = v.value;
        t = v.tangent;
      },
      d, d_value, d_tangent);
  CHECK(testing::directional_error(
            [&](double h) { return flat(gradient<Rule>(shifted(x, direction, h))); },
            flat(d_tangent)) < 1e-6);
  CHECK(testing::relative_error(flat(d_value), flat(gradient<Rule>(x))) < 1e-15);
}

TEST_CASE("discretisations work in nested duals and in float") {
  discretization_loops backend;
  using second = dual<dual<double>>;
  // d^2/dt^2 e^(dt a) = a^2 e^(dt a), along dt twice.
  tensor<second> dt({1}), re({1, 1, 1}, second(-0.5)), im({1, 1, 1}, second(2.0));
  dt(0) = second(dual<double>(0.1, 1.0), dual<double>(1.0, 0.0));
  results<second> r({1, 1, 1});
  complex_discretization(backend, zero_order_hold_rule{}, dt.view(), re.view(), im.view(),
                         view<none>{}, r.a_re.view(), r.a_im.view(), r.b_re.view(), r.b_im.view());
  const std::complex<double> a(-0.5, 2.0), e = std::exp(0.1 * a);
  const second a_re = r.a_re(0, 0, 0), b_im = r.b_im(0, 0, 0);
  CHECK(a_re.tangent.tangent == doctest::Approx((a * a * e).real()).epsilon(1e-13));
  CHECK(b_im.tangent.tangent == doctest::Approx((a * e).imag()).epsilon(1e-13));

  const tensor<float> dtf({1}, 0.1f), ref({1, 1, 1}, -0.5f), imf({1, 1, 1}, 2.0f);
  results<float> f({1, 1, 1});
  complex_discretization(backend, bilinear_rule{}, dtf.view(), ref.view(), imf.view(), view<none>{},
                         f.a_re.view(), f.a_im.view(), f.b_re.view(), f.b_im.view());
  CHECK(f.a_im(0, 0, 0) ==
        doctest::Approx(((1.0 + 0.05 * a) / (1.0 - 0.05 * a)).imag()).epsilon(1e-6));
}

TEST_CASE("discretisations converge with their documented order") {
  // h' = a h + cos t from h(0) = 1 to t = 2; the particular solution is Re of e^(it) / (i - a).
  const std::complex<double> a(-0.4, 3.0), i(0, 1);
  const auto particular = [&](double t) {
    return 0.5 * (std::exp(i * t) / (i - a) + std::exp(-i * t) / (-i - a));
  };
  const auto exact = [&](double t) {
    return particular(t) + (1.0 - particular(0.0)) * std::exp(a * t);
  };
  // `input(t, dt)` is what the rule is fed for the step that starts at t.
  const auto error = [&](auto rule, auto input, double start, auto solution, int steps) {
    const double dt = 2.0 / steps;
    const one_mode<decltype(rule)> mode(dt, a);
    std::complex<double> h = start;
    for (int k = 0; k < steps; ++k) h = mode.a * h + mode.b * input(k * dt, dt);
    return std::abs(h - solution);
  };
  const auto slope = [&](auto rule, auto input, double start, auto solution) {
    return std::log2(error(rule, input, start, solution, 200) /
                     error(rule, input, start, solution, 400));
  };
  const auto silent = [](double, double) { return 0.0; };
  const auto at_start = [](double t, double) { return std::cos(t); };
  const auto at_middle = [](double t, double dt) { return std::cos(t + dt / 2); };
  const auto averaged = [](double t, double dt) { return 0.5 * (std::cos(t) + std::cos(t + dt)); };
  CHECK(error(zero_order_hold_rule{}, silent, 1.0, std::exp(2.0 * a), 50) < 1e-13);
  CHECK(slope(bilinear_rule{}, silent, 1.0, std::exp(2.0 * a)) == doctest::Approx(2).epsilon(0.05));
  CHECK(slope(zero_order_hold_rule{}, at_start, 1.0, exact(2)) == doctest::Approx(1).epsilon(0.05));
  CHECK(slope(zero_order_hold_rule{}, at_middle, 1.0, exact(2)) ==
        doctest::Approx(2).epsilon(0.05));
  CHECK(slope(bilinear_rule{}, averaged, 1.0, exact(2)) == doctest::Approx(2).epsilon(0.05));
}

TEST_CASE("discretisation refuses shapes that do not fit, with both values") {
  discretization_loops backend;
  const tensor<double> dt({3}, 0.1), re({1, 2, 3}), im({1, 2, 3});
  results<double> r({1, 2, 3});
  CHECK_THROWS_WITH_AS(
      complex_discretization(backend, zero_order_hold_rule{}, dt.view(), re.view(), im.view(),
                             view<none>{}, r.a_re.view(), r.a_im.view(), r.b_re.view(),
                             r.b_im.view()),
      "attd: complex_discretization: the number of channels of dt is 3, expected 2", attd::error);
}
