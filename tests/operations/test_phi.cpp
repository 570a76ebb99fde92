// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// phi1 and its derivatives against long series, at 0, across the seam and beyond; complex numbers.
#include <doctest/doctest.h>

#include <attd/operations/phi.hpp>
#include <cmath>
#include <complex>

using attd::complex_number;
using attd::dual;
using attd::operations::phi1;

namespace {

using wide = std::complex<long double>;

/// The derivative of order `order` of phi1, by its series in long double: sum k!/(k-d)!
/// z^(k-d)/(k+1)!.
wide exact(wide z, int order) {
  wide sum = 0;
  for (int k = order; k < 70; ++k) {
    wide term = 1;
    for (int i = 0; i < k - order; ++i) term *= z / static_cast<long double>(i + 1);
    // k! / (k-d)! / (k+1)! = 1 / ((k-d)! (k+1)); 1/(k-d)! is in the loop above.
    sum += term / static_cast<long double>(k + 1);
  }
  return sum;
}

double distance(complex_number<double> a, wide b) {
  return static_cast<double>(std::abs(wide(a.re, a.im) - b) / std::abs(b));
}

using second = dual<dual<double>>;

second seeded(double x) { return second(dual<double>(x, 1.0), dual<double>(1.0, 0.0)); }

}  // namespace

TEST_CASE("phi1 of a real number and two derivatives are exact at 0, across the seam and beyond") {
  for (double x : {0.0, 1e-300, 1e-8, -1e-5, 1e-4, 0.1, -0.3, 0.4999999, 0.5, 0.5000001, -0.4999999,
                   -0.5, -0.5000001, 1.0, -2.0, 5.0, -7.0}) {
    CAPTURE(x);
    const second y = phi1(seeded(x));
    CHECK(distance({y.value.value, 0}, exact(x, 0)) < 2e-15);
    CHECK(distance({y.value.tangent, 0}, exact(x, 1)) < 4e-15);
    CHECK(distance({y.tangent.value, 0}, exact(x, 1)) < 4e-15);
    CHECK(distance({y.tangent.tangent, 0}, exact(x, 2)) < 2e-14);
    // Not bit for bit: a compiler may fuse products and sums in one type and not in the other.
    CHECK(distance({y.value.value, 0}, {phi1(x), 0}) <= 4e-16);
  }
  CHECK(phi1(0.0) == 1.0);
  CHECK(phi1(seeded(0.0)).value.tangent == 0.5);
  CHECK(phi1(seeded(0.0)).tangent.tangent == doctest::Approx(1.0 / 3).epsilon(1e-15));
  CHECK(phi1(-1000.0) == 0.001);
}

TEST_CASE("phi1 of a complex number and two derivatives are exact in every direction") {
  for (double modulus : {0.0, 1e-12, 1e-5, 0.2, 0.49999, 0.50001, 1.3, 6.0}) {
    for (double angle : {0.0, 0.7, 1.5707963267948966, 2.5, 3.141592653589793}) {
      const double x = modulus * std::cos(angle), y = modulus * std::sin(angle);
      CAPTURE(x);
      CAPTURE(y);
      const wide z(x, y);
      // phi1 is holomorphic: along 1 it has derivative f', along i it has i f', along both -f''...
      const auto along_re = phi1(complex_number<second>{seeded(x), second(y)});
      CHECK(distance({along_re.re.value.value, along_re.im.value.value}, exact(z, 0)) < 4e-15);
      CHECK(distance({along_re.re.value.tangent, along_re.im.value.tangent}, exact(z, 1)) < 1e-14);
      CHECK(distance({along_re.re.tangent.tangent, along_re.im.tangent.tangent}, exact(z, 2)) <
            5e-14);
      const auto along_im = phi1(complex_number<second>{second(x), seeded(y)});
      CHECK(distance({along_im.re.value.tangent, along_im.im.value.tangent},
                     wide(0, 1) * exact(z, 1)) < 1e-14);
      CHECK(distance({along_im.re.tangent.tangent, along_im.im.tangent.tangent}, -exact(z, 2)) <
            5e-14);
    }
  }
}

TEST_CASE("phi1's derivative agrees with a central difference taken across the seam") {
  for (double x : {0.5, -0.5}) {
    const double h = 1e-5;
    const double numeric = (phi1(x + h) - phi1(x - h)) / (2 * h);
    CHECK(std::fabs(numeric - phi1(dual<double>(x, 1.0)).tangent) < 1e-10);
    const double slope_above = phi1(dual<double>(x + h, 1.0)).tangent;
    const double slope_below = phi1(dual<double>(x - h, 1.0)).tangent;
    CHECK(std::fabs((slope_above - slope_below) / (2 * h) - phi1(seeded(x)).tangent.tangent) <
          1e-9);
  }
}

TEST_CASE("phi1 of packs gives every lane its own branch") {
  using lanes = attd::pack<double>;
  double in[lanes::width], tangent[lanes::width];
  for (int i = 0; i < lanes::width; ++i) {
    in[i] = i % 2 == 0 ? 0.0 : 0.9 + i;
    tangent[i] = 1.0 + i;
  }
  const auto y = phi1(dual<lanes>(lanes::load(in), lanes::load(tangent)));
  const auto z = phi1(complex_number<lanes>{lanes(0.0), lanes::load(in)});
  for (int i = 0; i < lanes::width; ++i) {
    const dual<double> one = phi1(dual<double>(in[i], tangent[i]));
    CHECK(y.value[i] == doctest::Approx(one.value).epsilon(1e-14));
    CHECK(y.tangent[i] == doctest::Approx(one.tangent).epsilon(1e-14));
    CHECK(distance({z.re[i], z.im[i]}, exact({0, in[i]}, 0)) < 1e-14);
  }
  const auto f = phi1(attd::pack<float>(0.0f));
  CHECK(f[0] == 1.0f);
  CHECK(phi1(0.51f) == doctest::Approx(phi1(0.51)).epsilon(1e-6));
}

TEST_CASE("complex numbers follow the rules of arithmetic") {
  const complex_number<double> a{1, 2}, b{3, -1};
  const auto equal = [](complex_number<double> x, double re, double im) {
    return std::fabs(x.re - re) < 1e-15 && std::fabs(x.im - im) < 1e-15;
  };
  CHECK(equal(a + b, 4, 1));
  CHECK(equal(a - b, -2, 3));
  CHECK(equal(a * b, 5, 5));      // (1+2i)(3-i) = 3 - i + 6i + 2
  CHECK(equal(a / b, 0.1, 0.7));  // (1+2i)(3+i)/10 = (1 + 7i)/10
  CHECK(equal(-a, -1, -2));
  CHECK(equal(a * 2.0, 2, 4));
  CHECK(equal(2.0 * a, 2, 4));
  CHECK(equal(a + 1.0, 2, 2));
  CHECK(equal(a - 1.0, 0, 2));
  CHECK(equal(conjugate(a), 1, -2));
  CHECK(equal(exp(complex_number<double>{0, 3.141592653589793}), -1, 0));
  const complex_number<dual<double>> d{dual<double>(1, 1), dual<double>(2, 0)};
  const auto p = d * b;  // a dual and a plain number: the tangent is 1 * (3 - i)
  CHECK(p.re.tangent == 3);
  CHECK(p.im.tangent == -1);
}
