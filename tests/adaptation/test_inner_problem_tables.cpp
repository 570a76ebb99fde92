// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The inner gradient and its directional derivative, for diagonal dynamics: Mamba and S4D.
#include <doctest/doctest.h>

#include <adaptation/inner_check.hpp>
#include <attd/adapters/timescale.hpp>
#include <attd/backends/eigen.hpp>
#include <attd/blocks/s4d.hpp>
#include <attd/losses/consistency.hpp>
#include <attd/losses/next_token.hpp>
#include <attd/models/sequence_model.hpp>

using namespace attd_test;
namespace adapters = attd::adapters;
namespace losses = attd::losses;

namespace {

struct texts {
  std::vector<index_t> a{3, 1, 4, 1, 5, 0, 2, 6, 5, 3, 5}, b{2, 0, 1, 2, 0, 1};
  std::vector<attd::observation<double>> group() const { return {{{}, {}, a, 1}, {{}, {}, b, 2}}; }
};

attd::models::language_model<> language() {
  attd::models::language_model<> m;
  m.encoder = {7, 4};
  m.block.width = 4;
  m.block.state_size = 3;
  m.head = {4, 7};
  m.depth = 2;
  return m;
}

void expect_accurate_tables(const inner_errors& e) {
  CAPTURE(e.gradient);
  CAPTURE(e.tangent);
  CAPTURE(e.second_order);
  CAPTURE(e.norm);
  CHECK(accurate(e));
}

}  // namespace

TEST_CASE("Mamba, log-low-rank adapters, next-token loss: exact to second order") {
  const texts x;
  expect_accurate_tables(check_inner<attd::reference>(language(), adapters::log_low_rank{2},
                                                      losses::next_token{}, x.group(), 0.1, 0.5));
}

TEST_CASE("Mamba, time scales, entropy, eigen: exact to second order") {
  const texts x;
  expect_accurate_tables(check_inner<attd::eigen>(language(), adapters::timescale<>{{1}, 3.0},
                                                  losses::entropy{}, x.group(), 0.1, 0.5));
}

TEST_CASE("Mamba, low-rank adapters, masked-token loss: exact to second order") {
  const texts x;
  expect_accurate_tables(check_inner<attd::reference>(
      language(), adapters::low_rank{1}, losses::masked_token{{}, 0, 0.5, 0}, x.group(), 0.1, 0.5));
}

TEST_CASE("S4D, log-low-rank adapters, next-value loss: exact to second order") {
  attd::models::forecaster<attd::blocks::s4d<>> m;
  m.encoder = {1, 3};
  m.block.channels = 3;
  m.block.dt_min = 0.3;
  m.block.dt_max = 1.0;
  m.block.state_size = 4;
  m.head = {3, 1};
  m.depth = 2;
  const auto a = plant(11, 0.2, 1), b = plant(6, 0.2, 2);
  expect_accurate_tables(check_inner<attd::reference>(
      m, adapters::log_low_rank{1}, losses::next_value<>{}, {a.seen(), b.seen()}, 0.1, 0.3));
}
