// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Both factors of a product in bfloat16. Needs no GPU, so it is tested on every machine.
#pragma once

#include <attd/backends/thrust/bfloat16.hpp>
#include <attd/backends/thrust/rounded_constants.hpp>
#include <attd/operations/memory.hpp>
#include <utility>

namespace attd::thrust_detail {

/// Memory for the rounded factors of one product at a time, in the system's memory, and copies of
/// those that are held constant. It grows to the largest pair: within that, a product of the same
/// shapes finds its factors at the same addresses, which recordings need. A copy has none, and
/// holds nothing.
class rounded_factors {
 public:
  struct pair {
    view<const bfloat16> a, b;
  };

  rounded_factors() = default;
  rounded_factors(const rounded_factors&) {}
  rounded_factors(rounded_factors&& other) noexcept
      : constants_(std::move(other.constants_)), memory_(std::exchange(other.memory_, {})) {}
  rounded_factors& operator=(rounded_factors other) noexcept {
    constants_ = std::move(other.constants_);
    memory_ = std::move(other.memory_);
    return *this;
  }

  /// As `operations::hold_constant`: factors in these leaves are rounded once.
  template <class System, class A>
  void hold_constant(System& system, const A& parameters) {
    constants_.hold(system, parameters);
  }

  /// Rounds a and b, which may be the same, where they are not constant. The result is valid for
  /// what the system does before the next call: operations are done in order.
  template <class System>
  pair round(System& system, view<const float> a, view<const float> b) {
    const auto known_a = constants_.find(system, a), known_b = constants_.find(system, b);
    const index_t of_a = known_a ? 0 : rounded_rows::space(a);
    grow(system, of_a + (known_b ? 0 : rounded_rows::space(b)));
    const rounded_rows x{a, rounded_rows::placed(a, memory_.data())};
    const rounded_rows y{b, rounded_rows::placed(b, memory_.data() + of_a)};
    if (known_a || known_b) {  // one of them, or none
      if (!known_a) for_each_index(system, x.count(), x);
      if (!known_b) for_each_index(system, y.count(), y);
    } else {
      for_each_index(system, x.count() + y.count(), rounded_pair{x, y, x.count()});
    }
    return {known_a.value_or(x.to), known_b.value_or(y.to)};
  }

 private:
  template <class System>
  void grow(System& system, index_t count) {
    if (count <= memory_.size()) return;
    operations::finish(system);  // what is being recorded cannot take memory: it ends here
    operations::resize(system, memory_, {count});  // gives back what was there: recordings are void
  }

  rounded_constants constants_;
  tensor<bfloat16> memory_;
};

}  // namespace attd::thrust_detail
