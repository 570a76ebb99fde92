// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// What stays as it is while inputs come and go.
#pragma once

#include <attd/core/dynamics.hpp>
#include <attd/core/leaves.hpp>
#include <cstddef>
#include <vector>

namespace attd::adaptation {

/// Fast weights of a whole model: one aggregate per state-space system; those of systems that do
/// not adapt are empty.
template <class Adapter, class T>
using fast_weights = layers<typename Adapter::template fast_weights<T>>;

/// What does not change while inputs come and go: model, parameters, base dynamics, which systems
/// adapt. Shared, const, by all threads.
template <class Model, class Adapter, class T>
struct frozen_model {
  Model model;
  Adapter adapter;
  typename Model::template parameters<T> parameters;
  layers<dynamics<T>> base;
  std::vector<char> adapted;

  bool adapts(index_t l) const { return adapted[static_cast<std::size_t>(l)] != 0; }
};

}  // namespace attd::adaptation
