// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The loss of a large output: made in chunks, it is that of the whole, for every loss of rows, and
// losses that need more than a row see the whole output.
#include <doctest/doctest.h>

#include <adaptation/inner_check.hpp>
#include <adaptation/output_loss_suite.hpp>
#include <attd/backends/eigen.hpp>
#include <attd/losses/consistency.hpp>
#include <attd/losses/reconstruction.hpp>
#include <string>

using namespace attd_test;
namespace losses = attd::losses;
using attd::adaptation::followed_by;

namespace {

// A user's loss that replaces a half of what it has inherited.
struct doubled : losses::next_token {
  template <class Backend, class S, class T>
  void evaluate(Backend& backend, attd::view<const S> output, const losses::inner_data<T>& data,
                losses::loss_scratch<S>& scratch) const {
    losses::next_token::evaluate(backend, output, data, scratch);
    for (index_t r = 0; r < scratch.rows.size(); ++r) scratch.rows(r) = S(scratch.rows(r)) * T(2);
  }
  template <class Backend, class S, class T>
  void backward(Backend& backend, attd::view<const S> output, const losses::inner_data<T>& data,
                attd::view<const T> weight, losses::loss_scratch<S>& scratch,
                attd::view<S> d_output) const {
    for (int i = 0; i < 2; ++i) {
      losses::next_token::backward(backend, output, data, weight, scratch, d_output);
    }
  }
};

// A user's loss with fewer targets than rows.
struct short_of_targets : losses::next_token {
  template <class T>
  void prepare(std::span<const attd::observation<T>> group, const losses::guard_split& split,
               losses::inner_data<T>& data) const {
    losses::next_token::prepare(group, split, data);
    data.target_ids.resize(data.target_ids.size() - 4);
  }
};

// A user's head that mixes rows.
struct mixing_head : attd::models::linear_head {
  template <class Backend, class P, class X, class C, class S>
  void forward(Backend& backend, const attd::sequences& batch, const parameters<P>& p,
               attd::view<X> x, C& c, attd::view<S> y) const {
    linear_head::forward(backend, batch, p, x, c, y);
    for (index_t t = y.rows() - 1; t > 0; --t) {
      for (index_t i = 0; i < y.columns(); ++i) y.at(t, i) += S(y.at(t - 1, i));
    }
  }
};

static_assert(losses::LossOfRows<losses::next_token>);
static_assert(losses::LossOfRows<losses::masked_token>);
static_assert(losses::LossOfRows<losses::entropy>);
static_assert(losses::LossOfRows<losses::output_error<>>);
static_assert(losses::LossOfRows<losses::reconstruction<losses::log_cosh>>);
static_assert(losses::LossOfRows<losses::from_formula<losses::squared_error>>);
static_assert(!losses::LossOfRows<losses::consistency>);
static_assert(!losses::LossOfRows<doubled>);

attd::models::forecaster<> two_channels() {
  auto m = two_mambas();
  m.encoder.input = 2;
  m.head.output = 2;
  return m;
}
struct two_windows {
  signal<double> a = plant(13, 0.2, 1), b = plant(9, 0.2, 2);
  // Input and output as two channels that are to be predicted.
  std::vector<tensor<double>> both;
  two_windows() {
    for (const auto* s : {&a, &b}) {
      tensor<double> t({s->input.extent(0), 2});
      for (index_t i = 0; i < t.extent(0); ++i) {
        t(i, 0) = s->input(i, 0);
        t(i, 1) = s->measured(i, 0);
      }
      both.push_back(t);
    }
  }
  std::vector<attd::observation<double>> group() const {
    std::vector<attd::observation<double>> all(both.size());
    for (std::size_t i = 0; i < both.size(); ++i) all[i].input = both[i].view();
    return all;
  }
};

}  // namespace

TEST_CASE("output in chunks: cross-entropy and entropy of tokens are those of the whole output") {
  const two_texts texts;
  check_chunks<attd::reference>(small_language_model(), losses::next_token{}, texts.seen());
  check_chunks<attd::reference>(small_language_model(), losses::next_token{{}, 4}, texts.seen());
  check_chunks<attd::reference>(small_language_model(), losses::masked_token{{}, 4, 0.3},
                                texts.seen());
  check_chunks<attd::reference>(small_language_model(), losses::entropy{}, texts.seen());
  check_chunks<attd::eigen>(small_language_model(), losses::next_token{}, texts.seen());
}

TEST_CASE("output in chunks: formulas of one and of several channels, without norm too") {
  const two_windows x;
  auto model = two_channels();
  check_chunks<attd::reference>(model, losses::next_value<losses::log_cosh>{}, x.group());
  model.norm = attd::models::norm_kind::none;
  check_chunks<attd::reference>(model, losses::reconstruction<>{{}, 0.5}, x.group());
  const std::vector<attd::observation<double>> plants{x.a.seen(), x.b.seen()};
  check_chunks<attd::reference>(two_mambas(), losses::output_error<>{{}, 2}, plants);
}

TEST_CASE("output in chunks: gradients are exact to second order") {
  const two_texts texts;
  auto model = small_language_model();
  model.head.loss_chunk = 4;
  const auto e = check_inner<attd::reference>(model, attd::adapters::log_low_rank{2},
                                              losses::next_token{}, texts.seen(), 0.1, 0.3);
  CAPTURE(e.gradient);
  CAPTURE(e.tangent);
  CAPTURE(e.second_order);
  CHECK(accurate(e));
}

TEST_CASE(
    "output in chunks: in lockstep the bits of each alone, whether sequences are cut or not") {
  for (const index_t chunk : {1, 4, 8, 12, 100}) {
    CAPTURE(chunk);
    CHECK(check_lockstep_in_chunks<attd::reference>(chunk) > 0);
    CHECK(check_lockstep_in_chunks<attd::eigen>(chunk) > 0);
  }
}

TEST_CASE("output in chunks: losses that need the whole output, or replace a part, still get it") {
  const two_texts texts;
  auto model = small_language_model();
  const auto plain =
      results_of<attd::reference>(model, losses::next_token{}, texts.seen(), followed_by::gradient);
  model.head.loss_chunk = 3;
  const auto twice =
      results_of<attd::reference>(model, doubled{}, texts.seen(), followed_by::gradient);
  CHECK(twice.loss == doctest::Approx(2 * plain.loss));
  CHECK(relative_difference(twice.gradient, plain.gradient) == doctest::Approx(1));
  const two_windows x;
  auto pairs = two_channels();
  const auto expected =
      results_of<attd::reference>(pairs, losses::consistency{}, x.group(), followed_by::nothing);
  pairs.head.loss_chunk = 2;
  const auto found =
      results_of<attd::reference>(pairs, losses::consistency{}, x.group(), followed_by::gradient);
  CHECK(same_bits(found.gradient, expected.gradient));
}

TEST_CASE("output in chunks: a head that is derived from one of tokens need not be one") {
  const two_texts texts;
  const auto small = small_language_model();
  attd::models::sequence_model<attd::models::embedding_encoder, attd::blocks::mamba, mixing_head> m;
  m.encoder = small.encoder;
  m.block = small.block;
  static_cast<attd::models::linear_head&>(m.head) = small.head;
  m.depth = small.depth;
  const auto loss_with = [&](index_t chunk) {
    m.head.loss_chunk = chunk;
    const auto a = attd::make_adaptive(m, attd::adapters::log_low_rank{2}, losses::next_token{},
                                       attd::controllers::fixed{1}, attd::optimizers::adam{},
                                       parameters_of<double>(m), attd::reference{});
    auto w = a.make_workspace();
    const auto seen = texts.seen();
    w.inner.prepare(std::span(seen), {0.25});
    return w.inner.evaluate(a.initial_weights()).loss;
  };
  CHECK(loss_with(3) == loss_with(0));
}

TEST_CASE("output in chunks: too few targets are an error, as with the whole output") {
  const two_texts texts;
  auto model = small_language_model();
  for (const index_t chunk : {0, 3}) {
    model.head.loss_chunk = chunk;
    CHECK_THROWS_WITH_AS(
        results_of<attd::reference>(model, short_of_targets{}, texts.seen(), followed_by::gradient),
        doctest::Contains("expected 1"), attd::error);
  }
}

TEST_CASE("output in chunks: a target that is no word is an error, as with the whole output") {
  auto model = small_language_model();
  model.head.loss_chunk = 2;
  const std::vector<index_t> ids{0, 1, 2, 1, 7};
  std::vector<attd::observation<double>> group(1);
  group[0].ids = ids;
  std::string said;
  try {
    results_of<attd::reference>(model, losses::next_token{}, group, followed_by::gradient);
  } catch (const attd::error& e) {
    said = e.what();
  }
  CHECK(said.find('7') != std::string::npos);
}
