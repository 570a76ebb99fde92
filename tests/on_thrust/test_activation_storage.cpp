// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// What Mamba does not keep from forward to backward, on Thrust's sequential system and on one that
// computes late, in memory of its own.
#include <cstddef>
#include <on_thrust/backend.hpp>
#include <on_thrust/separate_memory.hpp>
#include <parity/activation_storage_suite.hpp>
#include <type_traits>
#include <utility>
#include <vector>

namespace attd_test::storage_suite {

namespace {

// Bytes that a cache takes of the backend's memory by a forward and a backward: for gradients of
// type G of the parameters, or for those of the dynamics alone (`none`).
template <class S, class G = S>
std::size_t memory_of_cache(activation_storage keep, index_t depth, const sequences& batch) {
  const models::forecaster<> model = model_that_keeps(keep, norm_kind::rms, true, depth);
  thrust_separate backend;
  models::forecaster<>::parameters<S> p;
  models::forecaster<>::parameters<G> d_p;
  attd::layers<dynamics<S>> base, d_base;
  model.initialize({1, 2}, p);
  model.base_dynamics(p, base);
  if constexpr (!std::is_same_v<G, none>) zeros_like(p, d_p);
  zeros_like(base, d_base);
  tensor<S> x({batch.tokens(), 3}, S(0.5)), d_output({batch.tokens(), 2}, S(1));
  const auto bring = [&](auto&... leaves) { (operations::bring(backend, leaves), ...); };
  bring(p, d_p, base, d_base, x, d_output);
  const sequence_input<S> in{std::as_const(x).view(), {}};
  const std::vector<char> adapted(static_cast<std::size_t>(depth), 1);
  const auto bytes_of = [&](models::forecaster<>::cache<S>& cache) {
    model.reset_states(batch.count(), cache);
    bring(cache.initial);
    const std::size_t before = used_memory();
    model.forward(backend, batch, p, base, in, cache);
    model.backward(backend, batch, p, base, in, cache, std::as_const(d_output).view(), d_p, d_base,
                   adapted);
    operations::finish(backend);
    return used_memory() - before;
  };
  models::forecaster<>::cache<S> first, second;
  bytes_of(first);  // with it comes what the backend itself keeps
  return bytes_of(second);
}

// What each further layer takes.
template <class S>
std::size_t memory_of_layer(activation_storage keep, const sequences& batch) {
  const std::size_t four = memory_of_cache<S>(keep, 4, batch);
  const std::size_t five = memory_of_cache<S>(keep, 5, batch);
  CHECK(memory_of_cache<S>(keep, 6, batch) - five == five - four);
  return five - four;
}

}  // namespace

TEST_CASE("storage: a layer takes the memory that is documented, and no more") {
  constexpr std::size_t tokens = 57, sequence_count = 3;
  const sequences batch{40, 1, 16};
  // Width 5, inner 10, rank 2, state 16, kernel 4: what x_proj gives, and the carried state.
  constexpr std::size_t width = 5, inner = 10, selected = 2 + 2 * 16;
  constexpr std::size_t state = sequence_count * (3 * inner + inner * 16);
  const auto of_layer = [&](std::size_t numbers_of_token) {
    return tokens * numbers_of_token + state;
  };
  constexpr auto all = activation_storage::all, recompute = activation_storage::recompute;
  constexpr std::size_t bytes = sizeof(float);
  CHECK(memory_of_layer<float>(all, batch) == bytes * of_layer(7 * inner + selected + 2 * width));
  CHECK(memory_of_layer<float>(recompute, batch) == bytes * of_layer(2 * inner + selected + width));
  // What layers share: those that are computed again, the scan's output among them, of which two
  // serve as gradients as well, and a normed input.
  const auto shared = [&](activation_storage keep) {
    return memory_of_cache<float>(keep, 4, batch) - 4 * memory_of_layer<float>(keep, batch);
  };
  CHECK(shared(recompute) - shared(all) == bytes * tokens * (3 * inner + width));
  // For gradients of the dynamics alone the scan's output lies where that of the gate will be.
  const auto shared_to_adapt = [&](activation_storage keep) {
    return memory_of_cache<float, none>(keep, 4, batch) - 4 * memory_of_layer<float>(keep, batch);
  };
  CHECK(shared_to_adapt(recompute) - shared_to_adapt(all) == bytes * tokens * (2 * inner + width));
  // In bfloat16 they share what is widened as well, and outputs of two layers as they are.
  constexpr auto rounded = activation_storage::recompute_bfloat16;
  CHECK(memory_of_layer<float>(rounded, batch) ==
        bytes * of_layer(selected) + 2 * tokens * (2 * inner + width));
  CHECK(shared(rounded) - shared(recompute) == bytes * tokens * (2 * inner + 3 * width));
  CHECK(memory_of_layer<double>(rounded, batch) == memory_of_layer<double>(recompute, batch));
}

TEST_CASE_TEMPLATE_INVOKE(same_blocks, thrust_cpp);
TEST_CASE_TEMPLATE_INVOKE(same_models, thrust_cpp);
TEST_CASE_TEMPLATE_INVOKE(unrounded_blocks, thrust_cpp);
TEST_CASE_TEMPLATE_INVOKE(rounded_models, thrust_cpp);
TEST_CASE_TEMPLATE_INVOKE(same_adaptations, thrust_cpp);
TEST_CASE_TEMPLATE_INVOKE(rounded_adaptations, thrust_cpp);

TEST_CASE("storage: the engine adapts in the backend's memory whatever is kept") {
  for (const auto keep : {activation_storage::all, activation_storage::recompute,
                          activation_storage::recompute_bfloat16}) {
    const auto expected = adapt_with<thrust_cpp>(keep);
    const int before = separate_system::replays();
    const auto found = adapt_with<thrust_separate>(keep);
    CHECK(same_report(found.report, expected.report));
    CHECK(same_bits(found.prediction, expected.prediction));
    CHECK(separate_system::replays() > before);
  }
}

TEST_CASE("storage: after an error for want of memory every layer has its own again") {
  for (const auto keep : {activation_storage::recompute, activation_storage::recompute_bfloat16}) {
    const auto model = adaptable_model(keep);
    const auto m = adaptive_model_with<thrust_separate>(model);
    const auto x = slower_signal(model, 60), longer = slower_signal(model, 600);
    const auto adapted = [&](auto& w, const signal<float>& seen) {
      auto s = m.start();
      adaptation::report r;
      m.adapt(seen.seen(), s, w, r);
      CHECK(r.accepted > 0);
      return s.psi;
    };
    auto fresh = m.make_workspace();
    const auto expected = adapted(fresh, x);
    // Wherever in a step it runs out.
    for (const std::size_t more : {0u, 20000u, 80000u, 200000u, 400000u, 600000u}) {
      CAPTURE(more);
      auto w = m.make_workspace();
      adapted(w, x);
      memory_size() = used_memory() + more;
      CHECK_THROWS_WITH_AS(adapted(w, longer), doctest::Contains("no memory for"), attd::error);
      memory_size() = std::size_t{1} << 40;
      CHECK(same_bits(adapted(w, x), expected));
    }
  }
}

}  // namespace attd_test::storage_suite
