// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The engine on a GPU: one input, several in lockstep or by threads, training, gradients through
// the adaptation; against the reference.
#include <adaptation/prediction.hpp>
#include <adaptation/wide_model.hpp>
#include <attd/adaptation/lockstep.hpp>
#include <attd/adapters/log_low_rank.hpp>
#include <attd/adapters/timescale.hpp>
#include <attd/losses/next_token.hpp>
#include <attd/models/sequence_model.hpp>
#include <cuda/device.hpp>
#include <parity/parity.hpp>
#include <training/cases.hpp>
#include <vector>
#include <walk_back/models.hpp>

namespace attd_test {

using attd::cuda;
using attd::index_t;
namespace adapters = attd::adapters;
namespace losses = attd::losses;
namespace optimizers = attd::optimizers;

template <class Model, class Adapter>
void expect_same_prediction(const Model& model, const Adapter& adapter) {
  const auto found = adapted_prediction<cuda>(model, adapter);
  CHECK(attd::testing::rms_ratio(found, adapted_prediction<attd::reference>(model, adapter)) <=
        1e-11);
  CHECK(attd::testing::rms_ratio(adapted_prediction<cuda>(model, adapter), found) == 0);
}

// The fast weights of two texts after three steps: in lockstep, or by so many threads; the output
// as a whole, or in chunks.
template <class Backend>
auto adapted_to_texts(int threads, index_t loss_chunk = 0) {
  auto model = small_language_model();
  model.head.loss_chunk = loss_chunk;
  const auto m = attd::make_adaptive(model, adapters::timescale<>{{2}}, losses::next_token{},
                                     attd::controllers::fixed{3}, optimizers::adam{.rate = 0.05},
                                     parameters_of<double>(model), Backend{});
  const two_texts texts;
  const auto seen = texts.seen();
  std::vector<typename decltype(m)::session> sessions;
  std::vector<attd::adaptation::report> reports;
  if (threads == 0) {
    attd::adaptation::lockstep together(m);
    together.adapt(seen, sessions, reports);
  } else {
    std::vector<typename decltype(m)::workspace> workspaces;
    for (int t = 0; t < threads; ++t) workspaces.push_back(m.make_workspace());
    m.adapt_batch(seen, sessions, reports, workspaces);
  }
  std::vector<attd::tensor<double>> leaves;
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(reports[i].accepted > 0);
    attd::for_each_leaf([&](const auto& leaf) { leaves.push_back(copy_of(leaf.view())); },
                        sessions[i].psi);
  }
  return leaves;
}

TEST_CASE("cuda: the engine adapts Mamba, S4D and dense layers as on the reference") {
  if (no_device()) return;
  expect_same_prediction(two_mambas(), adapters::log_low_rank{2});
  expect_same_prediction(small_model(2), adapters::low_rank{2});
  expect_same_prediction(two_s4ds(), adapters::timescale<>{{2}});
}

TEST_CASE("cuda: the engine adapts Mamba to the same bits where activations are computed again") {
  if (no_device()) return;
  const adapters::log_low_rank adapter{2};
  auto model = two_mambas();
  model.block.keep = attd::blocks::activation_storage::recompute;
  CHECK(attd::testing::rms_ratio(adapted_prediction<cuda>(model, adapter),
                                 adapted_prediction<cuda>(two_mambas(), adapter)) == 0);
}

TEST_CASE("cuda: inputs adapt in lockstep and by two threads as one by one on the reference") {
  if (no_device()) return;
  const auto expected = adapted_to_texts<attd::reference>(1);
  for (const index_t loss_chunk : {0, 3}) {
    for (const int threads : {0, 1, 2}) {
      CAPTURE(loss_chunk);
      CAPTURE(threads);
      const auto found = adapted_to_texts<cuda>(threads, loss_chunk);
      REQUIRE(found.size() == expected.size());
      for (std::size_t i = 0; i < found.size(); ++i) {
        CHECK(attd::testing::rms_ratio(found[i], expected[i]) <= 1e-10);
      }
    }
  }
}

TEST_CASE("cuda: with products in bf16 a model that is given other weights adapts as a new one") {
  if (no_device()) return;
  const cuda device(attd::systems::cuda(0, {.products = attd::product_precision::bf16}));
  const wide::text x(1, 40);
  auto m = wide::adaptive(5, device);
  auto w = m.make_workspace();
  const auto before = wide::adapted(m, w, x);
  m.set_parameters(parameters_of<float>(wide::model(), 6));
  m.refresh(w);
  const auto other = wide::adaptive(6, device);
  auto fresh = other.make_workspace();
  const auto found = wide::adapted(m, w, x), expected = wide::adapted(other, fresh, x);
  REQUIRE(found.size() == expected.size());
  double moved = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    CHECK(attd::testing::rms_ratio(found[i], expected[i]) == 0);
    moved += attd::testing::rms_ratio(found[i], before[i]);
  }
  CHECK(moved > 0);
}

TEST_CASE("cuda: gradients through the adaptation are exact") {
  if (no_device()) return;
  expect_exact(measure_all(walk_mamba_tokens(), adapters::log_low_rank{2}, losses::next_token{},
                           optimizers::gradient_descent{}, cuda{}));
}

template <class Backend>
std::vector<double> losses_of_training() {
  auto p = start_of(tiny_language_model());
  auto options = short_options();
  options.shards = 1;
  training::trainer<double, attd::models::language_model<>, class_rows, Backend> trainer(
      tiny_language_model(), class_rows{}, options, p);
  const auto data = texts(7, 12, 3);
  std::vector<double> course;
  for (int i = 0; i < 4; ++i) course.push_back(trainer.step(data).loss);
  course.push_back(trainer.evaluate(data));
  return course;
}

TEST_CASE("cuda: a language model trains as on the reference") {
  if (no_device()) return;
  const auto found = losses_of_training<cuda>(), expected = losses_of_training<attd::reference>();
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CHECK(found[i] == doctest::Approx(expected[i]).epsilon(1e-10));
  }
  CHECK(expected.back() < expected.front());
}

}  // namespace attd_test
