// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Walks the tensors of plain aggregates: parameters, gradients, fast weights, optimiser states.
#pragma once

#include <attd/core/fields.hpp>
#include <attd/core/math.hpp>
#include <attd/core/tensor.hpp>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace attd {

/// A run-time number of equal aggregates (the layers of a stack); one field to reflection.
template <class T>
struct layers {
  using value_type = T;
  std::vector<T> items;
  layers() {}  // NOLINT: not an aggregate on purpose, so that reflection counts one field
  explicit layers(index_t n) : items(static_cast<std::size_t>(n)) {}
  index_t count() const { return static_cast<index_t>(items.size()); }
  T& operator[](index_t i) { return items[static_cast<std::size_t>(i)]; }
  const T& operator[](index_t i) const { return items[static_cast<std::size_t>(i)]; }
  void resize(index_t n) { items.resize(static_cast<std::size_t>(n)); }
  auto begin() { return items.begin(); }
  auto end() { return items.end(); }
  auto begin() const { return items.begin(); }
  auto end() const { return items.end(); }
};

namespace detail {

template <class T>
struct is_layers : std::false_type {};
template <class T>
struct is_layers<layers<T>> : std::true_type {};

// Converts to the bases of T and to nothing else; an aggregate with bases begins with the first.
template <class T>
struct any_base_of {
  template <class U>
    requires(std::is_base_of_v<U, T> && !std::is_same_v<U, T>)
  operator U() const;
};
template <class T>
concept has_base = requires { T{any_base_of<T>{}}; };

template <class First, class... Rest>
inline constexpr bool all_same_count(const First& first, const Rest&... rest) {
  return ((rest.count() == first.count()) && ...);
}

template <std::size_t I, class F, class... Aggregates>
void visit_field(F& f, Aggregates&... aggregates);

}  // namespace detail

/// Calls f(leaf...) for every tensor of one or several aggregates of the same structure (their
/// number types may differ), in field order, repeated layers one after the other.
template <class F, class First, class... Rest>
void for_each_leaf(F&& f, First& first, Rest&... rest) {
  using T = std::remove_const_t<First>;
  if constexpr (is_tensor_v<T>) {
    f(first, rest...);
  } else if constexpr (detail::is_layers<T>::value) {
    ATTD_ASSERT(detail::all_same_count(first, rest...));
    for (index_t i = 0; i < first.count(); ++i) for_each_leaf(f, first[i], rest[i]...);
  } else {
    static_assert(std::is_aggregate_v<T> && !detail::has_base<T>,
                  "attd: parameters must be a plain aggregate of tensors, without constructors, "
                  "base classes or private members");
    constexpr std::size_t n = detail::field_count<T>;
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (detail::visit_field<I>(f, first, rest...), ...);
    }(std::make_index_sequence<n>{});
  }
}

namespace detail {
template <std::size_t I, class F, class... Aggregates>
void visit_field(F& f, Aggregates&... aggregates) {
  for_each_leaf(f, detail::field<I>(aggregates)...);
}
}  // namespace detail

/// Calls f(name, leaf) for every tensor; names come from each aggregate's static `names` tuple and
/// are joined by dots, repeated layers by their number: "layers.0.mixer.A_log".
template <class F, class T>
void for_each_named_leaf(F&& f, T& aggregate, const std::string& prefix = "") {
  using A = std::remove_const_t<T>;
  if constexpr (is_tensor_v<A>) {
    f(prefix, aggregate);
  } else if constexpr (detail::is_layers<A>::value) {
    for (index_t i = 0; i < aggregate.count(); ++i) {
      for_each_named_leaf(f, aggregate[i],
                          prefix.empty() ? std::to_string(i) : prefix + "." + std::to_string(i));
    }
  } else {
    constexpr std::size_t n = detail::field_count<A>;
    static_assert(std::tuple_size_v<std::remove_cvref_t<decltype(A::names)>> == n,
                  "attd: the static member names must list one name per field, in field order");
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      [[maybe_unused]] const auto join = [&](const char* name) {
        // An empty field name adds no level: wrappers stay invisible in files.
        if (*name == '\0') return prefix;
        return prefix.empty() ? std::string(name) : prefix + "." + name;
      };
      (for_each_named_leaf(f, detail::field<I>(aggregate), join(std::get<I>(A::names))), ...);
    }(std::make_index_sequence<n>{});
  }
}

namespace detail {
template <class W>
constexpr bool any_leaves() {
  if constexpr (is_tensor_v<W>) {
    return true;
  } else if constexpr (is_layers<W>::value) {
    return any_leaves<typename W::value_type>();
  } else {
    return []<std::size_t... I>(std::index_sequence<I...>) {
      return (any_leaves<detail::field_t<I, W>>() || ...);
    }(std::make_index_sequence<detail::field_count<W>>{});
  }
}

template <class W>
auto first_scalar();
// Of the first field that has leaves, from field I on.
template <class W, std::size_t I>
auto first_scalar_from() {
  if constexpr (I == field_count<W>) {
    return double{};  // no leaves: nothing will be computed with it
  } else if constexpr (any_leaves<field_t<I, W>>()) {
    return first_scalar<field_t<I, W>>();
  } else {
    return first_scalar_from<W, I + 1>();
  }
}
template <class W>
auto first_scalar() {
  if constexpr (is_tensor_v<W>) {
    return typename W::scalar{};
  } else if constexpr (is_layers<W>::value) {
    return first_scalar<typename W::value_type>();
  } else {
    return first_scalar_from<W, 0>();
  }
}
}  // namespace detail

/// Whether an aggregate has any leaves at all.
template <class W>
inline constexpr bool has_leaves_v = detail::any_leaves<std::remove_const_t<W>>();

/// The number type of an aggregate's leaves (of the first one).
template <class W>
using leaf_scalar_t = decltype(detail::first_scalar<std::remove_const_t<W>>());

/// Number of scalars in all leaves.
template <class A>
index_t count_scalars(const A& aggregate) {
  index_t n = 0;
  for_each_leaf([&](const auto& leaf) { n += leaf.size(); }, aggregate);
  return n;
}

/// Throws unless two aggregates have the same leaves of the same shapes.
template <class A>
void expect_same_shapes(const char* place, const A& found, const A& wanted) {
  index_t n_found = 0, n_wanted = 0;
  for_each_leaf([&](const auto&) { ++n_found; }, found);
  for_each_leaf([&](const auto&) { ++n_wanted; }, wanted);
  expect_equal(place, "the number of leaves", n_found, n_wanted);
  for_each_leaf(
      [&](const auto& f, const auto& w) { expect_shape(place, "a leaf", f.shape(), w.shape()); },
      found, wanted);
}

/// Makes `to` the same structure and shapes as `from`, all numbers zero. Leaf types may differ.
template <class To, class From>
void zeros_like(const From& from, To& to) {
  if constexpr (is_tensor_v<To>) {
    if constexpr (is_none_v<From>) {
      to = To();
    } else if (from.empty()) {
      to = To();
    } else {
      to.assign(from.shape());
    }
  } else if constexpr (detail::is_layers<To>::value) {
    to.resize(from.count());
    for (index_t i = 0; i < from.count(); ++i) zeros_like(from[i], to[i]);
  } else {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (zeros_like(detail::field<I>(from), detail::field<I>(to)), ...);
    }(std::make_index_sequence<detail::field_count<To>>{});
  }
}

/// Copies every leaf, converting the number type (see `convert` for tensors).
template <class To, class From>
void convert_leaves(const From& from, To& to) {
  if constexpr (is_tensor_v<To>) {
    if constexpr (is_none_v<From> || is_none_v<To>) {
      to = To();
    } else if (from.empty()) {
      to = To();
    } else {
      convert(from, to);
    }
  } else if constexpr (detail::is_layers<To>::value) {
    to.resize(from.count());
    for (index_t i = 0; i < from.count(); ++i) convert_leaves(from[i], to[i]);
  } else {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (convert_leaves(detail::field<I>(from), detail::field<I>(to)), ...);
    }(std::make_index_sequence<detail::field_count<To>>{});
  }
}

/// to += from, number by number; plain number types.
template <class A>
void add_leaves(const A& from, A& to) {
  for_each_leaf(
      [](const auto& f, auto& t) {
        for (index_t i = 0; i < t.size(); ++i) t.data()[i] += f.data()[i];
      },
      from, to);
}

template <class A>
void zero_leaves(A& aggregate) {
  for_each_leaf([](auto& leaf) { leaf.zero(); }, aggregate);
}

/// Sum of squares of all scalars, leaf after leaf, in the leaves' own number type.
template <class A>
auto squared_norm(const A& aggregate) {
  double total = 0;
  for_each_leaf(
      [&](const auto& leaf) {
        for (index_t i = 0; i < leaf.size(); ++i) {
          total += static_cast<double>(leaf.data()[i]) * static_cast<double>(leaf.data()[i]);
        }
      },
      aggregate);
  return total;
}

/// Whether no scalar is infinite or NaN.
template <class A>
bool all_finite(const A& aggregate) {
  bool finite = true;
  for_each_leaf(
      [&](const auto& leaf) {
        const auto v = leaf.view();
        for (index_t r = 0; finite && !leaf.empty() && r < v.rows(); ++r) {
          for (index_t c = 0; c < v.columns(); ++c) finite = finite && is_finite(v.at(r, c));
        }
      },
      aggregate);
  return finite;
}

}  // namespace attd
