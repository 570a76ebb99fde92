// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The memory of a meta-gradient does not grow with K, beyond the stored trajectory.
#include <doctest/doctest.h>

#include <attd/adaptation/make_adaptive.hpp>
#include <attd/adaptation/walk_back.hpp>
#include <attd/adapters/full.hpp>
#include <attd/adapters/low_rank.hpp>
#include <attd/backends/reference.hpp>
#include <attd/controllers/simple.hpp>
#include <attd/losses/next_value.hpp>
#include <attd/models/sequence_model.hpp>
#include <attd/optimizers/adam.hpp>
#include <attd/optimizers/gradient_descent.hpp>
#include <cmath>
#include <cstdlib>
#include <span>
#include <string>
#include <walk_back/heap.hpp>

using attd::index_t;
using attd::tensor;
using namespace attd_test;
namespace adapters = attd::adapters;
namespace optimizers = attd::optimizers;

namespace {

constexpr index_t length = 128;

attd::models::forecaster<> mamba() {
  attd::models::forecaster<> m;
  m.encoder = {1, 16};
  m.block.width = 16;
  m.head = {16, 1};
  m.depth = 2;
  return m;
}
tensor<double> wave() {
  tensor<double> x({length, 1});
  attd::random_stream random{17, 1};
  for (index_t t = 0; t < length; ++t) x(t, 0) = std::sin(0.3 * double(t)) + 0.1 * random.normal();
  return x;
}
template <class A>
long bytes_of(const A& aggregate) {
  return 8 * static_cast<long>(attd::count_scalars(aggregate));
}

struct footprint {
  long peak = 0;        // of everything, from making the walk to its gradient
  long trajectory = 0;  // of it: psi, optimiser states and gradients of the steps
  index_t steps = 0;
  double norm = 0;  // of the gradient of theta: a walk of nothing would need no memory
};

// One meta-gradient with a task loss at the last psi.
template <class Adapter, class Optimizer>
footprint footprint_of(const Adapter& adapter, const Optimizer& optimizer, index_t steps) {
  const auto model = mamba();
  typename decltype(model)::template parameters<double> theta;
  model.initialize(attd::random_stream{5, 1}, theta);
  attd::adaptation::options options;
  options.least_improvement = -1e9;  // every step is taken
  const auto m = attd::make_adaptive(model, adapter, attd::losses::next_value<>{},
                                     attd::controllers::fixed{steps}, optimizer, theta,
                                     attd::reference{}, options);
  const auto x = wave();
  const attd::observation<double> seen{x.view(), {}, {}, 1};
  attd::adaptation::outer_weights weights;
  weights.task.assign(static_cast<std::size_t>(steps) + 1, 0.0);
  weights.visit.assign(weights.task.size(), 0);
  weights.task.back() = 1;
  weights.visit.back() = 1;
  footprint f;
  f.peak = peak_of([&] {
    using walk_type = attd::adaptation::walk_back<decltype(m), attd::losses::elementwise_rows<>>;
    walk_type walk(m, {});
    walk.adapt(std::span<const attd::observation<double>>(&seen, 1), steps);
    auto& task = walk.task_input().data;
    task.batch = attd::sequences::single(length);
    task.input = task.target = x;
    task.weight.assign({length}, 1.0 / double(length));
    task.guard_weight.assign({length});
    walk.task_input().find_runs();
    typename walk_type::gradients g;
    attd::zeros_like(m.theta(), g.theta);
    attd::zeros_like(m.initial_weights(), g.psi0);
    REQUIRE(walk(weights, attd::adaptation::chain::exact, 0, g,
                 [](std::span<const double>) { return 0.1; }));
    const auto& course = walk.taken();
    f.steps = course.steps();
    for (index_t i = 0; i <= f.steps; ++i) {
      f.trajectory += bytes_of(course.psi(i)) + bytes_of(course.optimizer(i));
      if (i < f.steps) f.trajectory += bytes_of(course.taken(i).gradient);
    }
    f.norm = std::sqrt(attd::squared_norm(g.theta));
  });
  return f;
}

template <class Adapter, class Optimizer>
void check_memory(const std::string& name, const Adapter& adapter, const Optimizer& optimizer) {
  footprint_of(adapter, optimizer, 2);  // what the program allocates once
  const auto one = footprint_of(adapter, optimizer, 1);
  const auto sixteen = footprint_of(adapter, optimizer, 16);
  CAPTURE(name);
  CAPTURE(one.peak);
  CAPTURE(one.trajectory);
  CAPTURE(sixteen.peak);
  CAPTURE(sixteen.trajectory);
  REQUIRE(one.steps == 1);
  REQUIRE(sixteen.steps == 16);
  CHECK(one.norm > 0);
  CHECK(sixteen.norm > 0);
  CHECK(one.peak > 100000);
  CHECK(sixteen.trajectory > 5 * one.trajectory);
  CHECK(double(sixteen.peak - sixteen.trajectory) <= 1.2 * double(one.peak - one.trajectory));
  if (std::getenv("ATTD_WALK_BACK_LOG") != nullptr) {
    MESSAGE(name, ": K = 1 ", one.peak, " bytes, ", one.trajectory, " of them trajectory; K = 16 ",
            sixteen.peak, ", ", sixteen.trajectory, "; ratio beyond the trajectory ",
            double(sixteen.peak - sixteen.trajectory) / double(one.peak - one.trajectory));
  }
}

}  // namespace

TEST_CASE("the memory of a meta-gradient at K = 16 is that at K = 1, beyond the trajectory" *
          doctest::skip(!counts_allocations)) {
  check_memory("full, descent", adapters::full{}, optimizers::gradient_descent{.rate = 0.01});
  check_memory("full, Adam", adapters::full{}, optimizers::adam{.rate = 0.001});
  check_memory("low rank, descent", adapters::low_rank{4},
               optimizers::gradient_descent{.rate = 0.01});
  check_memory("low rank, Adam", adapters::low_rank{4}, optimizers::adam{.rate = 0.001});
}
