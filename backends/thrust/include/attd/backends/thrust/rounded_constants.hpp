// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Factors that do not change, rounded to bfloat16 once. Needs no GPU, so it is tested on every
// machine.
#pragma once

#include <algorithm>
#include <attd/backends/thrust/bfloat16.hpp>
#include <attd/core/leaves.hpp>
#include <attd/operations/memory.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace attd::thrust_detail {

/// Rounded copies of factors that lie in leaves held constant (`operations::hold_constant`), each
/// in memory of its own, made when a product first asks for it: most leaves are no factors. A
/// factor that is some rows of another's (halves of a projection) is found in its copy.
///
/// Copies keep their places while the same leaves are held: recordings read them there, and do not
/// round again. So when numbers have changed, all copies are rounded anew at once; to wait until a
/// product asks would leave recordings with the old ones. When other leaves are held, copies are
/// given back, which voids recordings: nothing would round for those that a changed tensor is in.
class rounded_constants {
 public:
  rounded_constants() = default;
  rounded_constants(rounded_constants&&) noexcept = default;
  rounded_constants& operator=(rounded_constants&&) noexcept = default;

  /// From now on the floats of these leaves are constant, and no others; their numbers may have
  /// changed.
  template <class System, class A>
  void hold(System& system, const A& parameters) {
    if (same_ranges(parameters)) {
      for (const copy& c : copies_) round(system, c);
    } else {
      let_go(system);
      for_each_range([&](const range& r) { ranges_.push_back(r); }, parameters);
    }
    // Who changes the leaves later waits for operations on them, but has not called any of these.
    if (!copies_.empty()) operations::finish(system);
  }

  /// The rounded copy of a factor; none where it is not constant. Valid until others are held.
  template <class System>
  std::optional<view<const bfloat16>> find(System& system, view<const float> x) {
    for (const copy& c : copies_) {
      if (const auto found = part_of(c, x)) return found;
    }
    const range all = range_of(x);
    const bool constant =
        std::any_of(ranges_.begin(), ranges_.end(), [&](const range& r) { return r.has(all); });
    if (!constant) return std::nullopt;
    return add(system, x);
  }

 private:
  // Addresses, since pointers into different arrays cannot be compared.
  struct range {
    std::uintptr_t begin, end;
    bool has(const range& r) const { return begin <= r.begin && r.end <= end; }
    friend bool operator==(const range&, const range&) = default;
  };
  struct copy {
    rounded_rows rows;  ///< from the factor to `memory`
    tensor<bfloat16> memory;
  };
  // A list that grows must not copy the memory of its elements: recordings have its address.
  static_assert(std::is_nothrow_move_constructible_v<copy>);

  static std::uintptr_t address(const float* p) { return reinterpret_cast<std::uintptr_t>(p); }
  static range range_of(view<const float> x) {
    const index_t whole = (x.rows() - 1) * x.stride() + x.columns();
    return {address(x.data()), address(x.data() + whole)};
  }
  // f(range) for every leaf of floats.
  template <class F, class A>
  static void for_each_range(const F& f, const A& parameters) {
    for_each_leaf(
        [&](const auto& leaf) {
          if constexpr (std::is_same_v<typename std::remove_cvref_t<decltype(leaf)>::scalar,
                                       float>) {
            if (!leaf.empty()) f(range_of(leaf.view()));
          }
        },
        parameters);
  }
  template <class A>
  bool same_ranges(const A& parameters) const {
    std::size_t count = 0;
    bool same = true;
    for_each_range(
        [&](const range& r) {
          same = same && count < ranges_.size() && ranges_[count] == r;
          ++count;
        },
        parameters);
    return same && count == ranges_.size();
  }

  template <class System>
  void let_go(System& system) {
    if (!copies_.empty()) operations::finish(system);  // a recording ends here
    copies_.clear();
    ranges_.clear();
  }
  template <class System>
  view<const bfloat16> add(System& system, view<const float> x) {
    operations::finish(system);  // what is being recorded cannot take memory: it ends here
    copy c;
    operations::resize(system, c.memory, {rounded_rows::space(x)});
    c.rows = {x, rounded_rows::placed(x, c.memory.data())};
    round(system, c);
    copies_.push_back(std::move(c));
    return copies_.back().rows.to;
  }
  template <class System>
  static void round(System& system, const copy& c) {
    for_each_index(system, c.rows.count(), c.rows);
  }
  // The rows of a copy that a factor is, if it is.
  static std::optional<view<const bfloat16>> part_of(const copy& c, view<const float> x) {
    const view<const float> whole = c.rows.from;
    if (x.columns() != whole.columns() || x.stride() != whole.stride()) return std::nullopt;
    const range all = range_of(whole), part = range_of(x);
    if (!all.has(part)) return std::nullopt;
    const auto before = static_cast<index_t>((part.begin - all.begin) / sizeof(float));
    const index_t step = std::max<index_t>(whole.stride(), 1);  // a single row may have none
    if (before % step != 0) return std::nullopt;
    return c.rows.to.row_range(before / step, x.rows());
  }

  std::vector<range> ranges_;  ///< of the leaves, in their order
  std::vector<copy> copies_;
};

}  // namespace attd::thrust_detail
