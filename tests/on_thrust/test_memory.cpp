// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Everything that the engine gives to operations has been brought to the backend's memory: what a
// GPU needs, tested without one. Results are those of the sequential system, bit by bit.
#include <doctest/doctest.h>

#include <adaptation/prediction.hpp>
#include <attd/adaptation/lockstep.hpp>
#include <attd/adapters/log_low_rank.hpp>
#include <attd/adapters/timescale.hpp>
#include <attd/losses/next_token.hpp>
#include <attd/models/sequence_model.hpp>
#include <on_thrust/backend.hpp>
#include <on_thrust/separate_memory.hpp>
#include <walk_back/models.hpp>

using namespace attd_test;
namespace adapters = attd::adapters;
namespace losses = attd::losses;
namespace optimizers = attd::optimizers;

namespace {

// `Replayed`: whether the steps on one input are done again from what was recorded.
template <bool Replayed = true, class Model, class Adapter>
void expect_same_prediction(const Model& model, const Adapter& adapter) {
  const int before = separate_system::replays();
  CHECK(same_bits(adapted_prediction<thrust_separate>(model, adapter),
                  adapted_prediction<thrust_cpp>(model, adapter)));
  CHECK((separate_system::replays() > before) == Replayed);
}

}  // namespace

TEST_CASE("memory: what was not brought is noticed") {
  thrust_separate backend;
  tensor<double> x({2, 3}, 1.0), y({2, 3});
  CHECK_THROWS_WITH_AS(
      attd::operations::transform(backend, attd::operations::silu_function{}, y.view(), x.view()),
      doctest::Contains("an operand was not brought"), attd::error);
  attd::operations::bring(backend, x);
  attd::operations::resize(backend, y, {2, 3});
  attd::operations::transform(backend, attd::operations::silu_function{}, y.view(), x.view());
  CHECK(std::isnan(y(1, 2)));
  attd::operations::finish(backend);
  CHECK(y(1, 2) == doctest::Approx(0.7310585786));
  const tensor<double> copy = x;
  CHECK(copy(1, 2) == 1.0);
}

TEST_CASE("memory: nothing stays behind") {
  {
    thrust_separate backend;
    tensor<double> x({5, 3}, 2.0);
    attd::operations::bring(backend, x);
    CHECK(x(4, 2) == 2.0);
    CHECK(live_memory().size() == 1);
    tensor<double> taken = std::move(x);
    taken.resize({50, 30});
    CHECK(live_memory().size() == 1);
    CHECK(is_separate(taken.data()));
  }
  CHECK(live_memory().empty());
}

TEST_CASE("memory: the engine adapts dense layers in the backend's memory") {
  expect_same_prediction(small_model(2), adapters::low_rank{2});
  attd::models::dynamics_net<attd::blocks::time_domain::continuous> m;
  m.state = 4;
  m.hidden = 3;
  m.depth = 2;
  m.width = 2;
  expect_same_prediction<false>(m,
                                adapters::timescale<adapters::low_rank>{{2}});  // exp on the host
}

TEST_CASE("memory: the engine adapts Mamba and S4D in the backend's memory") {
  expect_same_prediction(two_mambas(), adapters::log_low_rank{2});
  expect_same_prediction(two_s4ds(), adapters::timescale<>{{2}});
}

TEST_CASE("memory: inputs adapt in lockstep in the backend's memory") {
  const auto model = small_language_model();
  const auto m = attd::make_adaptive(model, adapters::log_low_rank{2}, losses::next_token{},
                                     attd::controllers::fixed{3}, optimizers::adam{.rate = 0.05},
                                     parameters_of<double>(model), thrust_separate{});
  const two_texts texts;
  const auto seen = texts.seen();
  using session = decltype(m)::session;
  std::vector<session> sessions;
  std::vector<attd::adaptation::report> reports;
  attd::adaptation::lockstep together(m);
  const int before = separate_system::replays();
  together.adapt(seen, sessions, reports);
  CHECK(separate_system::replays() > before);
  auto w = m.make_workspace();
  for (std::size_t i = 0; i < 2; ++i) {
    session s = m.start();
    attd::adaptation::report r;
    m.adapt(seen[i], s, w, r);
    CHECK(r.accepted > 0);
    CHECK(same_report(reports[i], r));
    CHECK(same_bits(sessions[i].psi, s.psi));
  }
}

TEST_CASE("lockstep: inputs of different channels are an error, with the numbers") {
  const auto model = small_model(1);
  const auto m = attd::make_adaptive(model, adapters::low_rank{2}, losses::next_value<>{},
                                     attd::controllers::fixed{1}, optimizers::adam{},
                                     parameters_of<double>(model), thrust_cpp{});
  tensor<double> one({10, 1}, 0.5), two({10, 2}, 0.5);
  std::vector<attd::observation<double>> seen(2);
  seen[0].input = one.view();
  seen[1].input = two.view();
  std::vector<decltype(m)::session> sessions;
  std::vector<attd::adaptation::report> reports;
  attd::adaptation::lockstep together(m);
  CHECK_THROWS_WITH_AS(together.adapt(seen, sessions, reports),
                       doctest::Contains("channels of an observation is 2, expected 1"),
                       attd::error);
}

TEST_CASE("memory: where it does not suffice there is an error, and what is smaller still works") {
  const auto model = two_mambas();
  const auto m = attd::make_adaptive(
      model, adapters::log_low_rank{2}, losses::output_error<>{{}, 1}, attd::controllers::fixed{3},
      optimizers::adam{.rate = 0.01}, parameters_of<double>(model), thrust_separate{});
  const auto small = plant<double>(40, 0.2, 1), large = plant<double>(2000, 0.2, 2);
  const auto adapted = [&](auto& w) {
    auto s = m.start();
    attd::adaptation::report r;
    m.adapt(small.seen(), s, w, r);
    CHECK(r.accepted > 0);
    return s.psi;
  };
  auto fresh = m.make_workspace();
  const auto expected = adapted(fresh);
  const std::size_t used = used_memory();
  // Wherever in a step it runs out.
  for (const std::size_t more : {0u, 100000u, 300000u, 700000u, 1500000u, 3000000u}) {
    CAPTURE(more);
    auto w = m.make_workspace();
    auto s = m.start();
    attd::adaptation::report r;
    memory_size() = used + more;
    CHECK_THROWS_WITH_AS(m.adapt(large.seen(), s, w, r), doctest::Contains("no memory for"),
                         attd::error);
    memory_size() = std::size_t{1} << 40;
    CHECK(same_bits(s.psi, m.initial_weights()));
    CHECK(same_bits(adapted(w), expected));
  }
  auto w = m.make_workspace();
  auto s = m.start();
  attd::adaptation::report r;
  m.adapt(large.seen(), s, w, r);
  CHECK(r.accepted > 0);
}

TEST_CASE("memory: an array that could not be copied for the backend is copied the next time") {
  thrust_separate backend;
  tensor<double> x({3, 2}, 1.0), y({2, 2});
  attd::operations::bring(backend, x);
  attd::operations::bring(backend, y);
  const attd::sequences batch{1, 2};
  const std::size_t used = used_memory();
  memory_size() = used;
  CHECK_THROWS_WITH_AS(attd::operations::mean_pool(backend, batch, x.view(), y.view()),
                       doctest::Contains("no memory for"), attd::error);
  memory_size() = std::size_t{1} << 40;
  attd::operations::mean_pool(backend, batch, x.view(), y.view());
  attd::operations::finish(backend);
  CHECK(y(1, 1) == 1.0);
}

TEST_CASE("memory: gradients through the adaptation stay in the backend's memory") {
  expect_exact(measure_all(walk_mamba_tokens(), adapters::log_low_rank{2}, losses::next_token{},
                           optimizers::gradient_descent{}, thrust_separate{}));
}

TEST_CASE("memory: adapting takes none and gives none back once it has seen the sizes") {
  const auto model = two_mambas();
  const auto m = attd::make_adaptive(
      model, adapters::timescale<>{{2}}, losses::output_error<>{{}, 1}, attd::controllers::fixed{3},
      optimizers::adam{.rate = 0.01, .clip = 1.0}, parameters_of<double>(model), thrust_separate{});
  const auto x = plant<double>(40, 0.2, 1), y = plant<double>(30, 0.1, 2);
  auto w = m.make_workspace();
  auto s = m.start();
  attd::adaptation::report r;
  const std::vector<attd::observation<double>> both{x.seen(), y.seen()};
  std::vector<decltype(m)::session> sessions;
  std::vector<attd::adaptation::report> reports;
  attd::adaptation::lockstep together(m);
  int given = 0, taken = 0;
  for (int i = 0; i < 4; ++i) {
    if (i == 2) {
      given = given_out();
      taken = taken_back();
    }
    m.restart(s);
    m.adapt(x.seen(), s, w, r);
    CHECK(r.accepted > 0);
    together.adapt(both, sessions, reports);
    CHECK(reports[1].accepted > 0);
  }
  CHECK(given > 0);
  CHECK(given_out() == given);
  CHECK(taken_back() == taken);
}

TEST_CASE("memory: in groups of bounded size it does not grow with the number of inputs") {
  const auto model = two_mambas();
  const auto m = attd::make_adaptive(
      model, adapters::log_low_rank{2}, losses::output_error<>{{}, 1}, attd::controllers::fixed{2},
      optimizers::adam{.rate = 0.01}, parameters_of<double>(model), thrust_separate{});
  std::vector<signal<double>> signals;
  for (std::uint64_t i = 0; i < 6; ++i) signals.push_back(plant<double>(200, 0.2, i));
  std::vector<attd::observation<double>> all;
  for (const auto& s : signals) all.push_back(s.seen());
  // What the engine takes for so many inputs; sessions have their own.
  const auto bytes = [&](std::size_t count, index_t most_tokens) {
    std::vector<decltype(m)::session> sessions;
    std::vector<attd::adaptation::report> reports;
    const std::size_t before = used_memory();
    attd::adaptation::lockstep together(m, most_tokens);
    together.adapt(std::span(all).first(count), sessions, reports);
    CHECK(reports.back().accepted > 0);
    const std::size_t whole = used_memory() - before;
    const std::size_t with = used_memory();
    sessions.clear();
    return whole - (with - used_memory());
  };
  CHECK(bytes(6, 400) == bytes(2, 400));
  CHECK(bytes(6, 400) < bytes(6, 1200) / 2);
}
