// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Composing an adaptive model without writing its types.
#pragma once

#include <attd/adaptation/adaptive_model.hpp>
#include <type_traits>
#include <utility>

namespace attd {

/// Composes an adaptive model, the types taken from the arguments; `theta` are the parameters of
/// `model`, and their number type is that of everything.
template <class Model, class Adapter, class Loss, class Controller, class Optimizer, class Backend,
          class Parameters>
auto make_adaptive(Model model, Adapter adapter, Loss loss, Controller controller,
                   Optimizer optimizer, const Parameters& theta, Backend backend,
                   adaptation::options options = {}) {
  using T = leaf_scalar_t<Parameters>;
  static_assert(std::is_same_v<Parameters, typename Model::template parameters<T>>,
                "attd: make_adaptive needs the parameters of the model that it is given");
  return adaptive_model<T, Model, Adapter, Loss, Controller, Optimizer, Backend>(
      std::move(model), std::move(adapter), std::move(loss), std::move(controller),
      std::move(optimizer), theta, std::move(options), std::move(backend));
}

}  // namespace attd
