// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Memory of a handle that operations see as arrays of whatever number type they need.
#pragma once

#include <attd/operations/memory.hpp>
#include <cstddef>

namespace attd::thrust_detail {

/// One piece of memory that grows to the largest need and is then reused.
class scratch {
 public:
  /// An array of shape s in the backend's memory; what was taken before is no longer valid. `none`
  /// takes no memory.
  template <class T, class Backend>
  view<T> take(Backend& backend, const shape& s) {
    if constexpr (is_none_v<view<T>>) {
      return {};
    } else {
      const auto doubles = static_cast<index_t>(sizeof(T) / sizeof(primal_t<T>)) * plane<T>(s);
      if (doubles > memory_.size()) operations::resize(backend, memory_, {doubles});
      double* at = memory_.data();
      return carve<T>(at, s);
    }
  }

 private:
  // Doubles that one plane takes: whole cache lines.
  template <class T>
  static index_t plane(const shape& s) {
    const auto bytes = s.size() * static_cast<index_t>(sizeof(primal_t<T>));
    return (bytes + 63) / 64 * 8;
  }
  template <class T>
  static view<T> carve(double*& at, const shape& s) {
    if constexpr (is_dual_v<T>) {
      using U = typename view<T>::plane_scalar;
      const view<U> value = carve<U>(at, s);
      return {value, carve<U>(at, s)};
    } else {
      const view<T> v{reinterpret_cast<T*>(at), s};
      at += plane<T>(s);
      return v;
    }
  }

  tensor<double> memory_;
};

}  // namespace attd::thrust_detail
