// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Projections in the chain: the drift cap, and scaling back to what is certified stable.
#include <attd/losses/next_value.hpp>
#include <walk_back/models.hpp>

using namespace attd_test;
namespace adapters = attd::adapters;
namespace losses = attd::losses;
namespace optimizers = attd::optimizers;
using attd::blocks::time_domain;

namespace {

// K = 1, 2, 3 with steps of several lengths; only courses that `use` wants are measured.
template <class Model, class Data, class Adapter, class Optimizer, class Use>
walk_summary measure_steps(const walk_model<Model, Data>& x, const Adapter& adapter,
                           const Optimizer& optimizer, double drift_cap,
                           std::initializer_list<double> lengths, Use use) {
  auto options = take_every_step();
  options.least_improvement = -1e6;
  options.drift_cap = drift_cap;
  auto m =
      attd::make_adaptive(x.model, adapter, losses::next_value<>{}, attd::controllers::fixed{3},
                          optimizer, walk_parameters(x.model, x.noise), attd::reference{}, options);
  auto near = m.initial_weights();
  add_noise(x.distance, 7, near);
  m.set_initial_weights(near);
  m.set_optimizer(tuned(optimizer, 1e-3, 1.0, 1e6));
  const double norm = first_gradient_norm(m, x.data, x.data.task());
  walk_summary all;
  for (const double length : lengths) {
    for (const index_t steps : {1, 2, 3}) {
      for (const bool clipped : {false, true}) {
        m.set_optimizer(tuned(optimizer, length, norm, clipped ? 0.5 * norm : 1e6));
        const auto e = measure_one(m, x.data, outer_of(steps));
        if (use(e)) {
          all.add(e, steps, "length " + std::to_string(length) + ", K = " + std::to_string(steps));
        }
      }
    }
  }
  return all;
}
template <class Model, class Data, class Adapter, class Optimizer>
void check_cap(const walk_model<Model, Data>& x, const Adapter& adapter,
               const Optimizer& optimizer) {
  const auto all = measure_steps(x, adapter, optimizer, 0.05, {0.04, 0.1},
                                 [](const walk_errors& e) { return e.capped > 0; });
  expect_exact(all);
  CHECK(all.runs >= 6);
  CHECK(all.worst.capped > all.runs);  // more than once in a course
}
template <class Model, class Data, class Adapter, class Optimizer>
void check_scaling(const walk_model<Model, Data>& x, const Adapter& adapter,
                   const Optimizer& optimizer, double drift_cap = 0) {
  const auto all =
      measure_steps(x, adapter, optimizer, drift_cap, {0.3, 1.0, 3.0}, [&](const walk_errors& e) {
        return e.scaled_back > 0 && e.accepted > 0 && (drift_cap == 0 || e.capped > 0);
      });
  expect_exact(all);
  CHECK(all.runs >= 3);
}

}  // namespace

TEST_CASE("walk back: the drift cap is in the chain") {
  check_cap(walk_net<time_domain::discrete>(), adapters::low_rank{2},
            optimizers::gradient_descent{});
  check_cap(walk_net<time_domain::discrete>(), adapters::full{}, optimizers::adam{});
  check_cap(walk_mamba(), adapters::timescale<>{{1}, 3.0}, optimizers::momentum{.mu = 0.5});
}

TEST_CASE("walk back: scaling back for stability is in the chain, discrete time") {
  check_scaling(walk_net<time_domain::discrete>(), adapters::low_rank{2},
                optimizers::gradient_descent{});
  check_scaling(walk_net<time_domain::discrete>(), adapters::full{}, optimizers::adam{});
  check_scaling(walk_net<time_domain::discrete>(), column_gains{}, optimizers::gradient_descent{});
}

TEST_CASE("walk back: scaling back for stability is in the chain, continuous time") {
  check_scaling(walk_net<time_domain::continuous>(),
                adapters::timescale<adapters::low_rank>{{1}, 3.0}, optimizers::gradient_descent{});
  check_scaling(walk_net<time_domain::continuous>(), adapters::full{}, soft_sign{.rate = 0.3});
}

TEST_CASE("walk back: drift cap and scaling back in one step") {
  check_scaling(walk_net<time_domain::discrete>(), adapters::low_rank{2},
                optimizers::gradient_descent{}, 0.8);
}
