// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Models, signals and comparisons that the tests of the engine share.
#pragma once

#include <attd/adaptation/make_adaptive.hpp>
#include <attd/adapters/full.hpp>
#include <attd/adapters/log_low_rank.hpp>
#include <attd/adapters/low_rank.hpp>
#include <attd/backends/reference.hpp>
#include <attd/controllers/simple.hpp>
#include <attd/losses/next_value.hpp>
#include <attd/losses/output_error.hpp>
#include <attd/models/dynamics_net.hpp>
#include <attd/optimizers/adam.hpp>
#include <attd/optimizers/gradient_descent.hpp>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

namespace attd_test {

using attd::index_t;
using attd::tensor;

/// An observation and the memory that it refers to.
template <class T>
struct signal {
  tensor<T> input;
  tensor<T> measured;
  std::uint64_t key = 0;

  attd::observation<T> seen() const { return {input.view(), measured.view(), {}, key}; }
  attd::sequence_input<T> model_input() const { return {input.view(), {}}; }
};

/// A damped oscillation of one channel whose time runs `speed` times as fast, and a little noise.
template <class T = double>
signal<T> oscillation(index_t length, double speed, std::uint64_t key) {
  signal<T> s{tensor<T>({length, 1}), {}, key};
  attd::random_stream random{77, key};
  const double phase = random.uniform(0, 6.28);
  for (index_t t = 0; t < length; ++t) {
    const double at = speed * double(t);
    s.input(t, 0) = T(std::exp(-0.01 * at) * std::sin(0.35 * at + phase) + 0.02 * random.normal());
  }
  return s;
}

/// Two layers of four states with small perceptrons, one channel in and out. Not trained: large
/// inner losses are what most rules are about.
using small_net = attd::models::dynamics_net<>;
inline small_net small_model(index_t depth = 2) {
  small_net m;
  m.state = 4;
  m.hidden = 3;
  m.depth = depth;
  m.width = 2;
  return m;
}
template <class T = double, class Model>
auto parameters_of(const Model& model, std::uint64_t seed = 5) {
  typename Model::template parameters<T> p;
  model.initialize(attd::random_stream{seed, 1}, p);
  return p;
}

/// Noise driven through the small model itself with A replaced by (1 - shift) A, which its adapters
/// can follow exactly; the last `tail` tokens are measured on the unshifted one. What is known of
/// it: the input and the measured outputs.
template <class T = double>
signal<T> plant(index_t length, double shift, std::uint64_t key, index_t tail = 0) {
  const small_net model = small_model();
  const auto theta = parameters_of<double>(model);
  tensor<double> u({length, 1});
  attd::random_stream random{91, key};
  double slow = 0;
  for (index_t t = 0; t < length; ++t) u(t, 0) = slow = 0.7 * slow + random.normal();
  signal<T> s{tensor<T>({length, 1}), tensor<T>({length, 1}), key};
  attd::convert(u, s.input);
  attd::reference backend;
  for (double part : {shift, 0.0}) {
    attd::layers<attd::dynamics<double>> dynamics;
    small_net::cache<double> cache;
    model.base_dynamics(theta, dynamics);
    for (auto& d : dynamics) {
      for (index_t i = 0; i < d.matrix.size(); ++i) d.matrix.data()[i] *= 1 - part;
    }
    model.reset_states(1, cache);
    model.forward(backend, attd::sequences::single(length), theta, dynamics,
                  attd::sequence_input<double>{std::as_const(u).view(), {}}, cache);
    for (index_t t = part == shift ? 0 : length - tail; t < length; ++t) {
      s.measured(t, 0) = T(cache.output()(t, 0) + 0.01 * random.normal());
    }
  }
  return s;
}

/// The small model with low-rank adapters, output error after a washout of two tokens, and what the
/// test wants to vary.
template <class T = double, class Controller = attd::controllers::fixed,
          class Optimizer = attd::optimizers::gradient_descent,
          class Adapter = attd::adapters::low_rank>
auto small_adaptive(Controller controller = {}, Optimizer optimizer = {},
                    attd::adaptation::options options = {}, Adapter adapter = {}) {
  const small_net model = small_model();
  return attd::make_adaptive(model, adapter, attd::losses::output_error<>{{}, 2}, controller,
                             optimizer, parameters_of<T>(model), attd::reference{}, options);
}

/// Whether two aggregates (or tensors) have the same shapes and the same bits.
template <class A>
bool same_bits(const A& a, const A& b) {
  bool same = true;
  attd::for_each_leaf(
      [&](const auto& x, const auto& y) {
        same =
            same && x.shape() == y.shape() &&
            (x.empty() || std::memcmp(x.data(), y.data(),
                                      static_cast<std::size_t>(x.size()) * sizeof(*x.data())) == 0);
      },
      a, b);
  return same;
}
inline bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0);
}

/// Everything in a report but the time.
inline bool same_report(const attd::adaptation::report& a, const attd::adaptation::report& b) {
  return a.status == b.status && std::memcmp(&a.signal, &b.signal, sizeof(double)) == 0 &&
         a.requested == b.requested && a.attempted == b.attempted && a.accepted == b.accepted &&
         a.rejected == b.rejected && a.scaled_back == b.scaled_back &&
         same_bits(a.losses, b.losses) && same_bits(a.guards, b.guards) &&
         same_bits(a.signals, b.signals) && same_bits(a.margins, b.margins) &&
         a.clamped_share == b.clamped_share && a.flops == b.flops;
}

/// A copy of the numbers of a view, which a workspace is about to use again.
template <class V>
tensor<std::remove_const_t<V>> copy_of(attd::view<V> v) {
  tensor<std::remove_const_t<V>> t(v.shape());
  for (index_t i = 0; i < v.rows(); ++i) {
    for (index_t j = 0; j < v.columns(); ++j) t.view().at(i, j) = v.at(i, j);
  }
  return t;
}

/// What the model says of the whole signal under psi.
template <class Model, class Weights>
tensor<double> prediction(const Model& m, const signal<double>& x, const Weights& psi) {
  auto w = m.make_workspace();
  return copy_of(m.predict(attd::sequences::single(x.input.extent(0)), x.model_input(), psi, w));
}

/// Adapts a fresh session.
template <class Model>
auto adapted(const Model& m, const signal<double>& x, attd::adaptation::report& r,
             const attd::adaptation::budget& limit = {}) {
  auto w = m.make_workspace();
  auto s = m.start();
  m.adapt(x.seen(), s, w, r, limit);
  return s;
}

/// An optimiser that adds `shift` (times the rate factor) to every fast weight and remembers the
/// factors it was given.
struct push {
  double shift = 1;
  std::vector<double>* factors = nullptr;
  index_t reset_every = 0;

  template <class W>
  using state = attd::optimizers::momentum_state<W>;
  template <class W>
  void initialize(const W& psi, state<W>& m) const {
    attd::zeros_like(psi, m.velocity);
  }
  template <class W>
  void step(index_t, double factor, const W&, W& psi, state<W>& m) const {
    if (factors) factors->push_back(factor);
    attd::for_each_leaf(
        [&](auto& p, auto& v) {
          for (index_t i = 0; i < p.size(); ++i) {
            p.data()[i] += shift * factor;
            v.data()[i] += 1;
          }
        },
        psi, m.velocity);
  }
  index_t reset_interval() const { return reset_every; }
};

}  // namespace attd_test
