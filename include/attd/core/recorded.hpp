// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Numbers that record what is done with them, for reverse-mode derivatives of small computations.
#pragma once

#include <attd/config.hpp>
#include <attd/core/dual.hpp>
#include <attd/core/math.hpp>
#include <cmath>
#include <type_traits>
#include <vector>

namespace attd {

template <class T>
struct recorded;

/// The record of a computation: every operation with the slopes of its result in its operands.
///
/// What is long (models, scans) has backward passes of its own; a tape serves what is short and
/// written by users as plain formulas: the step of an inner optimiser, projections. Use: make
/// `variable`s, compute, `seed` results, `pull`, read `adjoint`s.
/// *Cost*: 2 indices and 2 slopes an operation; memory is kept between uses.
template <class T>
class tape {
 public:
  /// Forgets everything but its memory.
  void clear() { nodes_.clear(); }
  index_t size() const { return static_cast<index_t>(nodes_.size()); }

  /// A number to differentiate by.
  recorded<T> variable(T value) { return {value, this, push({-1, -1, T(0), T(0)})}; }
  /// The result of an operation on one or two recorded numbers (index -1: a constant).
  recorded<T> operation(T value, index_t a, T slope_a, index_t b = -1, T slope_b = T(0)) {
    return {value, this, push({a, b, slope_a, slope_b})};
  }

  /// Starts a pull: all adjoints are 0.
  void begin() { adjoints_.assign(nodes_.size(), T(0)); }
  /// Adds a cotangent to the adjoint of x; nothing where x is a constant.
  void seed(const recorded<T>& x, T cotangent) {
    if (x.index >= 0) adjoints_[static_cast<std::size_t>(x.index)] += cotangent;
  }
  /// Passes the adjoints of what was recorded from `mark` on to what it was computed from. A pull
  /// in stages (first to a mark, seeds for what lies before it, then to 0) visits each node once.
  void pull(index_t mark = 0) { pull_range(size(), mark); }
  void pull_range(index_t end, index_t mark) {
    for (index_t i = end; i-- > mark;) {
      const T d = adjoints_[static_cast<std::size_t>(i)];
      if (d == T(0)) continue;  // also keeps a slope that is infinite from making 0 into NaN
      const node& n = nodes_[static_cast<std::size_t>(i)];
      if (n.a >= 0) adjoints_[static_cast<std::size_t>(n.a)] += n.slope_a * d;
      if (n.b >= 0) adjoints_[static_cast<std::size_t>(n.b)] += n.slope_b * d;
    }
  }
  /// d (what was seeded) / d x, after `pull`; 0 for constants.
  T adjoint(const recorded<T>& x) const {
    return x.index < 0 ? T(0) : adjoints_[static_cast<std::size_t>(x.index)];
  }

 private:
  struct node {
    index_t a, b;
    T slope_a, slope_b;
  };
  index_t push(const node& n) {
    nodes_.push_back(n);
    return size() - 1;
  }

  std::vector<node> nodes_;
  std::vector<T> adjoints_;
};

/// A number on a tape, or a constant (made from a plain number). Behaves like `T` in formulas.
template <class T>
struct recorded {
  T value{};
  attd::tape<T>* tape = nullptr;
  index_t index = -1;

  recorded() = default;
  recorded(T v, attd::tape<T>* t, index_t i) : value(v), tape(t), index(i) {}
  template <class S>
    requires std::is_arithmetic_v<S>
  recorded(S v) : value(static_cast<T>(v)) {}  // NOLINT: a constant converts implicitly

  friend recorded operator+(const recorded& a, const recorded& b) {
    return make(a.value + b.value, a, T(1), b, T(1));
  }
  friend recorded operator-(const recorded& a, const recorded& b) {
    return make(a.value - b.value, a, T(1), b, T(-1));
  }
  friend recorded operator*(const recorded& a, const recorded& b) {
    return make(a.value * b.value, a, b.value, b, a.value);
  }
  friend recorded operator/(const recorded& a, const recorded& b) {
    const T q = a.value / b.value;
    return make(q, a, T(1) / b.value, b, -q / b.value);
  }
  friend recorded operator-(const recorded& a) { return function(-a.value, a, T(-1)); }
  recorded& operator+=(const recorded& b) { return *this = *this + b; }
  recorded& operator-=(const recorded& b) { return *this = *this - b; }
  recorded& operator*=(const recorded& b) { return *this = *this * b; }
  recorded& operator/=(const recorded& b) { return *this = *this / b; }

  // Comparisons look at the value only: a branch has no derivative.
  friend bool operator<(const recorded& a, const recorded& b) { return a.value < b.value; }
  friend bool operator>(const recorded& a, const recorded& b) { return a.value > b.value; }
  friend bool operator<=(const recorded& a, const recorded& b) { return a.value <= b.value; }
  friend bool operator>=(const recorded& a, const recorded& b) { return a.value >= b.value; }

  /// The result of a function of x with this slope.
  static recorded function(T value, const recorded& x, T slope) {
    if (x.index < 0) return value;
    return x.tape->operation(value, x.index, slope);
  }

 private:
  static recorded make(T value, const recorded& a, T slope_a, const recorded& b, T slope_b) {
    attd::tape<T>* const tape = a.index >= 0 ? a.tape : b.tape;
    if (a.index < 0 && b.index < 0) return value;
    return tape->operation(value, a.index, slope_a, b.index, slope_b);
  }
};

/// Whether a type is a recorded number.
template <class T>
inline constexpr bool is_recorded_v = false;
template <class T>
inline constexpr bool is_recorded_v<recorded<T>> = true;

namespace detail {
template <class T>
struct dual_traits<recorded<T>> {
  static constexpr int depth = 0;
  using primal = T;
};
}  // namespace detail

/// The plain value, on which every branch is decided.
template <class T>
T primal(const recorded<T>& x) {
  return x.value;
}
template <class T>
bool is_finite(const recorded<T>& x) {
  return is_finite(x.value);
}

// The functions of math.hpp; those made of them (sigmoid, softplus, silu, ...) follow.
template <class T>
recorded<T> select(bool condition, const recorded<T>& a, const recorded<T>& b) {
  return condition ? a : b;
}
template <class T>
recorded<T> exp(const recorded<T>& x) {
  const T e = exp(x.value);
  return recorded<T>::function(e, x, e);
}
template <class T>
recorded<T> log(const recorded<T>& x) {
  return recorded<T>::function(log(x.value), x, T(1) / x.value);
}
template <class T>
recorded<T> log1p(const recorded<T>& x) {
  return recorded<T>::function(log1p(x.value), x, T(1) / (T(1) + x.value));
}
template <class T>
recorded<T> sqrt(const recorded<T>& x) {
  const T r = sqrt(x.value);
  return recorded<T>::function(r, x, T(0.5) / r);
}
template <class T>
recorded<T> sin(const recorded<T>& x) {
  return recorded<T>::function(sin(x.value), x, cos(x.value));
}
template <class T>
recorded<T> cos(const recorded<T>& x) {
  return recorded<T>::function(cos(x.value), x, -sin(x.value));
}
template <class T>
recorded<T> atan(const recorded<T>& x) {
  return recorded<T>::function(atan(x.value), x, T(1) / (T(1) + x.value * x.value));
}
template <class T>
recorded<T> tanh(const recorded<T>& x) {
  const T y = tanh(x.value);
  return recorded<T>::function(y, x, T(1) - y * y);
}
template <class T>
recorded<T> erf(const recorded<T>& x) {
  // 2 / sqrt(pi) e^(-x^2)
  return recorded<T>::function(erf(x.value), x,
                               T(1.12837916709551257390) * exp(-(x.value * x.value)));
}
template <class T>
recorded<T> abs(const recorded<T>& x) {
  return x.value < T(0) ? -x : x;
}
/// x^n for a constant n and x > 0 (or an n that is whole).
template <class T>
recorded<T> pow(const recorded<T>& x, double n) {
  const T y = T(std::pow(double(x.value), n));
  return recorded<T>::function(y, x, T(n * std::pow(double(x.value), n - 1.0)));
}

}  // namespace attd
