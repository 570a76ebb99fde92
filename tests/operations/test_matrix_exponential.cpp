// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The matrix exponential: closed forms, Eigen as oracle, gradients, duals of two levels.
#include <doctest/doctest.h>

#include <Eigen/Dense>
#include <attd/operations/matrix_exponential.hpp>
#include <attd/testing/gradient_check.hpp>
#include <cmath>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <random>
#include <unsupported/Eigen/MatrixFunctions>

using namespace attd::operations;
using attd::dual;
using attd::index_t;
using attd::tensor;
namespace testing = attd::testing;

namespace {

struct exponential_loops {};

template <class T>
tensor<T> exponential(const tensor<T>& m) {
  exponential_loops backend;
  tensor<T> e(m.shape());
  matrix_exponential_scratch<T> scratch;
  matrix_exponential(backend, m.view(), e.view(), scratch);
  return e;
}

template <class T>
tensor<T> backward(const tensor<T>& m, const tensor<double>& g) {
  exponential_loops backend;
  tensor<T> d(m.shape());
  matrix_exponential_backward_scratch<T> scratch;
  matrix_exponential_backward(backend, m.view(), g.view(), d.view(), scratch);
  return d;
}

tensor<double> matrix(index_t n, std::initializer_list<double> values) {
  tensor<double> m({1, n, n});
  std::copy(values.begin(), values.end(), m.data());
  return m;
}

tensor<double> random_matrices(index_t samples, index_t n, double scale, unsigned seed) {
  std::mt19937 engine(seed);
  std::normal_distribution<double> normal;
  tensor<double> m({samples, n, n});
  for (index_t i = 0; i < m.size(); ++i) m.data()[i] = scale * normal(engine);
  return m;
}

using row_major = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

Eigen::MatrixXd as_eigen(const tensor<double>& m, index_t s = 0) {
  const index_t n = m.extent(1);
  return Eigen::Map<const row_major>(m.data() + s * n * n, n, n);
}

double difference(const Eigen::MatrixXd& a, const Eigen::MatrixXd& b) {
  return (a - b).norm() / b.norm();
}

}  // namespace

TEST_CASE("the exponential of a nilpotent matrix is its finite series") {
  // N^2 has only (0,2) = 1 * 3, N^3 = 0: e^N = I + N + N^2 / 2.
  const tensor<double> e = exponential(matrix(3, {0, 1, 2, 0, 0, 3, 0, 0, 0}));
  const tensor<double> expected = matrix(3, {1, 1, 3.5, 0, 1, 3, 0, 0, 1});
  CHECK(testing::relative_error(e, expected) < 1e-15);
}

TEST_CASE("the exponential of a skew matrix is a rotation, also by a large angle") {
  for (double angle : {0.1, 3.0, 100.0}) {
    CAPTURE(angle);
    const double c = std::cos(angle), s = std::sin(angle);
    CHECK(testing::relative_error(exponential(matrix(2, {0, -angle, angle, 0})),
                                  matrix(2, {c, -s, s, c})) < 1e-15 * (10 + 10 * angle));
  }
}

TEST_CASE("the exponential of a diagonal matrix is that of its entries") {
  const tensor<double> e = exponential(matrix(3, {1, 0, 0, 0, -20, 0, 0, 0, 3}));
  CHECK(e(0, 0, 0) == doctest::Approx(std::exp(1.0)).epsilon(1e-14));
  CHECK(std::fabs(e(0, 1, 1) - std::exp(-20.0)) < 1e-15);
  CHECK(e(0, 2, 2) == doctest::Approx(std::exp(3.0)).epsilon(1e-14));
  CHECK(e(0, 0, 1) == 0);
  CHECK(exponential(matrix(1, {0}))(0, 0, 0) == 1);
}

TEST_CASE("the exponential and two derivatives keep full precision just below every squaring") {
  // [13/13] at a norm of 9 would be off by 1e-10.
  for (double x : {3.99, 7.99, 8.99, 15.99}) {
    CAPTURE(x);
    for (double sign : {1.0, -1.0}) {
      using second = dual<dual<double>>;
      tensor<second> m({1, 1, 1});
      m(0, 0, 0) = second(dual<double>(sign * x, 1.0), dual<double>(1.0, 0.0));
      const tensor<second> e = exponential(m);
      const double exact = std::exp(sign * x);
      CHECK(e.value.value(0, 0, 0) == doctest::Approx(exact).epsilon(2e-14).scale(0));
      CHECK(e.value.tangent(0, 0, 0) == doctest::Approx(exact).epsilon(2e-14).scale(0));
      CHECK(e.tangent.tangent(0, 0, 0) == doctest::Approx(exact).epsilon(5e-14).scale(0));
    }
  }
}

TEST_CASE("the linear solve exchanges rows when the pivot is zero") {
  attd::operations::detail::lu_factors<double> lu;
  lu.resize(2);
  tensor<double> q({2, 2}), x({2, 1});
  q(0, 1) = 2;  // [[0, 2], [4, 1]] x = [2, 9] has x = [2, 1]
  q(1, 0) = 4;
  q(1, 1) = 1;
  x(0, 0) = 2;
  x(1, 0) = 9;
  lu.factor(q.view());
  lu.solve(q.view(), x.view());
  CHECK(x(0, 0) == 2);
  CHECK(x(1, 0) == 1);
}

TEST_CASE("the exponential agrees with Eigen's for any size and scale") {
  for (index_t n : {1, 2, 5, 16, 33}) {
    for (double scale : {0.0, 1e-9, 0.05, 0.5, 3.0}) {
      CAPTURE(n);
      CAPTURE(scale);
      const tensor<double> m = random_matrices(2, n, scale, 7);
      const tensor<double> e = exponential(m);
      for (index_t s = 0; s < 2; ++s) {
        const Eigen::MatrixXd expected = as_eigen(m, s).exp();
        CHECK(difference(as_eigen(e, s), expected) < 1e-13 * (1.0 + 10.0 * as_eigen(m, s).norm()));
      }
    }
  }
}

TEST_CASE("the exponential in float has float precision") {
  const tensor<double> m = random_matrices(1, 8, 0.7, 3);
  tensor<float> f;
  attd::convert(m, f);
  tensor<double> rounded, result;
  attd::convert(f, rounded);
  attd::convert(exponential(f), result);
  CHECK(testing::relative_error(result, exponential(rounded)) < 5e-6);
}

TEST_CASE("a matrix's exponential does not depend on its neighbours, bit for bit") {
  const tensor<double> m = random_matrices(3, 6, 2.0, 11);
  tensor<double> last({1, 6, 6});
  std::copy(m.data() + 72, m.data() + 108, last.data());
  CHECK(std::memcmp(exponential(m).data() + 72, exponential(last).data(), 36 * sizeof(double)) ==
        0);
}

TEST_CASE("a matrix that is not finite gives NaN and does not hang") {
  for (double bad :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    const tensor<double> e = exponential(matrix(2, {0.1, bad, 0, 0.2}));
    CHECK(!attd::is_finite(e(0, 0, 1)));
  }
}

TEST_CASE("the gradient of the exponential equals central differences and the block exponential") {
  for (index_t n : {1, 2, 5}) {
    for (double scale : {0.0, 0.3, 4.0}) {
      CAPTURE(n);
      CAPTURE(scale);
      tensor<double> m = random_matrices(2, n, scale, 5);
      const tensor<double> g = random_matrices(2, n, 1.0, 6);
      const tensor<double> d = backward(m, g);
      // L(M^T, G) = upper right block of exp([[M^T, G], [0, M^T]])  [Higham2008, Thm 3.6].
      for (index_t s = 0; s < 2; ++s) {
        Eigen::MatrixXd block = Eigen::MatrixXd::Zero(2 * n, 2 * n);
        block.topLeftCorner(n, n) = block.bottomRightCorner(n, n) = as_eigen(m, s).transpose();
        block.topRightCorner(n, n) = as_eigen(g, s);
        const Eigen::MatrixXd whole = block.exp();
        CHECK(difference(as_eigen(d, s), whole.topRightCorner(n, n)) < 1e-12);
      }
      const auto loss = [&] {
        const tensor<double> e = exponential(m);
        double sum = 0;
        for (index_t i = 0; i < e.size(); ++i) sum += e.data()[i] * g.data()[i];
        return sum;
      };
      CHECK(testing::gradient_error(loss, m, d) < 1e-7);
    }
  }
}

TEST_CASE("the backward pass adds to what is there") {
  const tensor<double> m = random_matrices(1, 3, 0.5, 1), g = random_matrices(1, 3, 1.0, 2);
  const tensor<double> once = backward(m, g);
  exponential_loops backend;
  tensor<double> d({1, 3, 3}, 10.0);
  matrix_exponential_backward_scratch<double> scratch;
  matrix_exponential_backward(backend, m.view(), g.view(), d.view(), scratch);
  for (index_t i = 0; i < 9; ++i) CHECK(d.data()[i] == 10.0 + once.data()[i]);
}

TEST_CASE("tangents of the exponential and of its gradient equal central differences") {
  for (double scale : {0.2, 3.0}) {
    const tensor<double> m = random_matrices(1, 4, scale, 21), dm = random_matrices(1, 4, 1.0, 22),
                         g = random_matrices(1, 4, 1.0, 23);
    tensor<dual<double>> x;
    x.value = m;
    x.tangent = dm;
    const tensor<dual<double>> e = exponential(x);
    CHECK(std::memcmp(e.value.data(), exponential(m).data(), 16 * sizeof(double)) == 0);
    CHECK(testing::directional_error(
              [&](double h) { return exponential(testing::shifted(m, dm, h)); }, e.tangent) < 1e-7);
    CHECK(testing::directional_error(
              [&](double h) { return backward(testing::shifted(m, dm, h), g); },
              backward(x, g).tangent) < 1e-6);
  }
}

TEST_CASE("two dual levels give the second derivative of e^(tM)") {
  for (double t : {0.3, 5.0}) {  // without and with squarings
    const tensor<double> m = random_matrices(1, 4, 0.6, 9);
    tensor<dual<dual<double>>> x({1, 4, 4});
    for (index_t i = 0; i < 16; ++i) {
      x.value.value.data()[i] = t * m.data()[i];
      x.value.tangent.data()[i] = x.tangent.value.data()[i] = m.data()[i];
      x.tangent.tangent.data()[i] = 0;
    }
    const tensor<dual<dual<double>>> e = exponential(x);
    const Eigen::MatrixXd a = as_eigen(m), exact = (t * a).exp();
    CHECK(difference(as_eigen(e.value.tangent), a * exact) < 1e-13);
    CHECK(difference(as_eigen(e.tangent.tangent), a * a * exact) < 1e-13);
  }
}

TEST_CASE("the exponential refuses matrices that are not square, with both values") {
  exponential_loops backend;
  const tensor<double> m({1, 2, 3});
  tensor<double> e({1, 2, 3});
  matrix_exponential_scratch<double> scratch;
  CHECK_THROWS_WITH_AS(matrix_exponential(backend, m.view(), e.view(), scratch),
                       "attd: matrix_exponential: the number of columns of m is 3, expected 2",
                       attd::error);
}
