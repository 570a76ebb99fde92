// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The fields of a plain aggregate by number, through Boost.PFR.
#pragma once

#include <boost/pfr.hpp>
#include <cstddef>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

namespace attd::detail {

template <class T>
constexpr std::size_t count_fields() {
#if defined(__CUDACC__)
  // nvcc's front end takes the only field of an aggregate for its base and so fails in PFR; the
  // names say the number as well.
  if constexpr (requires { T::names; }) {
    return std::tuple_size_v<std::remove_cvref_t<decltype(T::names)>>;
  } else {
    return boost::pfr::tuple_size_v<T>;
  }
#else
  return boost::pfr::tuple_size_v<T>;
#endif
}

/// How many fields an aggregate has.
template <class T>
inline constexpr std::size_t field_count = count_fields<std::remove_const_t<T>>();

/// Field number I.
template <std::size_t I, class T>
auto& field(T& x) {
  if constexpr (field_count<T> == 1) {
    auto& [only] = x;
    auto* const at = std::addressof(only);  // nvcc takes `only` itself for a local variable
    return *at;
  } else {
    return boost::pfr::get<I>(x);
  }
}

/// The type of field number I.
template <std::size_t I, class T>
using field_t = std::remove_cvref_t<decltype(field<I>(std::declval<T&>()))>;

}  // namespace attd::detail
