// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The Mamba language model of the adaptation benchmarks, its random inputs, and what a pass needs.
#pragma once

#include <attd/adaptation/inner_problem.hpp>
#include <attd/adapters/log_low_rank.hpp>
#include <attd/core/observation.hpp>
#include <attd/core/random.hpp>
#include <attd/losses/next_token.hpp>
#include <attd/models/sequence_model.hpp>
#include <attd/optimizers/gradient_descent.hpp>
#include <cstdint>
#include <span>
#include <string>
#include <support/report.hpp>
#include <vector>

namespace attd_bench {

/// A language model on a batch of sequences.
struct lm_shape {
  index_t batch = 8;
  index_t length = 1024;
  index_t width = 128;
  index_t layers = 2;
  index_t states = 16;
  index_t rank = 4;
  index_t vocabulary = 256;

  std::string name() const {
    return "/B:" + std::to_string(batch) + "/L:" + std::to_string(length) +
           "/width:" + std::to_string(width) + "/layers:" + std::to_string(layers) +
           "/N:" + std::to_string(states) + "/rank:" + std::to_string(rank) +
           "/vocabulary:" + std::to_string(vocabulary);
  }
  double tokens() const { return double(batch * length); }
};

using language_model = attd::models::language_model<>;
using lm_adapter = attd::adapters::log_low_rank;
using lm_loss = attd::losses::next_token;
using lm_weights = attd::adaptation::fast_weights<lm_adapter, float>;
using lm_frozen = attd::adaptation::frozen_model<language_model, lm_adapter, float>;

inline language_model make_language_model(const lm_shape& s) {
  language_model m;
  m.encoder = {s.vocabulary, s.width};
  m.block.width = s.width;
  m.block.state_size = s.states;
  m.head = {s.width, s.vocabulary, false};
  m.depth = s.layers;
  return m;
}

/// The model with random weights, all layers adapting.
inline lm_frozen make_frozen(const lm_shape& s) {
  lm_frozen f{make_language_model(s), lm_adapter{.rank = s.rank}, {}, {}, {}};
  f.model.initialize(attd::random_stream{3, 3}, f.parameters);
  f.model.base_dynamics(f.parameters, f.base);
  f.adapted.assign(std::size_t(s.layers), 1);
  return f;
}

/// Fast weights away from zero, where half of the gradient would vanish.
inline lm_weights make_weights(const lm_frozen& f, std::uint64_t sample) {
  lm_weights psi;
  psi.resize(f.model.systems());
  attd::random_stream random{5, sample};
  for (index_t l = 0; l < psi.count(); ++l) {
    f.adapter.initialize(f.model.layout(l), random.split(std::uint64_t(l)), psi[l]);
    for (index_t i = 0; i < psi[l].u.size(); ++i)
      psi[l].u.data()[i] = float(0.02 * random.normal());
  }
  return psi;
}

/// Random tokens, and what is seen of them.
struct token_sequence {
  std::vector<index_t> ids;
  token_sequence(const lm_shape& s, index_t length, std::uint64_t sample) {
    attd::random_stream random{6, sample};
    for (index_t t = 0; t < length; ++t) ids.push_back(random.index(s.vocabulary));
  }
  attd::observation<float> seen() const {
    attd::observation<float> o;
    o.ids = ids;
    return o;
  }
};

/// How many passes of a model a computation consists of. A dual pass has every product twice and
/// every exponential once.
struct passes {
  double forwards = 0;
  double backwards = 0;  ///< to the dynamics of all layers
  double dual_forwards = 0;
  double dual_backwards = 0;
};

/// What so many passes over a batch need at least.
///
/// *Formula*: the products of the linear layers at the processor's peak plus the exponentials of
/// scans, gates, step sizes and loss. The two are added: both kinds keep the same units busy.
/// Backward: d_x of head, out_proj and, above the lowest layer, of the other projections; the
/// exponentials of the forward again. Products that only gradients of theta need do not count.
inline double lm_bound_seconds(const lm_shape& s, const passes& p, int threads = 1) {
  const double d = double(s.width), inner = 2 * d, low = double((s.width + 15) / 16);
  const double n = double(s.states), layers = double(s.layers), head = d * double(s.vocabulary);
  const double below = 2 * inner * d + inner * (low + 2 * n) + low * inner, out = inner * d;
  const double forward = 2 * (layers * (below + out) + head);
  const double backward = 2 * ((layers - 1) * below + layers * out + head);
  const double exps = layers * inner * (n + 4) + double(s.vocabulary);
  const double all_flops = forward * (p.forwards + 2 * p.dual_forwards) +
                           backward * (p.backwards + 2 * p.dual_backwards);
  const double all_exps = exps * (p.forwards + p.backwards + p.dual_forwards + p.dual_backwards);
  limits& l = limits::get();
  return 1e-9 * s.tokens() *
         (all_flops * l.fma_ns_per_flop(threads) + all_exps * l.exp_ns(threads));
}

}  // namespace attd_bench
