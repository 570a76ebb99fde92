// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Dual numbers: a value and its derivative along one direction, nestable for higher order.
#pragma once

#include <attd/config.hpp>
#include <attd/core/none.hpp>
#include <concepts>
#include <type_traits>

namespace attd {

/// A value and its tangent: f(x + eps t) = f(x) + eps f'(x) t with eps^2 = 0.
///
/// `T` is `float`, `double`, a `pack` of them, or another `dual` (for second derivatives). An
/// operation between a dual and a plain operand treats the plain one as a constant, and does not
/// compute the products with its zero tangent.
template <class T>
struct dual {
  T value{};
  T tangent{};

  dual() = default;
  ATTD_HD constexpr dual(T v, T t) : value(v), tangent(t) {}
  ATTD_HD constexpr dual(T v) : value(v) {}  // NOLINT: a constant converts implicitly
  template <class S>
    requires(std::is_arithmetic_v<S> && !std::same_as<S, T>)
  ATTD_HD constexpr dual(S s) : value(static_cast<T>(s)) {}  // NOLINT: literals in formulas
};

namespace detail {

template <class T>
struct dual_traits {
  static constexpr int depth = 0;
  using primal = T;
};
template <class T>
struct dual_traits<dual<T>> {
  static constexpr int depth = dual_traits<T>::depth + 1;
  using primal = typename dual_traits<T>::primal;
};

}  // namespace detail

/// How many dual levels `T` has: 0 for plain numbers.
template <class T>
inline constexpr int dual_depth = detail::dual_traits<std::remove_cv_t<T>>::depth;

template <class T>
inline constexpr bool is_dual_v = dual_depth<T> > 0;

/// The plain number type under all dual levels.
template <class T>
using primal_t = typename detail::dual_traits<std::remove_cv_t<T>>::primal;

namespace detail {

template <class A, class B>
struct promote {
  using type = std::conditional_t<(dual_depth<A> >= dual_depth<B>), A, B>;
};
template <class A>
struct promote<A, none> {
  using type = A;
};
template <class B>
struct promote<none, B> {
  using type = B;
};
template <>
struct promote<none, none> {
  using type = none;
};

template <class... Ts>
struct promote_all;
template <class A>
struct promote_all<A> {
  using type = A;
};
template <class A, class B, class... Rest>
struct promote_all<A, B, Rest...> {
  using type = typename promote_all<typename promote<A, B>::type, Rest...>::type;
};

}  // namespace detail

/// The type of a result computed from operands of these types: the one with most dual levels.
template <class... Ts>
using promote_t = typename detail::promote_all<std::remove_cv_t<Ts>...>::type;

/// The plain value under all dual levels, on which every branch is decided.
template <class T>
ATTD_HD constexpr primal_t<T> primal(const T& x) {
  if constexpr (is_dual_v<T>) {
    return primal(x.value);
  } else {
    return x;
  }
}

namespace detail {

// One operand is a dual and the other is a dual or anything that a dual's value combines with.
template <class A, class B>
concept with_dual =
    (is_dual_v<A> || is_dual_v<B>) && (dual_depth<A> != dual_depth<B> || std::same_as<A, B>);
template <class A, class B>
concept higher = (dual_depth<A> > dual_depth<B>);

}  // namespace detail

template <class T>
ATTD_HD constexpr dual<T> operator-(dual<T> a) {
  return {-a.value, -a.tangent};
}

template <class A, class B>
  requires detail::with_dual<A, B>
ATTD_HD constexpr auto operator+(A a, B b) {
  if constexpr (std::same_as<A, B>) {
    return A{a.value + b.value, a.tangent + b.tangent};
  } else if constexpr (detail::higher<A, B>) {
    return A{a.value + b, a.tangent};
  } else {
    return B{a + b.value, b.tangent};
  }
}

template <class A, class B>
  requires detail::with_dual<A, B>
ATTD_HD constexpr auto operator-(A a, B b) {
  if constexpr (std::same_as<A, B>) {
    return A{a.value - b.value, a.tangent - b.tangent};
  } else if constexpr (detail::higher<A, B>) {
    return A{a.value - b, a.tangent};
  } else {
    return B{a - b.value, -b.tangent};
  }
}

template <class A, class B>
  requires detail::with_dual<A, B>
ATTD_HD constexpr auto operator*(A a, B b) {
  if constexpr (std::same_as<A, B>) {
    return A{a.value * b.value, a.tangent * b.value + a.value * b.tangent};
  } else if constexpr (detail::higher<A, B>) {
    return A{a.value * b, a.tangent * b};
  } else {
    return B{a * b.value, a * b.tangent};
  }
}

template <class A, class B>
  requires detail::with_dual<A, B>
ATTD_HD constexpr auto operator/(A a, B b) {
  if constexpr (std::same_as<A, B>) {
    const auto q = a.value / b.value;
    return A{q, (a.tangent - q * b.tangent) / b.value};
  } else if constexpr (detail::higher<A, B>) {
    return A{a.value / b, a.tangent / b};
  } else {
    const auto q = a / b.value;
    return B{q, -q * b.tangent / b.value};
  }
}

template <class T, class B>
ATTD_HD constexpr dual<T>& operator+=(dual<T>& a, const B& b) {
  return a = a + b;
}
template <class T, class B>
ATTD_HD constexpr dual<T>& operator-=(dual<T>& a, const B& b) {
  return a = a - b;
}
template <class T, class B>
ATTD_HD constexpr dual<T>& operator*=(dual<T>& a, const B& b) {
  return a = a * b;
}
template <class T, class B>
ATTD_HD constexpr dual<T>& operator/=(dual<T>& a, const B& b) {
  return a = a / b;
}

// Comparisons look at the primal value only: a branch has no derivative.
template <class A, class B>
  requires(is_dual_v<A> || is_dual_v<B>)
ATTD_HD constexpr auto operator<(const A& a, const B& b) {
  return primal(a) < primal(b);
}
template <class A, class B>
  requires(is_dual_v<A> || is_dual_v<B>)
ATTD_HD constexpr auto operator>(const A& a, const B& b) {
  return primal(a) > primal(b);
}
template <class A, class B>
  requires(is_dual_v<A> || is_dual_v<B>)
ATTD_HD constexpr auto operator<=(const A& a, const B& b) {
  return primal(a) <= primal(b);
}
template <class A, class B>
  requires(is_dual_v<A> || is_dual_v<B>)
ATTD_HD constexpr auto operator>=(const A& a, const B& b) {
  return primal(a) >= primal(b);
}

/// x * x; one product for plain numbers, two for duals.
ATTD_ALSO_RECORDED
template <class T>
ATTD_HD constexpr T square(T x) {
  return x * x;
}

}  // namespace attd
