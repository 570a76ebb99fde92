// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Complex numbers over every number type of the library: float, double, packs, duals of all.
#pragma once

#include <attd/core/math.hpp>

namespace attd {

/// A complex number re + i im. `T` is any number type of the library; std::complex allows only
/// float and double. Operands of different dual depth combine as their parts do.
///
/// Division multiplies by the conjugate and overflows once |b|^2 does; the library divides only by
/// numbers of moderate size.
template <class T>
struct complex_number {
  T re{};
  T im{};
};
template <class T>
complex_number(T, T) -> complex_number<T>;

template <class T>
struct is_complex : std::false_type {};
template <class T>
struct is_complex<complex_number<T>> : std::true_type {};
template <class T>
inline constexpr bool is_complex_v = is_complex<std::remove_cv_t<T>>::value;

template <class T>
ATTD_HD inline complex_number<T> operator-(complex_number<T> a) {
  return {-a.re, -a.im};
}
template <class A, class B>
ATTD_HD inline auto operator+(complex_number<A> a, complex_number<B> b) {
  return complex_number{a.re + b.re, a.im + b.im};
}
template <class A, class B>
ATTD_HD inline auto operator-(complex_number<A> a, complex_number<B> b) {
  return complex_number{a.re - b.re, a.im - b.im};
}
template <class A, class B>
ATTD_HD inline auto operator*(complex_number<A> a, complex_number<B> b) {
  return complex_number{a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}
template <class A, class B>
ATTD_HD inline auto operator/(complex_number<A> a, complex_number<B> b) {
  const auto norm = b.re * b.re + b.im * b.im;
  return complex_number{(a.re * b.re + a.im * b.im) / norm, (a.im * b.re - a.re * b.im) / norm};
}

// One operand real. The other part of a sum is kept as it is, so that a constant stays cheap.
template <class T>
ATTD_HD inline complex_number<T> operator+(complex_number<T> a, T b) {
  return {a.re + b, a.im};
}
template <class T>
ATTD_HD inline complex_number<T> operator-(complex_number<T> a, T b) {
  return {a.re - b, a.im};
}
template <class A, class B>
  requires(!is_complex_v<B>)
ATTD_HD inline auto operator*(complex_number<A> a, B b) {
  return complex_number{a.re * b, a.im * b};
}
template <class A, class B>
  requires(!is_complex_v<A>)
ATTD_HD inline auto operator*(A a, complex_number<B> b) {
  return complex_number{a * b.re, a * b.im};
}

template <class T>
ATTD_HD inline complex_number<T> conjugate(complex_number<T> a) {
  return {a.re, -a.im};
}

/// e^(x + i y) = e^x (cos y + i sin y).
template <class T>
ATTD_HD inline complex_number<T> exp(complex_number<T> z) {
  const T r = exp(z.re);
  return {r * cos(z.im), r * sin(z.im)};
}

/// Part by part `condition ? a : b`.
template <class M, class T>
ATTD_HD inline complex_number<T> select(const M& condition, complex_number<T> a,
                                        complex_number<T> b) {
  return {select(condition, a.re, b.re), select(condition, a.im, b.im)};
}

}  // namespace attd
