// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// An input as the inner problem sees it, and the loss of one evaluation.
#pragma once

#include <attd/losses/row_losses.hpp>
#include <vector>

namespace attd::adaptation {

/// An input that a loss has been prepared for; constant over the steps that are taken on it.
template <class T>
struct prepared_input {
  losses::inner_data<T> data;
  std::vector<losses::row_run> scored, guard;  ///< of data.weight and data.guard_weight

  void find_runs() {
    losses::find_scored_runs(data.weight, scored);
    losses::find_scored_runs(data.guard_weight, guard);
  }
};

/// Loss and guard loss of one evaluation.
template <class S>
struct inner_value {
  S loss{};
  S guard{};
};

}  // namespace attd::adaptation
