// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The two models that are also written out by hand, composed from the library's parts.
#pragma once

#include <attd/adaptation/inner_problem.hpp>
#include <attd/adapters/low_rank.hpp>
#include <attd/backends/eigen.hpp>
#include <attd/core/random.hpp>
#include <attd/losses/next_value.hpp>
#include <attd/models/dynamics_net.hpp>
#include <attd/models/sequence_model.hpp>
#include <attd/optimizers/gradient_descent.hpp>
#include <cmath>
#include <span>
#include <utility>

namespace attd_bench {

using attd::index_t;

/// A damped wave with a little noise [time, 1].
inline attd::tensor<float> wave(index_t length) {
  attd::random_stream random{7, 1};
  attd::tensor<float> x({length, 1});
  for (index_t t = 0; t < length; ++t) {
    const double at = double(t);
    x(t, 0) = float(std::sin(0.31 * at) * std::exp(-0.002 * at) + 0.05 * random.normal());
  }
  return x;
}

/// One adaptation step of a linear plant model: dense dynamics of 16 states, one input and one
/// output channel, a rank-4 change of A, next-value squared error, clipped gradient descent.
class composed_step {
 public:
  using model = attd::models::dynamics_net<>;
  using adapter = attd::adapters::low_rank;
  using loss = attd::losses::next_value<>;
  using problem = attd::adaptation::inner_problem<model, adapter, loss, attd::eigen, float>;
  using weights = problem::weights;

  static constexpr double guard_fraction = 0.25;
  static constexpr attd::optimizers::gradient_descent descent{.rate = 0.1, .clip = 0.05};

  /// The model reads `length` tokens of a series of length + 1.
  explicit composed_step(index_t length) : x_(wave(length + 1)), problem_(prepare(), loss_, {}) {
    psi_.resize(1);
    frozen_.adapter.initialize(frozen_.model.layout(0), attd::random_stream{7, 3}, psi_[0]);
    // Away from zero: as written out at first, U = 0 would leave half of the gradient zero.
    attd::random_stream random{7, 4};
    for (index_t i = 0; i < psi_[0].u.size(); ++i) {
      psi_[0].u.data()[i] = float(0.02 * random.normal());
    }
    attd::zeros_like(psi_, gradient_);
    attd::observation<float> seen;
    seen.input = std::as_const(x_).view();
    problem_.prepare(std::span<const attd::observation<float>>(&seen, 1), {guard_fraction});
  }
  composed_step(const composed_step&) = delete;

  /// Loss and guard loss before the step.
  attd::adaptation::inner_value<float> step() {
    const auto value = problem_.evaluate(psi_);
    problem_.gradient(psi_, gradient_);
    descent.step(0, 1.0, gradient_, psi_, state_);
    return value;
  }

  const attd::tensor<float>& series() const { return x_; }
  const model::parameters<float>& parameters() const { return frozen_.parameters; }
  const attd::adapters::low_rank_weights<float>& psi() const { return psi_[0]; }

 private:
  problem::frozen& prepare() {
    frozen_.model.initialize(attd::random_stream{7, 2}, frozen_.parameters);
    frozen_.parameters.layers[0].readout.bias(0) = 0.03f;
    frozen_.model.base_dynamics(frozen_.parameters, frozen_.base);
    frozen_.adapted.assign(1, 1);
    return frozen_;
  }

  problem::frozen frozen_{model{}, adapter{}, {}, {}, {}};
  loss loss_;
  attd::tensor<float> x_;
  problem problem_;
  weights psi_, gradient_;
  attd::optimizers::no_state<weights> state_;
};

/// The forward of a Mamba forecaster: 2 layers of width 64 (inner 128, 16 states, 4 taps), one
/// input and one output channel.
class composed_mamba {
 public:
  using model = attd::models::forecaster<>;

  explicit composed_mamba(index_t length)
      : x_(wave(length)), batch_(attd::sequences::single(length)) {
    model_.encoder = {1, 64};
    model_.block.width = 64;
    model_.head = {64, 1};
    model_.depth = 2;
    model_.initialize(attd::random_stream{7, 5}, parameters_);
    model_.base_dynamics(parameters_, base_);
  }

  /// Predictions of all tokens, from zero states.
  const attd::tensor<float>& forward() {
    const attd::sequence_input<float> input{std::as_const(x_).view(), {}};
    model_.reset_states(1, cache_);
    model_.forward(backend_, batch_, parameters_, base_, input, cache_);
    return cache_.output();
  }

  const attd::tensor<float>& series() const { return x_; }
  const model::parameters<float>& parameters() const { return parameters_; }
  const attd::layers<attd::dynamics<float>>& base() const { return base_; }

 private:
  model model_;
  attd::tensor<float> x_;
  attd::sequences batch_;
  model::parameters<float> parameters_;
  attd::layers<attd::dynamics<float>> base_;
  model::cache<float> cache_;
  // The matrix product that the hand-written form calls: the difference is then the composition's.
  attd::eigen backend_{attd::eigen_options{.products = attd::product_kernel::eigen}};
};

template <class Work>
void run_once(Work& work) {
  if constexpr (requires { work.step(); }) {
    work.step();
  } else {
    work.forward();
  }
}

}  // namespace attd_bench
