// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// What an adapted model predicts: to compare backends by.
#pragma once

#include <doctest/doctest.h>

#include <adaptation/models.hpp>
#include <attd/models/sequence_model.hpp>

namespace attd_test {

/// Two small Mamba layers, one channel in and out.
inline attd::models::forecaster<> two_mambas() {
  attd::models::forecaster<> m;
  m.encoder = {1, 8};
  m.block.width = 8;
  m.block.state_size = 4;
  m.head = {8, 1};
  m.depth = 2;
  return m;
}

/// The prediction after three steps on a plant.
template <class Backend, class Model, class Adapter>
tensor<double> adapted_prediction(const Model& model, const Adapter& adapter) {
  const auto m = attd::make_adaptive(
      model, adapter, attd::losses::output_error<>{{}, 1}, attd::controllers::fixed{3},
      attd::optimizers::adam{.rate = 0.01}, parameters_of<double>(model), Backend{});
  auto w = m.make_workspace();
  auto s = m.start();
  attd::adaptation::report r;
  const auto x = plant<double>(40, 0.2, 1);
  m.adapt(x.seen(), s, w, r);
  CHECK(r.accepted > 0);
  return copy_of(m.predict(attd::sequences::single(40), x.model_input(), s.psi, w));
}

}  // namespace attd_test
