// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// What is done with every number of an aggregate: fast weights, gradients, optimiser states.
#pragma once

#include <algorithm>
#include <attd/core/leaves.hpp>
#include <attd/core/math.hpp>
#include <attd/operations/memory.hpp>
#include <cstddef>
#include <type_traits>
#include <utility>

namespace attd::operations {

/// A backend that walks through the numbers of aggregates itself, all leaves at once. It says so by
/// `static constexpr bool walks_leaves = true` and has members
///   each_number<X...>(f, visit)                          // f(x...) for every number
///   reduce_numbers<X...>(f, combine, start, visit)       // combines what f returns, as a double
/// where visit(g) calls g(leaf...) for every leaf: anything with data() and size(), of type X.
template <class Backend>
concept WalksLeaves = requires { requires Backend::walks_leaves; };

namespace detail {

// Calls f for the leaves that have numbers.
template <class F, class First, class... Rest>
void for_each_full_leaf(const F& f, First& first, Rest&... rest) {
  for_each_leaf(
      [&](auto& leaf, auto&... others) {
        if (!leaf.empty()) f(leaf, others...);
      },
      first, rest...);
}

template <class A>
using number_of = std::conditional_t<std::is_const_v<A>, const leaf_scalar_t<A>, leaf_scalar_t<A>>;

// Whether all leaves of an aggregate are of number type T.
template <class A, class T>
constexpr bool all_leaves_are() {
  if constexpr (is_tensor_v<A>) {
    return std::is_same_v<typename A::scalar, T>;
  } else if constexpr (attd::detail::is_layers<A>::value) {
    return all_leaves_are<typename A::value_type, T>();
  } else {
    return []<std::size_t... I>(std::index_sequence<I...>) {
      return (all_leaves_are<attd::detail::field_t<I, A>, T>() && ...);
    }(std::make_index_sequence<attd::detail::field_count<A>>{});
  }
}
template <class A>
inline constexpr bool has_one_type =
    all_leaves_are<std::remove_const_t<A>, leaf_scalar_t<std::remove_const_t<A>>>();

// Whether a backend's own walk is for aggregates of such numbers: duals have two planes, and an
// optimiser's state may have counters.
template <class Backend, class... A>
concept WalksLeavesOf =
    WalksLeaves<Backend> && (std::is_floating_point_v<leaf_scalar_t<A>> && ...) &&
    (has_one_type<A> && ...);

struct assign_number {
  template <class X, class Y>
  ATTD_HD void operator()(const X& from, Y& to) const {
    to = from;
  }
};
struct zero_number {
  template <class X>
  ATTD_HD void operator()(X& x) const {
    x = X(0);
  }
};
struct number_itself {
  template <class X>
  ATTD_HD double operator()(const X& x) const {
    return double(x);
  }
};
struct one_unless_finite {
  template <class X>
  ATTD_HD double operator()(const X& x) const {
    return is_finite(x) ? 0.0 : 1.0;
  }
};

// Whether two aggregates have the same leaves of the same shapes.
template <class A>
bool same_leaves(const A& a, const A& b) {
  if constexpr (is_tensor_v<A>) {
    return a.shape() == b.shape();
  } else if constexpr (attd::detail::is_layers<A>::value) {
    if (a.count() != b.count()) return false;
    for (index_t i = 0; i < a.count(); ++i) {
      if (!same_leaves(a[i], b[i])) return false;
    }
    return true;
  } else {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return (same_leaves(attd::detail::field<I>(a), attd::detail::field<I>(b)) && ...);
    }(std::make_index_sequence<attd::detail::field_count<A>>{});
  }
}

}  // namespace detail

/// Adds up, for `reduce_numbers`.
struct sum_of_numbers {
  ATTD_HD double operator()(double a, double b) const { return a + b; }
};
/// The larger one.
struct largest_of_numbers {
  ATTD_HD double operator()(double a, double b) const { return a > b ? a : b; }
};

/// f(x_i, ...) for every number of one or several aggregates of the same structure; f may assign to
/// its arguments. For a backend that walks leaves, f is a functor whose call operator is `ATTD_HD`,
/// and the aggregates lie where it computes.
template <class Backend, class F, class First, class... Rest>
void each_number(Backend& backend, const F& f, First& first, Rest&... rest) {
  if constexpr (detail::WalksLeavesOf<Backend, First, Rest...>) {
    backend.template each_number<detail::number_of<First>, detail::number_of<Rest>...>(
        f, [&](const auto& leaf) { detail::for_each_full_leaf(leaf, first, rest...); });
  } else {
    finish(backend);
    for_each_leaf(
        [&](auto& leaf, auto&... others) {
          if (leaf.empty()) return;
          [&](const auto& v, const auto&... w) {
            const index_t rows = v.rows(), columns = v.columns();
            const F own = f;  // whose numbers are none of those that it writes
            if constexpr (requires { own(v.data()[0], w.data()[0]...); }) {
              // Plain numbers without gaps: one loop, which the compiler makes vectors of.
              for (index_t i = 0; i < rows * columns; ++i) own(v.data()[i], w.data()[i]...);
            } else {
              for (index_t r = 0; r < rows; ++r) {
                for (index_t c = 0; c < columns; ++c) own(v.at(r, c), w.at(r, c)...);
              }
            }
          }(leaf.view(), others.view()...);
        },
        first, rest...);
  }
}

/// combine(start, f(x_i, ...), ...) over all numbers of plain types, in an order that only shapes
/// decide; waits for what the backend still has to do. `combine` is associative, and `start`
/// changes nothing.
template <class Backend, class F, class C, class First, class... Rest>
double reduce_numbers(Backend& backend, const F& f, const C& combine, double start,
                      const First& first, const Rest&... rest) {
  if constexpr (detail::WalksLeavesOf<Backend, First, Rest...>) {
    return backend
        .template reduce_numbers<detail::number_of<const First>, detail::number_of<const Rest>...>(
            f, combine, start,
            [&](const auto& leaf) { detail::for_each_full_leaf(leaf, first, rest...); });
  } else {
    finish(backend);
    double result = start;
    for_each_leaf(
        [&](const auto& leaf, const auto&... others) {
          for (index_t i = 0; i < leaf.size(); ++i) {
            result = combine(result, double(f(leaf.data()[i], others.data()[i]...)));
          }
        },
        first, rest...);
    return result;
  }
}

/// Whether all leaves of an aggregate lie where the backend computes.
template <class Backend, class A>
bool lies_with([[maybe_unused]] const Backend& backend, [[maybe_unused]] const A& aggregate) {
  bool there = true;
  if constexpr (requires { backend.memory(); }) {
    for_each_leaf(
        [&](const auto& leaf) {
          there = there && (leaf.empty() || primal_plane(leaf).memory() == backend.memory());
        },
        aggregate);
  }
  return there;
}

/// As `convert_leaves` between aggregates of one type, by the backend where it walks leaves and
/// both lie with it. Afterwards `to` does.
template <class Backend, class A>
void copy_leaves(Backend& backend, const A& from, A& to) {
  if constexpr (detail::WalksLeavesOf<Backend, A>) {
    if (detail::same_leaves(from, to) && lies_with(backend, from) && lies_with(backend, to)) {
      return each_number(backend, detail::assign_number{}, from, to);
    }
  } else if constexpr (WalksLeaves<Backend> && !is_tensor_v<A> &&
                       !attd::detail::is_layers<A>::value) {
    // Several types of numbers: an optimiser's state. Its fields, one by one.
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (copy_leaves(backend, attd::detail::field<I>(from), attd::detail::field<I>(to)), ...);
    }(std::make_index_sequence<attd::detail::field_count<A>>{});
    return;
  }
  finish(backend);
  convert_leaves(from, to);
  bring(backend, to);
}

/// Copies one set of fast weights, or of their gradients, into another: of all leaves the part with
/// that first index.
template <class Backend, class A>
void copy_set(Backend& backend, const A& from, index_t set_from, A& to, index_t set_to) {
  using T = leaf_scalar_t<A>;
  const auto visit = [&](const auto& leaf) {
    detail::for_each_full_leaf(
        [&](const auto& f, auto& t) { leaf(f.view()[set_from], t.view()[set_to]); }, from, to);
  };
  if constexpr (detail::WalksLeavesOf<Backend, A>) {
    backend.template each_number<const T, T>(detail::assign_number{}, visit);
  } else {
    finish(backend);
    visit([](const auto& f, const auto& t) { std::copy_n(f.data(), f.size(), t.data()); });
  }
}

/// All numbers zero.
template <class Backend, class A>
void clear_leaves(Backend& backend, A& aggregate) {
  if constexpr (detail::WalksLeavesOf<Backend, A>) {
    each_number(backend, detail::zero_number{}, aggregate);
  } else {
    finish(backend);
    zero_leaves(aggregate);
  }
}

/// Whether no number is infinite or NaN.
template <class Backend, class A>
bool all_finite(Backend& backend, const A& aggregate) {
  if constexpr (detail::WalksLeavesOf<Backend, A>) {
    return reduce_numbers(backend, detail::one_unless_finite{}, sum_of_numbers{}, 0.0, aggregate) ==
           0.0;
  } else {
    finish(backend);
    return attd::all_finite(aggregate);
  }
}

}  // namespace attd::operations
