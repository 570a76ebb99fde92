// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Models, data, users' parts and comparisons that the tests of the walk back share.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <attd/adaptation/make_adaptive.hpp>
#include <attd/adapters/full.hpp>
#include <attd/adapters/log_low_rank.hpp>
#include <attd/adapters/low_rank.hpp>
#include <attd/adapters/timescale.hpp>
#include <attd/backends/reference.hpp>
#include <attd/controllers/simple.hpp>
#include <attd/optimizers/adam.hpp>
#include <attd/optimizers/gradient_descent.hpp>
#include <attd/optimizers/learned_rates.hpp>
#include <attd/testing/walk_back_check.hpp>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <span>
#include <string>
#include <vector>
#include <walk_back/user_parts.hpp>

namespace attd_test {

using attd::index_t;
using attd::tensor;
using walk_errors = attd::testing::walk_back_errors;
using walk_input = attd::adaptation::prepared_input<double>;
using value_rows = attd::losses::elementwise_rows<>;
using token_rows = attd::losses::cross_entropy_rows;

/// Two windows of a signal of two channels with two measured outputs, and what the task asks of
/// another one.
struct walk_values {
  struct window {
    tensor<double> input, measured;
  };
  window a = make(14, 1), b = make(9, 2), later = make(12, 3);

  std::vector<attd::observation<double>> group() const {
    return {{a.input.view(), a.measured.view(), {}, 1}, {b.input.view(), b.measured.view(), {}, 2}};
  }
  value_rows task() const { return {}; }
  std::function<void(walk_input&)> fill() const {
    return [later = later](walk_input& x) {
      const index_t n = later.input.extent(0);
      x.data.batch = attd::sequences::single(n);
      x.data.input = later.input;
      x.data.target = later.measured;
      score_second_half(n, x);
    };
  }
  static void score_second_half(index_t n, walk_input& x) {
    x.data.weight.assign({n});
    x.data.guard_weight.assign({n});
    for (index_t t = n / 2; t < n; ++t) x.data.weight(t) = 1.0 / double(n - n / 2);
  }

 private:
  static window make(index_t length, std::uint64_t key) {
    window w{tensor<double>({length, 2}), tensor<double>({length, 2})};
    attd::random_stream random{91, key};
    double slow = 0;
    for (index_t t = 0; t < length; ++t) {
      const double x = std::sin(0.7 * double(t) + double(key)) + 0.2 * random.normal();
      const double y = random.normal();
      slow = 0.7 * slow + 0.3 * x - 0.2 * y;
      w.input(t, 0) = x;
      w.input(t, 1) = y;
      w.measured(t, 0) = slow + 0.1 * random.normal();
      w.measured(t, 1) = 0.5 * x * y;
    }
    return w;
  }
};

/// The same for texts of five tokens.
struct walk_texts {
  std::vector<index_t> a{3, 1, 4, 1, 0, 2, 4, 3, 2, 1, 0, 3}, b{2, 0, 1, 2, 0, 1, 4};
  std::vector<index_t> later{1, 2, 3, 4, 0, 0, 3, 1, 2, 2};

  std::vector<attd::observation<double>> group() const { return {{{}, {}, a, 1}, {{}, {}, b, 2}}; }
  token_rows task() const { return {}; }
  std::function<void(walk_input&)> fill() const {
    return [later = later](walk_input& x) {
      const auto n = static_cast<index_t>(later.size());
      x.data.batch = attd::sequences::single(n);
      x.data.ids = later;
      x.data.target_ids.assign(later.rbegin(), later.rend());
      walk_values::score_second_half(n, x);
    };
  }
};

template <class W>
void add_noise(double scale, std::uint64_t stream, W& leaves) {
  attd::random_stream random{53, stream};
  attd::for_each_leaf(
      [&](auto& leaf) {
        for (index_t i = 0; i < leaf.size(); ++i) leaf.data()[i] += scale * random.normal();
      },
      leaves);
}

/// The parameters of a model, lively enough that its dynamics matter.
template <class Model>
auto walk_parameters(const Model& model, double noise) {
  typename Model::template parameters<double> p;
  model.initialize(attd::random_stream{5, 1}, p);
  add_noise(noise, 1, p);
  return p;
}

/// Every step is taken, whatever it does to the guard part.
inline attd::adaptation::options take_every_step() {
  attd::adaptation::options o;
  o.least_improvement = -10;
  o.signal = {1e-6, -1.0, 0.7};
  return o;
}

/// An outer loss of `steps` steps that weighs every part of the trajectory differently.
inline attd::testing::outer_case outer_of(index_t steps, double signal = 0.3) {
  attd::testing::outer_case c;
  for (index_t k = 0; k <= steps; ++k) {
    const bool skipped = k == 1 && steps > 1;  // a state that no task loss looks at
    c.weights.task.push_back(skipped ? 0.0 : 0.3 + 0.2 * double(k));
    c.weights.visit.push_back(skipped ? 0 : 1);
    if (k < steps) c.weights.movement.push_back(0.1 * double(k + 1));
  }
  c.signal = signal;
  return c;
}

/// Gives an optimiser a rate whose first step has about this length, and a clip; what has neither
/// stays as it is.
template <class Optimizer>
Optimizer tuned(Optimizer o, double length, double norm, double clip) {
  if constexpr (requires { o.inner; }) {
    o.inner = tuned(o.inner, length, norm, clip);
  } else if constexpr (requires { o.clip; }) {
    o.clip = clip;
    o.decay = 0.1;  // a rate of its own for every step
    const bool adam = requires { o.beta2; };
    o.rate = adam ? 0.2 * length : length / (clip > 0 ? std::min(norm, clip) : norm);
  }
  return o;
}

/// Different factors for every system, or for every fast weight.
template <class W>
void set_scales(const W& psi, tensor<double>& scale) {
  scale.resize({psi.count()});
  for (index_t l = 0; l < psi.count(); ++l) scale(l) = 1.0 - 0.4 * double(l % 2);
}
template <class W>
void set_scales(const W& psi, W& scale) {
  attd::zeros_like(psi, scale);
  index_t n = 0;
  attd::for_each_leaf(
      [&](auto& leaf) {
        for (index_t i = 0; i < leaf.size(); ++i) leaf.data()[i] = 0.5 + 0.2 * double(n++ % 4);
      },
      scale);
}
using layer_rates = attd::optimizers::per_layer_rates<attd::optimizers::adam>;
template <class Adapter>
using parameter_rates =
    attd::optimizers::per_parameter_rates<attd::optimizers::gradient_descent,
                                          attd::adaptation::fast_weights<Adapter, double>>;

/// Norm of the first inner gradient.
template <class Adaptive, class Data, class TaskLoss>
double first_gradient_norm(const Adaptive& m, const Data& data, const TaskLoss& task) {
  attd::adaptation::walk_back<Adaptive, TaskLoss> walk(m, task);
  const auto group = data.group();
  walk.adapt(group, 1);
  REQUIRE(walk.taken().steps() == 1);
  return std::sqrt(attd::squared_norm(walk.taken().taken(0).gradient));
}

/// Whether the identity in dual numbers is checked for a model too: for the complex one it is
/// left to the long suites (tests/full), as it doubles what there is to compile.
#ifndef ATTD_TEST_ALL_IDENTITIES
#define ATTD_TEST_ALL_IDENTITIES 0
#endif
template <class Model>
constexpr bool checks_identity() {
  if constexpr (requires { Model::kind; }) {
    return ATTD_TEST_ALL_IDENTITIES || Model::kind != attd::dynamics_kind::complex_table;
  } else {
    return true;
  }
}

/// Measures one outer loss.
template <class Adaptive, class Data>
walk_errors measure_one(const Adaptive& m, const Data& data, const attd::testing::outer_case& c) {
  const auto group = data.group();
  return attd::testing::measure_walk_back<checks_identity<typename Adaptive::model_type>()>(
      m, data.task(), std::span<const attd::observation<double>>(group), data.fill(), c);
}

/// The worst of several measurements.
struct walk_summary {
  walk_errors worst;
  std::string where;  ///< of the largest error of a gradient
  index_t runs = 0;
  index_t missing = 0;  ///< steps that were asked for and not taken

  void add(const walk_errors& e, index_t steps, const std::string& name) {
    if (runs == 0 || e.largest() > worst.largest()) where = name + ": " + e.worst;
    const auto take = [](double& to, double from) { to = std::max(to, from); };
    take(worst.theta, e.theta);
    take(worst.psi0, e.psi0);
    take(worst.settings, e.settings);
    take(worst.identity, e.identity);
    take(worst.value, e.value);
    worst.accepted += e.accepted;
    worst.rejected += e.rejected;
    worst.scaled_back += e.scaled_back;
    worst.capped += e.capped;
    missing += steps - e.accepted;
    ++runs;
  }
};

/// The limits: outer gradients 1e-6 relative to differences, 1e-11 between duals and gradients.
inline void expect_exact(const walk_summary& s) {
  CAPTURE(s.where);
  CAPTURE(s.worst.theta);
  CAPTURE(s.worst.psi0);
  CAPTURE(s.worst.settings);
  REQUIRE(s.runs > 0);
  CHECK(s.worst.theta <= 1e-6);
  CHECK(s.worst.psi0 <= 1e-6);
  CHECK(s.worst.settings <= 1e-6);
  CHECK(s.worst.identity <= 1e-11);
  CHECK(s.worst.value <= 1e-11);
  const char* const log = std::getenv("ATTD_WALK_BACK_LOG");  // prints what was measured
  if (log != nullptr) {
    MESSAGE("theta ", s.worst.theta, " psi0 ", s.worst.psi0, " settings ", s.worst.settings,
            " identity ", s.worst.identity, " value ", s.worst.value, " runs ", s.runs,
            " accepted ", s.worst.accepted, " rejected ", s.worst.rejected, " missing ", s.missing,
            " (", s.where, ")");
  }
}

/// A model, its data, how lively its random parameters are made, and how far from psi_0 to look: as
/// far as its dynamics stay stable.
template <class Model, class Data>
struct walk_model {
  Model model;
  Data data;
  double noise;
  double distance = 0.1;
};

/// One combination of parts with K = 0, 1, 2 and 5, clipping inactive and active, from psi_0 as it
/// is initialised (U = 0) and from a point near it.
template <class Model, class Data, class Adapter, class Loss, class Optimizer,
          class Backend = attd::reference>
walk_summary measure_all(const walk_model<Model, Data>& x, const Adapter& adapter, const Loss& loss,
                         const Optimizer& optimizer, Backend backend = {},
                         bool coordinates = false) {
  auto m = attd::make_adaptive(x.model, adapter, loss, attd::controllers::fixed{5}, optimizer,
                               walk_parameters(x.model, x.noise), backend, take_every_step());
  const auto task = x.data.task();
  if constexpr (requires(Optimizer o) { o.scale; }) {  // rates of their own for every part
    auto o = optimizer;
    set_scales(m.initial_weights(), o.scale);
    m.set_optimizer(o);
  }
  const auto at_start = m.initial_weights();
  auto near = at_start;
  add_noise(x.distance, 7, near);
  walk_summary all;
  const auto measure = [&](bool noisy, index_t steps, bool clipped, double norm) {
    m.set_optimizer(tuned(m.optimizer(), 0.1, norm, clipped ? 0.5 * norm : 1e6));
    auto c = outer_of(steps);
    c.coordinates = coordinates;
    all.add(measure_one(m, x.data, c), steps,
            "K = " + std::to_string(steps) + (noisy ? ", near psi_0" : ", at psi_0") +
                (clipped ? ", clipped" : ""));
  };
  for (const bool noisy : {false, true}) {
    m.set_initial_weights(noisy ? near : at_start);
    m.set_optimizer(tuned(m.optimizer(), 1e-3, 1.0, 1e6));
    const double norm = first_gradient_norm(m, x.data, task);
    REQUIRE(norm > 0);
    for (const index_t steps : {0, 1, 2, 5}) {
      if (!noisy && steps == 0) continue;
      if (coordinates && steps > 2) continue;
      for (const bool clipped : {false, true}) {
        if (!(clipped && steps == 0)) measure(noisy, steps, clipped, norm);
      }
    }
  }
  return all;
}

}  // namespace attd_test
