// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// What an adapted model predicts: to compare backends by.
#pragma once

#include <doctest/doctest.h>

#include <adaptation/models.hpp>
#include <attd/blocks/s4d.hpp>
#include <attd/models/sequence_model.hpp>
#include <cstddef>
#include <vector>

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

/// Two small S4D layers, one channel in and out.
inline attd::models::forecaster<attd::blocks::s4d<>> two_s4ds() {
  attd::models::forecaster<attd::blocks::s4d<>> m;
  m.encoder = {1, 4};
  m.block.channels = 4;
  m.block.state_size = 8;
  m.head = {4, 1};
  m.depth = 2;
  return m;
}

/// Two small Mamba layers on five tokens.
inline attd::models::language_model<> small_language_model() {
  attd::models::language_model<> m;
  m.encoder = {5, 8};
  m.block.width = 8;
  m.block.state_size = 4;
  m.head = {8, 5};
  m.depth = 2;
  return m;
}
/// Two texts of different lengths for it.
struct two_texts {
  std::vector<std::vector<index_t>> ids{{0, 1, 2, 3, 4, 0, 1, 2}, {4, 4, 1, 0, 2, 2, 3, 1, 0, 4}};
  std::vector<attd::observation<double>> seen() const {
    std::vector<attd::observation<double>> all(ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) all[i].ids = ids[i];
    return all;
  }
};

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
