// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Adapting and predicting allocate nothing once workspace and session have seen the sizes.
#include <doctest/doctest.h>

#include <adaptation/prediction.hpp>
#include <allocation/count.hpp>
#include <attd/adapters/timescale.hpp>
#include <attd/backends/eigen.hpp>
#include <memory>
#include <vector>

using namespace attd_test;
using attd::sequences;
namespace adapters = attd::adapters;
namespace optimizers = attd::optimizers;

namespace {

// Adapts to two inputs of different lengths and predicts, twice to warm up, then counted.
template <class T, class Backend, class Model, class Adapter, class Optimizer>
void check_no_allocation(const Model& model, const Adapter& adapter, const Optimizer& optimizer) {
  const auto m = attd::make_adaptive(model, adapter, attd::losses::output_error<>{{}, 1},
                                     attd::controllers::fixed{6}, optimizer,
                                     parameters_of<T>(model), Backend{});
  auto w = m.make_workspace();
  auto s = m.start();
  attd::adaptation::report r;
  const signal<T> x[] = {plant<T>(40, 0.2, 1), plant<T>(23, 0.2, 2)};
  const sequences lengths[] = {sequences::single(40), sequences::single(23)};
  index_t accepted = 0, rejected = 0;
  const auto use = [&] {
    for (int i = 0; i < 2; ++i) {
      m.restart(s);
      m.adapt(x[i].seen(), s, w, r);
      accepted += r.accepted;
      rejected += r.rejected;
      m.predict(lengths[i], x[i].model_input(), s.psi, w);
    }
  };
  use();
  use();
  CHECK(allocations_of(use) == 0);
  CHECK(accepted + rejected > 0);
}

template <class T, class Backend, class Model, class Adapter>
void check_optimizers(const Model& model, const Adapter& adapter) {
  check_no_allocation<T, Backend>(model, adapter, optimizers::gradient_descent{.rate = 0.01});
  check_no_allocation<T, Backend>(model, adapter, optimizers::momentum{.rate = 1e3, .clip = 0});
  check_no_allocation<T, Backend>(model, adapter, optimizers::adam{.rate = 0.001});
}

using continuous_net = attd::models::dynamics_net<attd::blocks::time_domain::continuous>;
template <class Net>
Net net() {
  Net m;
  m.state = 6;
  m.hidden = 3;
  m.depth = 2;
  m.width = 2;
  return m;
}

}  // namespace

TEST_CASE("the counter counts every way to allocate") {
  if (!counts_allocations) {
    MESSAGE("SKIPPED: sanitizers replace malloc, allocations cannot be counted");
    return;
  }
  CHECK(allocations_of([] {}) == 0);
  CHECK(allocations_of([] {
          std::vector<int> v(100);
          use_memory(v.data());
        }) > 0);
  CHECK(allocations_of([] {
          tensor<double> t({4, 4});
          use_memory(t.data());
        }) > 0);
  CHECK(allocations_of([] { std::free(use_memory(std::malloc(10))); }) == 1);
  CHECK(allocations_of([] { std::free(use_memory(std::calloc(10, 2))); }) == 1);
  CHECK(allocations_of([] { std::free(use_memory(std::realloc(nullptr, 10))); }) == 1);
  CHECK(allocations_of([] { std::free(use_memory(std::aligned_alloc(64, 64))); }) == 1);
  CHECK(allocations_of([] {
          void* p = nullptr;
          if (posix_memalign(&p, 64, 64) == 0) std::free(use_memory(p));
        }) == 1);
  // One that comes from another thread counts too.
  CHECK(allocations_of([] { std::jthread([] { std::free(use_memory(std::malloc(10))); }); }) > 1);
}

TEST_CASE("a first use allocates, so the counter sees the engine") {
  if (!counts_allocations) return;
  const auto m = small_adaptive<double>(attd::controllers::fixed{2});
  const auto x = plant<double>(40, 0.2, 1);
  auto w = m.make_workspace();
  auto s = m.start();
  attd::adaptation::report r;
  CHECK(allocations_of([&] { m.adapt(x.seen(), s, w, r); }) > 0);
}

TEST_CASE("dense layers adapt and predict without allocating") {
  if (!counts_allocations) return;
  check_optimizers<double, attd::reference>(net<small_net>(), adapters::low_rank{2});
  check_optimizers<double, attd::reference>(net<small_net>(), adapters::full{});
  check_optimizers<float, attd::eigen>(net<small_net>(), adapters::low_rank{2});
  check_no_allocation<double, attd::eigen>(net<small_net>(), adapters::full{}, optimizers::adam{});
}

TEST_CASE("dense layers in continuous time adapt and predict without allocating") {
  if (!counts_allocations) return;
  check_no_allocation<double, attd::reference>(
      net<continuous_net>(), adapters::timescale<adapters::low_rank>{{2}}, optimizers::adam{});
  check_no_allocation<float, attd::eigen>(net<continuous_net>(),
                                          adapters::timescale<adapters::low_rank>{{2}},
                                          optimizers::momentum{.rate = 1e3, .clip = 0});
}

TEST_CASE("Mamba layers adapt and predict without allocating") {
  if (!counts_allocations) return;
  check_optimizers<float, attd::eigen>(two_mambas(), adapters::log_low_rank{2});
  check_no_allocation<double, attd::reference>(two_mambas(), adapters::timescale<>{{2}},
                                               optimizers::momentum{});
  check_no_allocation<double, attd::eigen>(two_mambas(), adapters::timescale<>{{2}},
                                           optimizers::adam{});
  check_no_allocation<float, attd::reference>(two_mambas(), adapters::low_rank{2},
                                              optimizers::gradient_descent{});
  check_no_allocation<double, attd::eigen>(two_mambas(), adapters::full{}, optimizers::adam{});
}

TEST_CASE("with the output in chunks adapting allocates nothing") {
  if (!counts_allocations) return;
  auto model = two_mambas();
  model.head.loss_chunk = 7;
  check_no_allocation<float, attd::eigen>(model, adapters::log_low_rank{2}, optimizers::adam{});
  check_no_allocation<double, attd::reference>(model, adapters::low_rank{2},
                                               optimizers::gradient_descent{});
}

TEST_CASE("Mamba layers that compute activations again adapt and predict without allocating") {
  if (!counts_allocations) return;
  auto model = two_mambas();
  model.block.keep = attd::blocks::activation_storage::recompute;
  check_no_allocation<float, attd::eigen>(model, adapters::log_low_rank{2}, optimizers::adam{});
  check_no_allocation<double, attd::reference>(model, adapters::timescale<>{{2}},
                                               optimizers::momentum{});
  model.block.keep = attd::blocks::activation_storage::recompute_bfloat16;
  check_no_allocation<float, attd::eigen>(model, adapters::log_low_rank{2}, optimizers::adam{});
}
