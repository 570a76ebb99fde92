// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// A meta trainer without writing its types.
#pragma once

#include <attd/training/meta_trainer.hpp>
#include <utility>

namespace attd::training {

/// A meta trainer, the types taken from the arguments; the number type is that of theta. It cannot
/// be moved: `auto trainer = make_meta_trainer(...)`. *Example*:
/// docs/how_to/train_through_adaptation.md.
template <class Model, class Adapter, class Loss, class Optimizer, class TaskLoss, class Parameters,
          class Backend, class Observe = observe_context>
auto make_meta_trainer(Model model, Adapter adapter, Loss loss, Optimizer optimizer, TaskLoss task,
                       const Parameters& theta, const meta_trainer_options& options,
                       Backend backend, adaptation::options adaptation = {}, Observe observe = {}) {
  using T = leaf_scalar_t<Parameters>;
  return meta_trainer<T, Model, Adapter, Loss, Optimizer, TaskLoss, Backend, Observe>(
      std::move(model), std::move(adapter), std::move(loss), std::move(optimizer), std::move(task),
      theta, options, std::move(adaptation), std::move(backend), std::move(observe));
}

}  // namespace attd::training
