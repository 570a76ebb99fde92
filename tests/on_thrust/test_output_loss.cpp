// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Large outputs in chunks on Thrust: with memory of the backend's own, recorded, and how much less
// of it is needed.
#include <doctest/doctest.h>

#include <adaptation/output_loss_suite.hpp>
#include <attd/losses/reconstruction.hpp>
#include <on_thrust/backend.hpp>
#include <on_thrust/separate_memory.hpp>

using namespace attd_test;
namespace losses = attd::losses;

namespace {

attd::models::forecaster<> two_channels() {
  auto m = two_mambas();
  m.encoder.input = 2;
  m.head.output = 2;
  return m;
}

// Bytes that adapting to one text takes, of a model of so many words.
std::size_t bytes_of_adapting(index_t words, index_t tokens, index_t chunk) {
  auto model = small_language_model();
  model.encoder.vocabulary = words;
  model.head = {8, words, false, chunk};
  const auto m = attd::make_adaptive(model, attd::adapters::log_low_rank{2}, losses::next_token{},
                                     attd::controllers::fixed{2}, attd::optimizers::adam{},
                                     parameters_of<double>(model), thrust_separate{});
  std::vector<index_t> ids(static_cast<std::size_t>(tokens + 1));
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<index_t>(i * i) % words;
  attd::observation<double> text;
  text.ids = ids;
  const std::size_t before = used_memory();
  auto w = m.make_workspace();
  auto s = m.start();
  attd::adaptation::report r;
  m.adapt(text, s, w, r);
  CHECK(r.accepted > 0);
  return used_memory() - before;
}

}  // namespace

TEST_CASE("output in chunks on Thrust: what the whole output gives") {
  const two_texts texts;
  check_chunks<thrust_cpp>(small_language_model(), losses::next_token{}, texts.seen());
  check_chunks<thrust_separate>(small_language_model(), losses::next_token{}, texts.seen());
  tensor<double> a({13, 2}), b({9, 2});
  for (index_t i = 0; i < a.size(); ++i) a.data()[i] = std::sin(double(i));
  for (index_t i = 0; i < b.size(); ++i) b.data()[i] = std::cos(double(i * i));
  std::vector<attd::observation<double>> group(2);
  group[0].input = a.view();
  group[1].input = b.view();
  check_chunks<thrust_separate>(two_channels(), losses::reconstruction<>{{}, 0.5}, group);
}

TEST_CASE("output in chunks on Thrust: in lockstep the bits of each alone") {
  for (const index_t chunk : {1, 4, 8, 12}) {
    CAPTURE(chunk);
    CHECK(check_lockstep_in_chunks<thrust_separate>(chunk) > 0);
  }
}

TEST_CASE("output in chunks on Thrust: a chunk of the output is all that there is of it") {
  const index_t words = 3000, tokens = 64, chunk = 8;
  const std::size_t whole = bytes_of_adapting(words, tokens, 0);
  const std::size_t parts = bytes_of_adapting(words, tokens, chunk);
  // The whole has copies of all targets and of the three quarters that are scored, chunks one copy.
  const std::size_t targets = std::size_t(tokens * 3 / 4) * sizeof(index_t);
  // The gradient takes the output's place.
  CHECK(whole - parts == std::size_t(words * (2 * tokens - chunk)) * sizeof(double) + targets);
}
