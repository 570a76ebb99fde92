// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// A model in float and texts for it, so wide and long that a backend with products in bf16 rounds
// factors.
#pragma once

#include <doctest/doctest.h>

#include <adaptation/models.hpp>
#include <attd/adapters/log_low_rank.hpp>
#include <attd/losses/next_token.hpp>
#include <attd/models/sequence_model.hpp>
#include <cstdint>
#include <utility>
#include <vector>

namespace attd_test::wide {

/// Two Mamba layers of width 32 on 40 tokens.
inline attd::models::language_model<> model() {
  attd::models::language_model<> m;
  m.encoder = {40, 32};
  m.block.width = 32;
  m.block.state_size = 4;
  m.head = {32, 40};
  m.depth = 2;
  return m;
}

struct text {
  std::vector<index_t> ids;
  text(std::uint64_t seed, index_t length) {
    attd::random_stream random{seed};
    for (index_t t = 0; t < length; ++t) ids.push_back(index_t(random.uniform(0, 40)));
  }
  attd::observation<float> seen() const {
    attd::observation<float> o;
    o.ids = ids;
    return o;
  }
};

/// It adapts by three steps; `seed` is that of its parameters.
template <class Backend>
auto adaptive(std::uint64_t seed, Backend backend) {
  return attd::make_adaptive(model(), attd::adapters::log_low_rank{2}, attd::losses::next_token{},
                             attd::controllers::fixed{3}, attd::optimizers::adam{.rate = 0.01},
                             parameters_of<float>(model(), seed), std::move(backend));
}

/// What a text makes of the fast weights, in memory of the host.
template <class Model>
std::vector<tensor<float>> adapted(const Model& m, typename Model::workspace& w, const text& x) {
  auto s = m.start();
  attd::adaptation::report r;
  m.adapt(x.seen(), s, w, r);
  CHECK(r.accepted == 3);
  std::vector<tensor<float>> leaves;
  attd::for_each_leaf([&](const auto& leaf) { leaves.push_back(copy_of(leaf.view())); }, s.psi);
  return leaves;
}

}  // namespace attd_test::wide
