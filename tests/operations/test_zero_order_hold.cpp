// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Zero-order hold of dense systems: hand numbers, singular A, gradients, duals.
#include <doctest/doctest.h>

#include <Eigen/Dense>
#include <attd/operations/zero_order_hold.hpp>
#include <attd/testing/gradient_check.hpp>
#include <cmath>
#include <random>
#include <unsupported/Eigen/MatrixFunctions>

using namespace attd::operations;
using attd::dual;
using attd::index_t;
using attd::none;
using attd::tensor;
using attd::view;
namespace testing = attd::testing;

namespace {

struct hold_loops {};

template <class T>
struct system_of {
  tensor<T> a, b, dt;
};

template <class T>
struct discrete {
  tensor<T> a, hold, b;
};

template <class T>
discrete<T> run(const system_of<T>& x) {
  hold_loops backend;
  const index_t n = x.a.extent(1), samples = std::max(x.a.extent(0), x.dt.extent(0));
  discrete<T> r{tensor<T>({samples, n, n}), tensor<T>({samples, n, n}),
                tensor<T>({samples, n, x.b.extent(1)})};
  zero_order_hold_scratch<T> scratch;
  zero_order_hold(backend, x.a.view(), x.b.view(), x.dt.view(), r.a.view(), r.hold.view(),
                  r.b.view(), scratch);
  return r;
}

tensor<double> random_tensor(const attd::shape& s, double scale, unsigned seed) {
  std::mt19937 engine(seed);
  std::normal_distribution<double> normal;
  tensor<double> m(s);
  for (index_t i = 0; i < m.size(); ++i) m.data()[i] = scale * normal(engine);
  return m;
}

system_of<double> example(index_t a_samples, index_t dt_samples, index_t n, index_t inputs) {
  system_of<double> x{random_tensor({a_samples, n, n}, 0.8, 1), random_tensor({n, inputs}, 1.0, 2),
                      tensor<double>({dt_samples})};
  for (index_t s = 0; s < dt_samples; ++s) x.dt(s) = 0.2 + 1.5 * static_cast<double>(s);
  return x;
}

double weight(index_t i) { return std::cos(0.3 + 1.7 * static_cast<double>(i)); }

double loss(const system_of<double>& x) {
  const discrete<double> r = run(x);
  double sum = 0;
  for (index_t i = 0; i < r.a.size(); ++i) sum += weight(i) * r.a.data()[i];
  for (index_t i = 0; i < r.b.size(); ++i) sum += weight(i + 100) * r.b.data()[i];
  return sum;
}

template <class T>
system_of<T> gradient(const system_of<T>& x) {
  hold_loops backend;
  const discrete<T> r = run(x);
  tensor<double> ga(r.a.shape()), gb(r.b.shape());
  for (index_t i = 0; i < ga.size(); ++i) ga.data()[i] = weight(i);
  for (index_t i = 0; i < gb.size(); ++i) gb.data()[i] = weight(i + 100);
  system_of<T> d{tensor<T>(x.a.shape()), tensor<T>(x.b.shape()), tensor<T>(x.dt.shape())};
  zero_order_hold_backward_scratch<T> scratch;
  zero_order_hold_backward(backend, x.a.view(), x.b.view(), x.dt.view(), r.a.view(), r.hold.view(),
                           std::as_const(ga).view(), std::as_const(gb).view(), d.a.view(),
                           d.b.view(), d.dt.view(), scratch);
  return d;
}

tensor<double> flat(const tensor<double>& a, const tensor<double>& b, const tensor<double>& c) {
  tensor<double> all({a.size() + b.size() + c.size()});
  double* at = all.data();
  for (const tensor<double>* t : {&a, &b, &c}) at = std::copy_n(t->data(), t->size(), at);
  return all;
}
tensor<double> flat(const system_of<double>& x) { return flat(x.a, x.b, x.dt); }

}  // namespace

TEST_CASE("zero-order hold of a double integrator, whose A is singular, is exact") {
  // x'' = u with dt = 2: position gains 2 v + u dt^2 / 2, velocity u dt.
  system_of<double> x{tensor<double>({1, 2, 2}), tensor<double>({2, 1}), tensor<double>({1}, 2.0)};
  x.a(0, 0, 1) = 1;
  x.b(1, 0) = 1;
  const discrete<double> r = run(x);
  CHECK(r.a(0, 0, 0) == doctest::Approx(1).epsilon(1e-15));
  CHECK(r.a(0, 0, 1) == doctest::Approx(2).epsilon(1e-15));
  CHECK(std::fabs(r.a(0, 1, 0)) < 1e-16);
  CHECK(r.b(0, 0, 0) == doctest::Approx(2).epsilon(1e-15));
  CHECK(r.b(0, 1, 0) == doctest::Approx(2).epsilon(1e-15));
}

TEST_CASE("zero-order hold without dynamics sums the input") {
  const system_of<double> x{tensor<double>({1, 1, 1}), tensor<double>({1, 3}, 4.0),
                            tensor<double>({1}, 0.25)};
  const discrete<double> r = run(x);
  CHECK(r.a(0, 0, 0) == 1);
  for (index_t j = 0; j < 3; ++j) CHECK(r.b(0, 0, j) == doctest::Approx(1).epsilon(1e-15));
}

TEST_CASE("zero-order hold equals the exponential of the augmented matrix, also when stiff") {
  for (double scale : {0.01, 1.0, 8.0}) {
    CAPTURE(scale);
    system_of<double> x = example(3, 1, 5, 2);
    for (index_t i = 0; i < x.a.size(); ++i) x.a.data()[i] *= scale;
    for (index_t s = 0; s < 3; ++s) {
      for (index_t i = 0; i < 5; ++i) x.a(s, i, i) -= 3 * scale;
    }
    const discrete<double> r = run(x);
    for (index_t s = 0; s < 3; ++s) {
      Eigen::MatrixXd whole = Eigen::MatrixXd::Zero(7, 7);
      for (index_t i = 0; i < 5; ++i) {
        for (index_t j = 0; j < 5; ++j) whole(i, j) = x.dt(0) * x.a(s, i, j);
        for (index_t j = 0; j < 2; ++j) whole(i, 5 + j) = x.dt(0) * x.b(i, j);
      }
      const Eigen::MatrixXd e = whole.exp();
      double worst = 0;
      for (index_t i = 0; i < 5; ++i) {
        for (index_t j = 0; j < 5; ++j) worst = std::max(worst, std::fabs(r.a(s, i, j) - e(i, j)));
        for (index_t j = 0; j < 2; ++j) {
          worst = std::max(worst, std::fabs(r.b(s, i, j) - e(i, 5 + j)));
        }
      }
      CHECK(worst < 1e-13);
    }
  }
}

TEST_CASE("a step size of its own gives a sample discrete matrices of its own") {
  const system_of<double> both = example(1, 3, 4, 2);
  const discrete<double> r = run(both);
  for (index_t s = 0; s < 3; ++s) {
    system_of<double> one = both;
    one.dt.assign({1}, both.dt(s));
    const discrete<double> alone = run(one);
    for (index_t i = 0; i < 4; ++i) {
      for (index_t j = 0; j < 4; ++j) CHECK(r.a(s, i, j) == alone.a(0, i, j));
      for (index_t j = 0; j < 2; ++j) CHECK(r.b(s, i, j) == alone.b(0, i, j));
    }
  }
}

TEST_CASE("gradients of a zero-order hold equal central differences") {
  for (index_t a_samples : {1, 3}) {
    for (index_t dt_samples : {1, 3}) {
      for (bool singular : {false, true}) {
        CAPTURE(a_samples);
        CAPTURE(dt_samples);
        CAPTURE(singular);
        system_of<double> x = example(a_samples, dt_samples, 4, 2);
        if (singular) {
          for (index_t s = 0; s < a_samples; ++s) {
            for (index_t j = 0; j < 4; ++j) x.a(s, 2, j) = x.a(s, 1, j);
          }
        }
        const system_of<double> d = gradient(x);
        const double whole = testing::norm(flat(d));
        CHECK(testing::gradient_error([&] { return loss(x); }, x.a, d.a, whole) < 1e-7);
        CHECK(testing::gradient_error([&] { return loss(x); }, x.b, d.b, whole) < 1e-7);
        CHECK(testing::gradient_error([&] { return loss(x); }, x.dt, d.dt, whole) < 1e-7);
      }
    }
  }
}

TEST_CASE("zero-order hold's backward computes only what is asked for, and adds") {
  const system_of<double> x = example(2, 1, 3, 1);
  const system_of<double> all = gradient(x);
  const discrete<double> r = run(x);
  tensor<double> ga(r.a.shape()), gb(r.b.shape()), d_dt({1}, 3.0);
  for (index_t i = 0; i < ga.size(); ++i) ga.data()[i] = weight(i);
  for (index_t i = 0; i < gb.size(); ++i) gb.data()[i] = weight(i + 100);
  hold_loops backend;
  zero_order_hold_backward_scratch<double> scratch;
  zero_order_hold_backward(backend, x.a.view(), x.b.view(), x.dt.view(), r.a.view(), r.hold.view(),
                           std::as_const(ga).view(), std::as_const(gb).view(), view<none>{},
                           view<none>{}, d_dt.view(), scratch);
  CHECK(d_dt(0) == doctest::Approx(3.0 + all.dt(0)).epsilon(1e-14));
}

TEST_CASE("tangents of a zero-order hold and of its gradient equal central differences") {
  const system_of<double> x = example(2, 2, 3, 2);
  const system_of<double> direction{random_tensor({2, 3, 3}, 1.0, 7), random_tensor({3, 2}, 1.0, 8),
                                    random_tensor({2}, 1.0, 9)};
  const auto at = [&](double h) {
    return system_of<double>{testing::shifted(x.a, direction.a, h),
                             testing::shifted(x.b, direction.b, h),
                             testing::shifted(x.dt, direction.dt, h)};
  };
  system_of<dual<double>> xd;
  xd.a.value = x.a, xd.a.tangent = direction.a;
  xd.b.value = x.b, xd.b.tangent = direction.b;
  xd.dt.value = x.dt, xd.dt.tangent = direction.dt;
  const discrete<dual<double>> r = run(xd);
  CHECK(testing::directional_error(
            [&](double h) {
              const discrete<double> moved = run(at(h));
              return flat(moved.a, moved.hold, moved.b);
            },
            flat(r.a.tangent, r.hold.tangent, r.b.tangent)) < 1e-7);
  const system_of<dual<double>> d = gradient(xd);
  CHECK(testing::directional_error([&](double h) { return flat(gradient(at(h))); },
                                   flat(d.a.tangent, d.b.tangent, d.dt.tangent)) < 1e-6);
  CHECK(testing::relative_error(flat(d.a.value, d.b.value, d.dt.value), flat(gradient(x))) < 1e-14);
}

TEST_CASE("zero-order hold works in float and in nested duals") {
  const system_of<double> x = example(1, 1, 3, 2);
  const discrete<double> exact = run(x);
  system_of<float> f;
  attd::convert(x.a, f.a);
  attd::convert(x.b, f.b);
  attd::convert(x.dt, f.dt);
  tensor<double> result;
  attd::convert(run(f).b, result);
  CHECK(testing::relative_error(result, exact.b) < 2e-6);

  using second = dual<dual<double>>;
  system_of<second> n;
  attd::convert(x.a, n.a);
  attd::convert(x.b, n.b);
  attd::convert(x.dt, n.dt);
  n.dt(0) = second(dual<double>(x.dt(0), 1.0), dual<double>(1.0, 0.0));
  const discrete<second> r = run(n);
  // d^2 Bbar / d dt^2 = A Abar B.
  for (index_t i = 0; i < 3; ++i) {
    for (index_t j = 0; j < 2; ++j) {
      double expected = 0;
      for (index_t k = 0; k < 3; ++k) {
        for (index_t l = 0; l < 3; ++l) expected += x.a(0, i, k) * exact.a(0, k, l) * x.b(l, j);
      }
      const second b = r.b(0, i, j);
      CHECK(b.tangent.tangent == doctest::Approx(expected).epsilon(1e-12));
    }
  }
}

TEST_CASE("zero-order hold refuses shapes that do not fit, with both values") {
  system_of<double> x = example(2, 1, 3, 2);
  x.b = tensor<double>({4, 2});
  CHECK_THROWS_WITH_AS(run(x), "attd: zero_order_hold: B has shape 4x2, expected 3x2", attd::error);
}
