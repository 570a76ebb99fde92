// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The functions of packs against the C library in higher precision, special values included.
#include <doctest/doctest.h>

#include <algorithm>
#include <attd/core/math.hpp>
#include <attd/core/random.hpp>
#include <cmath>
#include <limits>

namespace {

using attd::pack;

// Distance in units of the last place of the correctly rounded result.
template <class T>
double ulps(T found, long double exact) {
  const T rounded = static_cast<T>(exact);
  if (found == rounded) return 0;
  if (!std::isfinite(rounded) || !std::isfinite(found)) return 1e9;
  const T size = std::fabs(rounded);
  const long double unit = std::nextafter(size, std::numeric_limits<T>::infinity()) - size;
  return static_cast<double>(std::fabs(static_cast<long double>(found) - exact) / unit);
}

// Largest error over random numbers in [low, high], in every lane.
template <class T, class F, class G>
double worst(double low, double high, const F& vector, const G& exact) {
  attd::random_stream random{5, 7};
  double result = 0;
  for (int n = 0; n < 20000; ++n) {
    T in[pack<T>::width], out[pack<T>::width];
    for (T& x : in) x = static_cast<T>(random.uniform(low, high));
    vector(pack<T>::load(in)).store(out);
    for (int i = 0; i < pack<T>::width; ++i) {
      result = std::max(result, ulps(out[i], exact(static_cast<long double>(in[i]))));
    }
  }
  return result;
}

template <class T>
T lane(pack<T> x) {
  for (int i = 1; i < pack<T>::width; ++i) {
    CHECK((x[i] == x[0] || (std::isnan(x[i]) && std::isnan(x[0]))));
  }
  return x[0];
}

// e^uniform: every magnitude as likely.
template <class T, class F, class G>
double worst_by_magnitude(double low, double high, const F& vector, const G& exact) {
  attd::random_stream random{5, 8};
  double result = 0;
  for (int n = 0; n < 20000; ++n) {
    const T x = static_cast<T>(std::exp(random.uniform(std::log(low), std::log(high))));
    result = std::max(result, ulps(vector(pack<T>(x))[0], exact(static_cast<long double>(x))));
    result = std::max(result, ulps(vector(pack<T>(-x))[0], exact(static_cast<long double>(-x))));
  }
  return result;
}

const auto vector_log = [](auto x) { return attd::log(x); };
const auto vector_log1p_of_share = [](auto x) { return attd::log1p_of_share(x); };
const auto vector_log1p = [](auto x) { return attd::log1p(x); };
const auto vector_tanh = [](auto x) { return attd::tanh(x); };
const auto vector_erf = [](auto x) { return attd::erf(x); };
const auto vector_sqrt = [](auto x) { return attd::sqrt(x); };
const auto vector_sigmoid = [](auto x) { return attd::sigmoid(x); };
const auto vector_softplus = [](auto x) { return attd::softplus(x); };
const auto exact_log = [](long double x) { return std::log(x); };
const auto exact_log1p = [](long double x) { return std::log1p(x); };
const auto exact_tanh = [](long double x) { return std::tanh(x); };
const auto exact_erf = [](long double x) { return std::erf(x); };
const auto exact_sqrt = [](long double x) { return std::sqrt(x); };
const auto exact_sigmoid = [](long double x) { return 1 / (1 + std::exp(-x)); };
const auto exact_softplus = [](long double x) { return std::log1p(std::exp(x)); };

}  // namespace

TEST_CASE_TEMPLATE("packs: log is within 1 ulp at every magnitude", T, float, double) {
  const double smallest = std::numeric_limits<T>::denorm_min();
  const double largest = std::numeric_limits<T>::max();
  attd::random_stream random{5, 9};
  double error = worst<T>(0.5, 2.0, vector_log, exact_log);
  for (int n = 0; n < 20000; ++n) {
    const T x = static_cast<T>(
        std::exp(random.uniform(std::log(smallest) * 0.99, std::log(largest) * 0.99)));
    error = std::max(error, ulps(vector_log(pack<T>(x))[0], exact_log(x)));
  }
  CHECK(error <= 1.0);
}

TEST_CASE_TEMPLATE("packs: log1p is within 2 ulp, also near zero", T, float, double) {
  CHECK(worst_by_magnitude<T>(1e-30, 0.9, vector_log1p, exact_log1p) <= 2);
  CHECK(worst<T>(-0.99, 5, vector_log1p, exact_log1p) <= 2);
  CHECK(worst<T>(0, 1e10, vector_log1p, exact_log1p) <= 2);
  CHECK(worst<T>(0, 1, vector_log1p_of_share, exact_log1p) <= 2);
  CHECK(lane(attd::log1p_of_share(pack<T>(T(0)))) == 0);
}

TEST_CASE_TEMPLATE("packs: tanh is within 2 ulp", T, float, double) {
  CHECK(worst_by_magnitude<T>(1e-30, 30, vector_tanh, exact_tanh) <= 2);
  CHECK(worst<T>(-1, 1, vector_tanh, exact_tanh) <= 2);
}

TEST_CASE_TEMPLATE("packs: erf is within 4 ulp", T, float, double) {
  CHECK(worst_by_magnitude<T>(1e-30, 30, vector_erf, exact_erf) <= 4);
  CHECK(worst<T>(-2, 2, vector_erf, exact_erf) <= 4);
}

TEST_CASE_TEMPLATE("packs: sqrt is exact to the last bit", T, float, double) {
  CHECK(worst<T>(0, 1e6, vector_sqrt, exact_sqrt) <= 0.5);
}

TEST_CASE_TEMPLATE("packs: sigmoid and softplus are within 4 ulp", T, float, double) {
  CHECK(worst<T>(-80, 80, vector_sigmoid, exact_sigmoid) <= 4);
  CHECK(worst<T>(-1, 1, vector_sigmoid, exact_sigmoid) <= 4);
  CHECK(worst<T>(-80, 80, vector_softplus, exact_softplus) <= 4);
  CHECK(worst<T>(-1, 1, vector_softplus, exact_softplus) <= 4);
}

TEST_CASE_TEMPLATE("packs: special values give what the C library gives", T, float, double) {
  using limits = std::numeric_limits<T>;
  using P = pack<T>;
  const T inf = limits::infinity(), nan = limits::quiet_NaN();
  CHECK(lane(attd::log(P(T(0)))) == -inf);
  CHECK(lane(attd::log(P(T(1)))) == 0);
  CHECK(lane(attd::log(P(inf))) == inf);
  CHECK(std::isnan(lane(attd::log(P(T(-1))))));
  CHECK(std::isnan(lane(attd::log(P(-inf)))));
  CHECK(std::isnan(lane(attd::log(P(nan)))));
  CHECK(ulps(lane(attd::log(P(limits::denorm_min()))),
             std::log(static_cast<long double>(limits::denorm_min()))) <= 1);
  CHECK(lane(attd::log1p(P(T(0)))) == 0);
  CHECK(lane(attd::log1p(P(T(-1)))) == -inf);
  CHECK(lane(attd::log1p(P(inf))) == inf);
  CHECK(std::isnan(lane(attd::log1p(P(T(-2))))));
  CHECK(std::isnan(lane(attd::log1p(P(nan)))));
  CHECK(lane(attd::log1p(P(limits::denorm_min()))) == limits::denorm_min());
  CHECK(lane(attd::tanh(P(T(0)))) == 0);
  CHECK(lane(attd::tanh(P(inf))) == 1);
  CHECK(lane(attd::tanh(P(-inf))) == -1);
  CHECK(std::isnan(lane(attd::tanh(P(nan)))));
  CHECK(lane(attd::tanh(P(limits::denorm_min()))) == limits::denorm_min());
  CHECK(lane(attd::erf(P(inf))) == 1);
  CHECK(lane(attd::erf(P(-inf))) == -1);
  CHECK(std::isnan(lane(attd::erf(P(nan)))));
  CHECK(lane(attd::sqrt(P(T(0)))) == 0);
  CHECK(lane(attd::sqrt(P(inf))) == inf);
  CHECK(std::isnan(lane(attd::sqrt(P(T(-1))))));
  CHECK(lane(attd::sigmoid(P(inf))) == 1);
  CHECK(lane(attd::sigmoid(P(-inf))) == 0);
  CHECK(std::isnan(lane(attd::sigmoid(P(nan)))));
  CHECK(lane(attd::softplus(P(inf))) == inf);
  CHECK(lane(attd::softplus(P(-inf))) == 0);
  CHECK(std::isnan(lane(attd::softplus(P(nan)))));
}
