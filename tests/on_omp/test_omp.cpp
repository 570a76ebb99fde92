// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// One test of each kind on Thrust's OpenMP system, with more threads than processors; its bits are
// those of the sequential system.
#include <doctest/doctest.h>
#include <omp.h>

#include <adaptation/bit_exact_suite.hpp>
#include <attd/backends/thrust/omp.hpp>
#include <attd/losses/next_token.hpp>
#include <attd/testing/block_laws.hpp>
#include <golden/mamba_suite.hpp>
#include <operations/cases.hpp>
#include <parity/block_parity.hpp>
#include <parity/scan_suite.hpp>
#include <walk_back/models.hpp>

namespace attd_test {

struct four_threads {
  four_threads() { omp_set_num_threads(4); }
} const set_threads;

using thrust_cpp = attd::thrust<attd::systems::cpp>;
using thrust_omp = attd::thrust<attd::systems::omp>;

// The bits of a case's results and gradients on both systems.
template <class S, class Case>
void expect_same_bits(const Case& op) {
  using namespace attd::testing;
  const tensors<S> in = random_of_type<S>(op.inputs(), 11),
                   d_out = random_of_type<S>(op.outputs(), 12);
  const auto run = [&](auto backend) {
    tensors<S> out = zero_tensors<S>(op.outputs()), d_in = zero_tensors<S>(op.inputs());
    op.forward(backend, in, out);
    op.backward(backend, in, d_out, d_in);
    for (auto& d : d_in) out.push_back(d);
    return out;
  };
  const tensors<S> one = run(thrust_cpp{}), many = run(thrust_omp{});
  for (std::size_t i = 0; i < one.size(); ++i) CHECK(rms_ratio(many[i], one[i]) == 0);
}

TEST_CASE("omp: the threads are there") {
  std::vector<int> seen(1000, -1);
  int* at = seen.data();
  struct mark {
    int* at;
    void operator()(index_t i) const { at[i] = omp_get_thread_num(); }
  };
  thrust_omp().for_each_index(1000, mark{at});
  CHECK(*std::max_element(seen.begin(), seen.end()) == 3);
  CHECK(*std::min_element(seen.begin(), seen.end()) == 0);
}

TEST_CASE("omp: operations give the bits of the sequential system") {
  using namespace attd::testing;
  namespace ops = attd::operations;
  expect_same_bits<float>(cases::selective_scan{.batch = {50, 1, 9}, .channels = 21});
  expect_same_bits<attd::dual<double>>(cases::layer_norm{.rows = 33, .columns = 17});
  expect_same_bits<float>(cases::causal_convolution{.batch = {50, 2}, .channels = 17});
  expect_same_bits<double>(cases::embedding{});
  expect_same_bits<float>(cases::binary<ops::sum_function>{.columns = 17, .second_rows = 1});
}

TEST_CASE("omp: Mamba agrees with the plain loops") {
  const attd::blocks::mamba mamba{.width = 5, .state_size = 4, .kernel = 4, .rank = 2};
  attd::testing::expect_block_parity_everywhere<thrust_omp, true>(mamba);
}

TEST_CASE("omp: Mamba obeys the laws of blocks") {
  thrust_omp backend;
  const attd::blocks::mamba mamba{.width = 3, .state_size = 4, .kernel = 3, .rank = 2};
  const auto measured = attd::testing::measure_block_laws(mamba, backend, {.rounding = 1e-14});
  CHECK(measured.size() > 40);
  CHECK(attd::testing::violated_laws(measured).empty());
}

TEST_CASE("omp: a gradient through the adaptation of Mamba is exact") {
  expect_exact(measure_all(walk_mamba_tokens(), attd::adapters::log_low_rank{2},
                           attd::losses::next_token{}, attd::optimizers::gradient_descent{},
                           thrust_omp{}));
}

}  // namespace attd_test

namespace attd_test::golden_mamba {

TEST_CASE_TEMPLATE_INVOKE(mamba_values, thrust_omp);

}  // namespace attd_test::golden_mamba

namespace attd_test::bit_exact {

using on_omp = kind<float, thrust_omp>;
TEST_CASE_TEMPLATE_INVOKE(mamba_layers, on_omp);

}  // namespace attd_test::bit_exact

namespace attd_test::scans {

TEST_CASE_TEMPLATE_INVOKE(complex_scan_parity, thrust_omp);

}  // namespace attd_test::scans
