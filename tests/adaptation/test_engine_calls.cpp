// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The rules of the adaptation loop: which steps are accepted, what a rejection leaves, when it
// ends.
#include <doctest/doctest.h>

#include <adaptation/models.hpp>
#include <attd/adaptation/inner_problem.hpp>
#include <attd/adapters/timescale.hpp>
#include <attd/models/sequence_model.hpp>
#include <attd/testing/gradient_check.hpp>
#include <limits>

using namespace attd_test;
using attd::status;
namespace adaptation = attd::adaptation;
namespace adapters = attd::adapters;
namespace controllers = attd::controllers;
namespace optimizers = attd::optimizers;

namespace {

constexpr double nan_input = std::numeric_limits<double>::quiet_NaN();

// Decides step by step: stops once the loss has halved or 30 steps were tried.
struct until_halved {
  bool proceed(const attd::step_view& v) const {
    CHECK(v.signals.size() >= 1);
    CHECK(v.signals.front() == v.signal);
    CHECK(v.margin > 0);
    CHECK(v.flops > 0);
    return v.step < 30 && v.signals.back() > v.signal - std::log(2.0);
  }
};

}  // namespace

TEST_CASE("a step budget ends the adaptation with what was reached") {
  const auto m = small_adaptive(controllers::fixed{10}, optimizers::adam{});
  const auto three = small_adaptive(controllers::fixed{3}, optimizers::adam{});
  const auto x = plant(60, 0.3, 13);
  adaptation::report r, short_run;
  const auto s = adapted(m, x, r, {.steps = 3});
  const auto s3 = adapted(three, x, short_run);
  CHECK(r.status == status::step_budget_exhausted);
  CHECK(r.requested == 10);
  CHECK(r.attempted == 3);
  CHECK(same_bits(s.psi, s3.psi));
  adapted(m, x, r, {.steps = 10});  // just enough is not exhausted
  CHECK(r.status != status::step_budget_exhausted);
  adapted(m, x, r, {.steps = 0});
  CHECK(r.status == status::step_budget_exhausted);
  CHECK(r.attempted == 0);
}

TEST_CASE("a time budget of nothing allows no step") {
  const auto m = small_adaptive(controllers::fixed{10}, optimizers::adam{});
  adaptation::report r;
  const auto s = adapted(m, plant(60, 0.3, 13), r, {.seconds = 0});
  CHECK(r.status == status::time_budget_exhausted);
  CHECK(r.attempted == 0);
  CHECK(same_bits(s.psi, m.initial_weights()));
}

TEST_CASE("a dry run says what adapting then does") {
  const auto m = small_adaptive(controllers::ponder_gate{-3, 4}, optimizers::adam{.rate = 0.003});
  auto w = m.make_workspace();
  for (std::uint64_t key : {1u, 2u, 3u}) {
    const auto x = plant(60, 0.1 * double(key), key);
    auto s = m.start();
    const auto plan = m.dry_run(x.seen(), s, w);
    CHECK(same_bits(s.psi, m.initial_weights()));
    adaptation::report r;
    m.adapt(x.seen(), s, w, r);
    CHECK(plan.status == status::ok);
    CHECK(plan.signal == r.signal);
    CHECK(plan.planned == r.requested);
    CHECK(r.rejected == 0);
    CHECK(plan.flops == doctest::Approx(r.flops).epsilon(1e-12));
  }
  auto bad = plant(60, 0.3, 1);
  bad.input(3, 0) = nan_input;
  const auto s = m.start();
  CHECK(m.dry_run(bad.seen(), s, w).status == status::non_finite_signal);
  CHECK(m.dry_run(bad.seen(), s, w).planned == 0);
  CHECK(m.dry_run(plant(1, 0.3, 1).seen(), s, w).status == status::too_short);
}

TEST_CASE("an input too short for the loss keeps psi_0, alone and in a batch") {
  const auto m = small_adaptive(controllers::fixed{4}, optimizers::adam{});
  adaptation::report r;
  const auto s = adapted(m, plant(1, 0.3, 14), r);
  CHECK(r.status == status::too_short);
  CHECK(r.attempted == 0);
  CHECK(std::isnan(r.signal));
  CHECK(r.smallest_margin() > 0);
  CHECK(same_bits(s.psi, m.initial_weights()));
  adapted(m, plant(3, 0.3, 14), r);  // one scored token is enough
  CHECK(r.status != status::too_short);
  CHECK(r.attempted > 0);
}

TEST_CASE("observations of another width are an error that says both") {
  const auto m = small_adaptive(controllers::fixed{4}, optimizers::adam{});
  auto w = m.make_workspace();
  auto s = m.start();
  adaptation::report r;
  signal<double> wide{tensor<double>({10, 2}), tensor<double>({10, 1}), 0};
  const auto narrow = plant(10, 0.3, 1);
  CHECK_THROWS_WITH_AS(m.adapt(wide.seen(), s, w, r), doctest::Contains("is 2, expected 1"),
                       attd::error);
  const std::vector<attd::observation<double>> mixed{narrow.seen(), wide.seen()};
  CHECK_THROWS_WITH_AS(m.adapt(mixed, s, w, r), doctest::Contains("is 2, expected 1"), attd::error);
  CHECK_THROWS_AS(m.adapt(std::span<const attd::observation<double>>{}, s, w, r), attd::error);
  CHECK_THROWS_WITH_AS(small_adaptive(controllers::fixed{1}, optimizers::adam{}, {.adapted = {2}}),
                       doctest::Contains("adapted system 2 does not exist, the model has 2"),
                       attd::error);
}

TEST_CASE("systems that are not adapted keep their dynamics and have no fast weights") {
  const auto x = plant(80, 0.3, 10);
  const auto m =
      small_adaptive(controllers::fixed{6}, optimizers::gradient_descent{}, {.adapted = {1}});
  auto w = m.make_workspace();
  auto s = m.start();
  adaptation::report r;
  m.adapt(x.seen(), s, w, r);
  CHECK(r.accepted > 0);
  CHECK(s.psi[0].u.empty());
  CHECK(s.psi[0].v.empty());
  CHECK(!same_bits(s.psi, m.initial_weights()));
  w.inner.apply(s.psi);
  const auto& effective = w.inner.effective();
  bool first_same = true, second_same = true;
  for (index_t i = 0; i < 16; ++i) {
    first_same =
        first_same && effective[0].matrix.data()[i] == m.theta().layers[0].dynamics.a.data()[i];
    second_same =
        second_same && effective[1].matrix.data()[i] == m.theta().layers[1].dynamics.a.data()[i];
  }
  CHECK(first_same);
  CHECK(!second_same);
}

TEST_CASE("the fast weights after K steps are those of a longer run at its K-th step") {
  const auto x = plant(80, 0.05, 10);
  const auto long_run = small_adaptive(
      controllers::fixed{9}, optimizers::momentum{.rate = 2, .mu = 0.1, .clip = 0, .decay = 0.02});
  auto w = long_run.make_workspace();
  auto s = long_run.start();
  adaptation::report r;
  using session = decltype(s);
  std::vector<session> seen;
  const auto input = x.seen();
  long_run.adapt(std::span(&input, 1), s, w, r, {}, [&](index_t k, const session& at) {
    CHECK(k == static_cast<index_t>(seen.size()));
    seen.push_back(at);
  });
  REQUIRE(r.accepted > 2);
  CHECK(r.rejected > 0);  // a rejected step is part of the trajectory
  for (index_t k = 0; k <= r.attempted; ++k) {
    const auto short_run =
        small_adaptive(controllers::fixed{k},
                       optimizers::momentum{.rate = 2, .mu = 0.1, .clip = 0, .decay = 0.02});
    adaptation::report rk;
    const auto sk = adapted(short_run, x, rk);
    CHECK(same_bits(sk.psi, seen[static_cast<std::size_t>(k)].psi));
    CHECK(same_bits(sk.state, seen[static_cast<std::size_t>(k)].state));
  }
}

TEST_CASE("a controller that decides step by step sees the course of the adaptation") {
  const auto m = small_adaptive(until_halved{}, optimizers::adam{.rate = 0.02});
  adaptation::report r;
  auto w = m.make_workspace();
  CHECK(m.dry_run(plant(60, 0.3, 17).seen(), m.start(), w).planned == -1);
  adapted(m, plant(60, 0.3, 17), r);
  CHECK(r.attempted > 0);
  CHECK(r.requested == r.attempted);
  CHECK((r.attempted == 30 || r.losses.back() <= 0.5 * r.losses.front() * (1 + 1e-9)));
}

TEST_CASE("windows that share their fast weights follow the gradient of their mean loss") {
  const auto m = small_adaptive(controllers::fixed{5}, optimizers::gradient_descent{});
  auto w = m.make_workspace();
  std::vector<signal<double>> x;
  for (std::uint64_t key = 0; key < 3; ++key) x.push_back(plant(34, 0.3, key));
  const std::vector<attd::observation<double>> group{x[0].seen(), x[1].seen(), x[2].seen()};
  auto psi = m.initial_weights();
  for (index_t i = 0; i < psi[0].u.size(); ++i) psi[0].u.data()[i] = 0.02 * double(i % 5);
  const auto mean_loss = [&] {
    double sum = 0;
    for (const auto& o : group) {
      REQUIRE(w.inner.prepare(std::span(&o, 1), {0.25}));
      sum += w.inner.evaluate(psi).loss / 3;
    }
    return sum;
  };
  const double mean = mean_loss();
  REQUIRE(w.inner.prepare(group, {0.25}));
  CHECK(w.inner.evaluate(psi).loss == doctest::Approx(mean).epsilon(1e-13));
  auto g = w.gradient;
  w.inner.gradient(psi, g);
  for (index_t l = 0; l < 2; ++l) {
    CHECK(attd::testing::gradient_error(mean_loss, psi[l].u, g[l].u) < 1e-7);
    CHECK(attd::testing::gradient_error(mean_loss, psi[l].v, g[l].v) < 1e-7);
  }
  auto s = m.start();
  adaptation::report r;
  m.adapt(group, s, w, r);
  CHECK(r.accepted > 0);
  CHECK(r.losses.back() < r.losses.front());
}

TEST_CASE("fast weights can be carried from record to record") {
  const auto m = small_adaptive(controllers::fixed{3}, optimizers::momentum{.rate = 0.2});
  auto w = m.make_workspace();
  auto s = m.start();
  adaptation::report r;
  std::vector<double> first_losses;
  for (std::uint64_t key = 0; key < 6; ++key) {
    const auto before = s;
    m.adapt(plant(80, 0.3, key).seen(), s, w, r);
    adaptation::report alone;
    adapted(m, plant(80, 0.3, key), alone);
    first_losses.push_back(r.losses.front() / alone.losses.front());
    CHECK(s.steps == before.steps + r.accepted);
  }
  CHECK(first_losses[0] == 1);
  CHECK(first_losses[5] < 0.2);  // what was learned from other records of this plant helps here
}

TEST_CASE("fast weights are reset between inputs once they have seen enough steps") {
  const auto m =
      small_adaptive(controllers::fixed{3}, optimizers::momentum{.rate = 0.02, .reset_every = 6});
  auto w = m.make_workspace();
  auto s = m.start();
  adaptation::report r;
  std::vector<index_t> steps;
  for (std::uint64_t key = 0; key < 5; ++key) {
    const auto plan = m.dry_run(plant(80, 0.3, key).seen(), s, w);
    m.adapt(plant(80, 0.3, key).seen(), s, w, r);
    REQUIRE(r.accepted == 3);
    CHECK(plan.signal == r.signal);
    steps.push_back(s.steps);
    if (key == 2 || key == 4) {
      adaptation::report alone;
      CHECK(same_bits(adapted(m, plant(80, 0.3, key), alone).psi, s.psi) == (s.steps == 3));
    }
  }
  CHECK(steps == std::vector<index_t>{3, 6, 3, 6, 3});
}

TEST_CASE("carried fast weights stay within the drift cap") {
  const auto distance = [](const auto& psi, const auto& psi0) {
    double sum = 0;
    attd::for_each_leaf(
        [&](const auto& a, const auto& b) {
          for (index_t i = 0; i < a.size(); ++i) sum += attd::square(a.data()[i] - b.data()[i]);
        },
        psi, psi0);
    return std::sqrt(sum);
  };
  const auto run = [&](double cap) {
    const auto m = small_adaptive(controllers::fixed{4}, optimizers::gradient_descent{.rate = 0.5},
                                  {.drift_cap = cap});
    auto w = m.make_workspace();
    auto s = m.start();
    adaptation::report r;
    double farthest = 0;
    for (std::uint64_t key = 0; key < 4; ++key) {
      m.adapt(plant(80, 0.3, key).seen(), s, w, r);
      farthest = std::max(farthest, distance(s.psi, m.initial_weights()));
    }
    return farthest;
  };
  CHECK(run(0) > 0.1);
  CHECK(run(0.05) <= 0.05 * (1 + 1e-12));
  CHECK(run(0.05) > 0.04);
}

TEST_CASE("a stream predicted piece by piece with carried states is the stream in one piece") {
  const auto m = small_adaptive(controllers::never{}, optimizers::gradient_descent{});
  auto w = m.make_workspace();
  const auto x = plant(50, 0.3, 18);
  const auto whole = prediction(m, x, m.initial_weights());
  auto states = m.initial_states();
  index_t at = 0;
  for (index_t length : {1, 20, 29}) {
    const auto piece =
        m.predict_from(states, attd::sequences::single(length),
                       {x.model_input().values.row_range(at, length), {}}, m.initial_weights(), w);
    for (index_t t = 0; t < length; ++t) CHECK(piece.at(t, 0) == whole(at + t, 0));
    at += length;
  }
}

TEST_CASE("the report says which share of a table is held at its limits") {
  attd::models::forecaster<> model;
  model.encoder = {1, 4};
  model.block.width = 4;
  model.block.state_size = 2;
  model.head = {4, 1};
  // All fast weights start at `fill`.
  const auto share = [&](auto adapter, double fill) {
    auto m =
        attd::make_adaptive(model, adapter, attd::losses::output_error<>{}, controllers::fixed{0},
                            optimizers::adam{}, parameters_of(model), attd::reference{});
    auto psi = m.initial_weights();
    attd::for_each_leaf(
        [&](auto& leaf) {
          for (index_t i = 0; i < leaf.size(); ++i) leaf.data()[i] = fill;
        },
        psi);
    m.set_initial_weights(psi);
    adaptation::report r;
    adapted(m, plant(20, 0, 1), r);
    return r.clamped_share;
  };
  // Rates of Mamba start at -1 and -2, half of them each; a limit never cuts off a trained rate.
  CHECK(share(adapters::full{}, 0) == 0);
  CHECK(share(adapters::full{{.fastest = 0.5}}, 0) == 0);
  CHECK(share(adapters::full{{.fastest = 1.5}}, -1) == 1);     // to -2 and -3
  CHECK(share(adapters::full{{.slowest = 1.5}}, 0.4) == 0.5);  // to -0.6 and -1.6
  CHECK(share(adapters::low_rank{1, 0.5, {.slowest = 1.5}}, std::sqrt(0.4)) == 0.5);
  CHECK(share(adapters::log_low_rank{1, 0.5, {.fastest = 4}}, 1) == 0.5);  // to -e and -2e
  // 8 channels: 16 rates, 8 of them clamped, and 8 free time scales.
  using timed = adapters::timescale<>;
  CHECK(share(timed{{1, 0.5, {.fastest = 4}}, 3.0}, 1) == doctest::Approx(8.0 / 24));
  // A dense matrix has no limits.
  adaptation::report r;
  adapted(small_adaptive(controllers::fixed{1}, optimizers::adam{}), plant(20, 0, 1), r);
  CHECK(r.clamped_share == 0);
}
