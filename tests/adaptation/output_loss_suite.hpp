// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Losses of an output that is made in chunks, against those of the whole output.
#pragma once

#include <doctest/doctest.h>

#include <adaptation/prediction.hpp>
#include <attd/adaptation/lockstep.hpp>
#include <attd/adapters/log_low_rank.hpp>
#include <attd/losses/next_token.hpp>
#include <cmath>
#include <span>
#include <vector>

namespace attd_test {

/// One inner problem: loss, gradient of psi twice, with a factor, and with gradients of theta.
struct output_results {
  double loss = 0, guard = 0;
  tensor<double> gradient, again, scaled, with_theta, theta;
};

/// The numbers of all leaves, one after the other.
template <class A>
tensor<double> numbers_of(const A& aggregate) {
  std::vector<double> all;
  attd::for_each_leaf(
      [&](const auto& leaf) { all.insert(all.end(), leaf.data(), leaf.data() + leaf.size()); },
      aggregate);
  tensor<double> t({static_cast<index_t>(all.size())});
  std::copy(all.begin(), all.end(), t.data());
  return t;
}

/// The largest difference relative to the largest number of `b`; infinite for other shapes.
inline double relative_difference(const tensor<double>& a, const tensor<double>& b) {
  if (!(a.shape() == b.shape())) return INFINITY;
  double difference = 0, size = 0;
  for (index_t i = 0; i < a.size(); ++i) {
    difference = std::max(difference, std::fabs(a.data()[i] - b.data()[i]));
    size = std::max(size, std::fabs(b.data()[i]));
  }
  return difference / size;
}

template <class Backend, class Model, class Loss>
output_results results_of(const Model& model, const Loss& loss,
                          const std::vector<attd::observation<double>>& group,
                          attd::adaptation::followed_by next) {
  const attd::adapters::log_low_rank adapter{2};
  const auto m =
      attd::make_adaptive(model, adapter, loss, attd::controllers::fixed{1},
                          attd::optimizers::adam{}, parameters_of<double>(model), Backend{});
  auto w = m.make_workspace();
  REQUIRE(w.inner.prepare(std::span(group), {0.25}));
  const auto& psi = m.initial_weights();
  output_results r;
  auto g = w.gradient;
  auto theta = m.theta();
  const auto evaluate = [&] {
    const auto value = w.inner.evaluate(psi, next);
    r.loss = value.loss;
    r.guard = value.guard;
  };
  for (int i = 0; i < 3; ++i) {  // what is recorded must do the same as what was called
    evaluate();
    w.inner.gradient(psi, g);
    r.gradient = numbers_of(g);
    w.inner.gradient(psi, g);
    r.again = numbers_of(g);
    w.inner.gradient(psi, g, -3.0);
    r.scaled = numbers_of(g);
  }
  // A factor that leaves nothing to be done, again and again.
  for (int i = 0; i < 3; ++i) w.inner.gradient(psi, g, 0.0);
  CHECK(attd::squared_norm(g) == 0);
  w.inner.gradient(psi, g, -3.0);
  CHECK(same_bits(numbers_of(g), r.scaled));
  w.inner.gradient(psi, g);  // after another one, nothing of it is left
  CHECK(same_bits(numbers_of(g), r.again));
  attd::zero_leaves(theta);
  const std::vector<char> every(static_cast<std::size_t>(model.systems()), 1);
  w.inner.gradient(psi, g, theta, every);
  r.with_theta = numbers_of(g);
  r.theta = numbers_of(theta);
  return r;
}

/// Chunks of any size, of sequences that are shorter and longer: what the whole output gives.
template <class Backend, class Model, class Loss>
void check_chunks(const Model& whole, const Loss& loss,
                  const std::vector<attd::observation<double>>& group, double bound = 1e-12) {
  using attd::adaptation::followed_by;
  const output_results expected = results_of<Backend>(whole, loss, group, followed_by::nothing);
  CHECK(relative_difference(expected.scaled, expected.gradient) == doctest::Approx(4));
  for (const index_t chunk : {1, 3, 9, 16}) {
    double first = 0;
    for (const followed_by next : {followed_by::nothing, followed_by::gradient}) {
      CAPTURE(chunk);
      CAPTURE(static_cast<int>(next));
      Model model = whole;
      model.head.loss_chunk = chunk;
      const output_results found = results_of<Backend>(model, loss, group, next);
      CHECK(found.loss == doctest::Approx(expected.loss).epsilon(bound));
      if (next == followed_by::nothing) first = found.loss;
      CHECK(found.loss == first);  // whatever was expected to follow
      CHECK(found.guard == doctest::Approx(expected.guard).epsilon(bound));
      CHECK(relative_difference(found.gradient, expected.gradient) <= bound);
      CHECK(relative_difference(found.again, expected.gradient) <= bound);
      CHECK(relative_difference(found.scaled, expected.scaled) <= bound);
      CHECK(relative_difference(found.with_theta, expected.gradient) <= bound);
      CHECK(relative_difference(found.theta, expected.theta) <= bound);
    }
  }
}

/// Adapting texts of different lengths in lockstep gives the bits of adapting each alone, in chunks
/// too; how many steps were taken.
template <class Backend>
index_t check_lockstep_in_chunks(index_t chunk) {
  auto model = small_language_model();
  model.head.loss_chunk = chunk;
  const auto m =
      attd::make_adaptive(model, attd::adapters::log_low_rank{2}, attd::losses::next_token{},
                          attd::controllers::fixed{3}, attd::optimizers::adam{.rate = 0.01},
                          parameters_of<double>(model), Backend{});
  const two_texts texts;
  const auto seen = texts.seen();
  std::vector<typename decltype(m)::session> sessions;
  std::vector<attd::adaptation::report> reports;
  attd::adaptation::lockstep together(m);
  together.adapt(seen, sessions, reports);
  index_t steps = 0;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    auto w = m.make_workspace();
    auto s = m.start();
    attd::adaptation::report r;
    m.adapt(seen[i], s, w, r);
    CHECK(same_bits(s.psi, sessions[i].psi));
    steps += r.accepted;
  }
  return steps;
}

}  // namespace attd_test
