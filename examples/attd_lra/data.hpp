// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The samples of a task, generated or read, and batches of them as a function of (seed, step).
#pragma once

#include <attd/tasks/example.hpp>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "settings.hpp"

namespace lra {

using examples = std::vector<attd::tasks::example<number>>;

/// A task, ready to be learned.
struct task_data {
  index_t vocabulary = 0;  ///< ids 0 .. vocabulary - 1; the next one stands for hidden tokens
  index_t classes = 0;
  examples train;  ///< empty where `batch` makes samples that never come twice
  examples validation, test;
  /// The samples of an update; called on the loading thread.
  std::function<examples(std::uint64_t seed, index_t step)> batch;
  /// What rules that learned nothing get right of the test samples.
  std::vector<std::pair<std::string, double>> baselines;
  std::string description;
};

/// *Errors*: `attd::error` for a task that has no generator and no `data`, and those of the
/// loaders.
task_data make_data(const settings& s);

}  // namespace lra
