// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The numbers in a part's settings: the same part over another number type, and their gradients.
#pragma once

#include <attd/core/leaves.hpp>
#include <attd/core/recorded.hpp>
#include <type_traits>
#include <vector>

namespace attd {

namespace detail {

template <class O, class R>
struct rebind_number {
  using type = O;  // no number type among its arguments: its settings are constants
};
template <std::floating_point S, class R>
struct rebind_number<S, R> {
  using type = R;
};
template <template <class...> class X, class... A, class R>
struct rebind_number<X<A...>, R> {
  using type = X<typename rebind_number<A, R>::type...>;
};
template <template <class, template <class> class> class X, class A, template <class> class B,
          class R>
struct rebind_number<X<A, B>, R> {
  using type = X<typename rebind_number<A, R>::type, B>;
};

}  // namespace detail

/// A part whose settings have number type R instead of `double`: `basic_adam<double>` becomes
/// `basic_adam<R>`, `per_layer_rates<basic_adam<double>, double>` likewise. A part that is no
/// template over a number type is returned as it is: its settings are constants to a gradient.
template <class O, class R>
using with_settings_t = typename detail::rebind_number<O, R>::type;

/// Calls f(number...) for every floating or recorded number in the settings of one or several parts
/// of the same structure, in field order: fields, nested parts, tensors. Whole numbers and flags
/// are settings too, but not of this kind.
template <class F, class First, class... Rest>
void for_each_setting(F&& f, First& first, Rest&... rest) {
  using S = std::remove_const_t<First>;
  if constexpr (std::is_integral_v<S> || std::is_enum_v<S>) {
    return;
  } else if constexpr (std::is_floating_point_v<S> || is_dual_v<S> || is_recorded_v<S>) {
    f(first, rest...);
  } else if constexpr (is_tensor_v<S>) {
    for (index_t i = 0; i < first.size(); ++i) f(first.data()[i], rest.data()[i]...);
  } else if constexpr (detail::is_layers<S>::value) {
    for (index_t i = 0; i < first.count(); ++i) for_each_setting(f, first[i], rest[i]...);
  } else if constexpr (std::is_aggregate_v<S>) {
    constexpr std::size_t n = boost::pfr::tuple_size_v<S>;
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      [[maybe_unused]] const auto visit = [&]<std::size_t J>(auto&... parts) {
        for_each_setting(f, boost::pfr::get<J>(parts)...);
      };
      (visit.template operator()<I>(first, rest...), ...);
    }(std::make_index_sequence<n>{});
  }
}

/// For every setting, whether it is a share: one that must stay between 0 and 1, as a part says of
/// its own fields by `static constexpr bool is_share(index_t field)`.
template <class O>
void append_setting_kinds(const O& part, std::vector<char>& is_share, bool share = false) {
  if constexpr (std::is_integral_v<O> || std::is_enum_v<O>) {
    return;
  } else if constexpr (std::is_floating_point_v<O>) {
    is_share.push_back(share ? 1 : 0);
  } else if constexpr (is_tensor_v<O>) {
    is_share.insert(is_share.end(), static_cast<std::size_t>(part.size()), 0);
  } else if constexpr (detail::is_layers<O>::value) {
    for (const auto& item : part) append_setting_kinds(item, is_share);
  } else if constexpr (std::is_aggregate_v<O>) {
    boost::pfr::for_each_field(part, [&](const auto& field, std::size_t i) {
      bool of_field = false;
      if constexpr (requires { O::is_share(index_t{0}); }) {
        of_field = O::is_share(static_cast<index_t>(i));
      }
      append_setting_kinds(field, is_share, of_field);
    });
  }
}

/// Number of settings that `for_each_setting` visits.
template <class O>
index_t count_settings(const O& part) {
  index_t n = 0;
  for_each_setting([&](const auto&) { ++n; }, part);
  return n;
}

namespace detail {

/// The same part over another number type; numbers are made by make(number).
template <class To, class From, class Make>
void rebind_settings(const From& from, To& to, Make& make) {
  if constexpr (std::is_same_v<To, From>) {  // of no template number type: a constant
    to = from;
  } else if constexpr (std::is_floating_point_v<From>) {
    to = make(from);
  } else if constexpr (is_tensor_v<From>) {
    to.resize(from.shape());
    if (from.empty()) return;
    const auto f = from.view();
    const auto t = to.view();  // of duals: two planes
    for (index_t r = 0; r < f.rows(); ++r) {
      for (index_t c = 0; c < f.columns(); ++c) t.at(r, c) = make(f.at(r, c));
    }
  } else if constexpr (is_layers<From>::value) {
    to.resize(from.count());
    for (index_t i = 0; i < from.count(); ++i) rebind_settings(from[i], to[i], make);
  } else {
    constexpr std::size_t n = boost::pfr::tuple_size_v<From>;
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (rebind_settings(boost::pfr::get<I>(from), boost::pfr::get<I>(to), make), ...);
    }(std::make_index_sequence<n>{});
  }
}

}  // namespace detail

/// Copies a part, every setting made by make(number).
template <class R, class O, class Make>
with_settings_t<O, R> convert_settings(const O& part, Make make) {
  with_settings_t<O, R> out;
  detail::rebind_settings(part, out, make);
  return out;
}

/// Copies a part with every setting as a variable on a tape.
template <class O, class T>
void record_settings(const O& part, tape<T>& record, with_settings_t<O, recorded<T>>& out) {
  auto make = [&](auto value) { return record.variable(static_cast<T>(value)); };
  if constexpr (std::is_same_v<O, with_settings_t<O, recorded<T>>>) {
    out = part;
  } else {
    detail::rebind_settings(part, out, make);
  }
}

}  // namespace attd
