// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Exact, first-order and truncated chains; rejected steps, layers that do not adapt, zero
// gradients.
#include <attd/losses/next_value.hpp>
#include <attd/losses/output_error.hpp>
#include <walk_back/models.hpp>

using namespace attd_test;
namespace adapters = attd::adapters;
namespace losses = attd::losses;
namespace optimizers = attd::optimizers;
using attd::adaptation::chain;

namespace {

auto net(index_t depth = 2) { return walk_net<attd::blocks::time_domain::discrete>(depth); }

// Next-value loss, from a point near psi_0.
template <class Model, class Data, class Adapter, class Optimizer>
auto adaptive(const walk_model<Model, Data>& x, const Adapter& adapter, const Optimizer& optimizer,
              const attd::adaptation::options& options = take_every_step()) {
  auto m =
      attd::make_adaptive(x.model, adapter, losses::next_value<>{}, attd::controllers::fixed{8},
                          optimizer, walk_parameters(x.model, x.noise), attd::reference{}, options);
  auto near = m.initial_weights();
  add_noise(x.distance, 7, near);
  m.set_initial_weights(near);
  return m;
}
auto adaptive_net(const attd::adaptation::options& options = take_every_step(), index_t depth = 2) {
  return adaptive(net(depth), adapters::low_rank{2}, optimizers::gradient_descent{.rate = 0.1},
                  options);
}

// Every chain, with and without the signal.
template <class Adaptive>
walk_summary measure_chains(const Adaptive& m, const walk_values& data, index_t steps) {
  walk_summary all;
  const auto measure = [&](const char* name, chain how, index_t truncation) {
    for (const double signal : {0.0, -0.7}) {
      auto c = outer_of(steps, signal);
      c.how = how;
      c.truncation = truncation;
      all.add(measure_one(m, data, c), steps, name);
    }
  };
  measure("exact", chain::exact, 0);
  measure("first order", chain::first_order, 0);
  measure("truncated to 1", chain::truncated, 1);
  measure("truncated to 2", chain::truncated, 2);
  measure("truncated to more than there is", chain::truncated, steps + 1);
  return all;
}

// Gradients of one chain, with or without those of theta.
template <class Adaptive>
auto theta_gradient(const Adaptive& m, const walk_values& data, chain how, index_t truncation,
                    index_t steps, bool theta = true, double signal = 0) {
  attd::adaptation::walk_back<Adaptive, value_rows> walk(m, data.task());
  walk.ask_for_theta(theta);
  const auto group = data.group();
  walk.adapt(group, steps);
  data.fill()(walk.task_input());
  walk.task_input().find_runs();
  typename decltype(walk)::gradients g;
  attd::zeros_like(m.theta(), g.theta);
  attd::zeros_like(m.initial_weights(), g.psi0);
  const auto c = outer_of(steps);
  REQUIRE(walk(c.weights, how, truncation, g, [&](std::span<const double>) { return signal; }));
  return g;
}
template <class A>
double distance(const A& a, const A& b) {
  double sum = 0;
  attd::for_each_leaf(
      [&](const auto& x, const auto& y) {
        for (index_t i = 0; i < x.size(); ++i) sum += attd::square(x.data()[i] - y.data()[i]);
      },
      a, b);
  return std::sqrt(sum);
}

// Whether a step was accepted after one was rejected that came after an accepted one.
template <class Adaptive>
bool rejects_in_the_middle(const Adaptive& m, const walk_values& data, index_t steps) {
  attd::adaptation::walk_back<Adaptive, value_rows> walk(m, data.task());
  const auto group = data.group();
  walk.adapt(group, steps);
  const auto& course = walk.taken();
  for (index_t k = 1; k + 1 < course.attempts(); ++k) {
    if (course.state_after(k) == course.state_after(k + 1) && course.state_after(k) > 0 &&
        course.state_after(course.attempts()) > course.state_after(k)) {
      return true;
    }
  }
  return false;
}

}  // namespace

TEST_CASE("walk back: every chain agrees with differences in which its constants are constant") {
  const walk_values data;
  expect_exact(measure_chains(adaptive_net(), data, 4));
  expect_exact(measure_chains(
      adaptive(walk_mamba(), adapters::timescale<>{{1}, 3.0}, optimizers::adam{.rate = 0.02}), data,
      4));
}

TEST_CASE("walk back: first-order and truncated chains differ from the exact one") {
  const walk_values data;
  const auto m = adaptive_net();
  const auto exact = theta_gradient(m, data, chain::exact, 0, 3);
  const double size = std::sqrt(attd::squared_norm(exact.theta));
  const auto off = [&](chain how, index_t truncation) {
    return distance(theta_gradient(m, data, how, truncation, 3).theta, exact.theta) / size;
  };
  CHECK(off(chain::first_order, 0) > 1e-4);
  CHECK(off(chain::truncated, 1) > 1e-4);
  CHECK(off(chain::truncated, 2) > 1e-4);
  CHECK(off(chain::truncated, 2) < off(chain::truncated, 1));
  CHECK(off(chain::truncated, 3) == 0);
  CHECK(std::sqrt(attd::squared_norm(theta_gradient(m, data, chain::truncated, 2, 3).psi0)) == 0);
}

TEST_CASE("walk back: number by number, every gradient agrees with differences") {
  expect_exact(measure_all(net(), adapters::low_rank{2}, losses::next_value<>{},
                           optimizers::gradient_descent{}, attd::reference{}, true));
}

TEST_CASE("walk back: with layers 1 and 3 of 3 adapted, gradients reach all layers") {
  const walk_values data;
  auto options = take_every_step();
  options.adapted = {0, 2};
  const auto m = adaptive_net(options, 3);
  expect_exact(measure_chains(m, data, 3));
  const auto g = theta_gradient(m, data, chain::exact, 0, 3);
  CHECK(g.psi0[1].u.empty());
  for (index_t l = 0; l < 3; ++l) CHECK(attd::squared_norm(g.theta.layers[l].dynamics) > 0);
}

TEST_CASE("walk back: rejected steps are the identity, halved rates constants") {
  const walk_values data;
  auto options = take_every_step();
  options.least_improvement = 0;
  options.halvings = 8;
  const auto check = [&](auto m, double rate_from) {
    walk_summary all;
    bool in_the_middle = false;
    for (double rate = rate_from; rate < 200 * rate_from; rate *= 1.7) {
      auto o = m.optimizer();
      o.rate = rate;
      m.set_optimizer(o);
      in_the_middle = in_the_middle || rejects_in_the_middle(m, data, 6);
      const auto e = measure_one(m, data, outer_of(6));
      if (e.rejected > 0 && e.accepted > 0) all.add(e, 6, "rate " + std::to_string(rate));
    }
    expect_exact(all);
    CHECK(all.worst.rejected > all.runs);
    CHECK(in_the_middle);
  };
  check(adaptive_net(options), 0.5);
  check(adaptive(net(), adapters::full{}, optimizers::momentum{.mu = 0.7}, options), 0.2);
}

TEST_CASE("walk back: at U = V = 0, where all of psi has zero gradients, derivatives are finite") {
  const walk_values data;
  const auto check = [&](const auto& optimizer) {
    auto m = adaptive(net(), adapters::low_rank{2}, optimizer);
    auto zero = m.initial_weights();
    attd::zero_leaves(zero);
    m.set_initial_weights(zero);
    walk_summary all;
    for (const index_t steps : {1, 2, 5}) all.add(measure_one(m, data, outer_of(steps)), steps, "");
    expect_exact(all);
    CHECK(all.missing == 0);
    CHECK(first_gradient_norm(m, data, data.task()) == 0);
  };
  check(optimizers::gradient_descent{.rate = 0.1, .clip = 0.5});
  check(optimizers::momentum{.rate = 0.1, .mu = 0.5});
  check(optimizers::adam{.rate = 1e-3});
}

TEST_CASE("walk back: where the model already says what was measured, second derivatives remain") {
  const auto check = [&](const auto& optimizer) {
    const auto x = net();
    auto m = attd::make_adaptive(
        x.model, adapters::full{}, losses::output_error<>{{}, 0}, attd::controllers::fixed{5},
        optimizer, walk_parameters(x.model, x.noise), attd::reference{}, take_every_step());
    auto data = x.data;
    auto w = m.make_workspace();
    for (auto* window : {&data.a, &data.b}) {
      const auto y = m.predict(attd::sequences::single(window->input.extent(0)),
                               {window->input.view(), {}}, m.initial_weights(), w);
      for (index_t t = 0; t < y.rows(); ++t) {
        for (index_t c = 0; c < 2; ++c) window->measured(t, c) = y(t, c);
      }
    }
    CHECK(first_gradient_norm(m, data, data.task()) == 0);
    walk_summary all;
    for (const index_t steps : {1, 2, 5}) all.add(measure_one(m, data, outer_of(steps)), steps, "");
    expect_exact(all);
    CHECK(all.missing == 0);
    // The step itself has slopes in psi and theta although it goes nowhere.
    const auto g = theta_gradient(m, data, chain::exact, 0, 2);
    CHECK(distance(theta_gradient(m, data, chain::first_order, 0, 2).theta, g.theta) >
          1e-3 * std::sqrt(attd::squared_norm(g.theta)));
  };
  check(optimizers::gradient_descent{.rate = 0.1, .clip = 0.5});
  check(optimizers::momentum{.rate = 0.1, .mu = 0.5});
  check(optimizers::adam{.rate = 1e-3});
}

TEST_CASE("walk back: an input that is too short has the gradient of the task loss alone") {
  walk_values data;
  data.a.input = tensor<double>({1, 2});
  data.b.input = tensor<double>({1, 2});
  data.a.measured = data.b.measured = tensor<double>({1, 2});
  const auto m = adaptive_net();
  walk_summary all;
  const auto e = measure_one(m, data, outer_of(3));
  all.add(e, 3, "too short");
  expect_exact(all);
  CHECK(e.accepted == 0);
  CHECK(e.rejected == 0);
}

TEST_CASE("walk back: without gradients of theta the others keep their bits") {
  const walk_values data;
  const auto m = adaptive_net();
  for (const chain how : {chain::exact, chain::first_order, chain::truncated}) {
    for (const double signal : {0.0, -0.7}) {
      const auto all = theta_gradient(m, data, how, 2, 3, true, signal);
      const auto some = theta_gradient(m, data, how, 2, 3, false, signal);
      CHECK(distance(all.psi0, some.psi0) == 0);
      CHECK(all.settings == some.settings);
      // Two of three steps walked back do not reach psi_0.
      CHECK((attd::squared_norm(all.psi0) > 0) == (how != chain::truncated || signal != 0));
      CHECK(attd::squared_norm(all.theta) > 0);
      CHECK(attd::squared_norm(some.theta) == 0);
    }
  }
}
