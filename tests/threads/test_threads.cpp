// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Any number of threads gives the bits of one, forward and backward, in every operation of the
// Eigen backend that is cut into parts.
#include <doctest/doctest.h>

#include <atomic>
#include <attd/backends/eigen.hpp>
#include <attd/core/thread_team.hpp>
#include <attd/operations/activations.hpp>
#include <cstring>
#include <operations/cases.hpp>
#include <operations/scan_cases.hpp>
#include <parity/parity.hpp>
#include <stdexcept>

namespace {

using namespace attd;
using namespace attd::testing;

template <class S>
bool same_bits(const tensor<S>& a, const tensor<S>& b) {
  if constexpr (is_dual_v<S>) {
    return same_bits(a.value, b.value) && same_bits(a.tangent, b.tangent);
  } else {
    return a.shape() == b.shape() &&
           std::memcmp(a.data(), b.data(), static_cast<std::size_t>(a.size()) * sizeof(S)) == 0;
  }
}

template <class S, class Case>
void expect_same_bits(const Case& op, product_kernel products = product_kernel::packs) {
  tensors<S> in = random_of_type<S>(op.inputs(), 21);
  cases::make_stable(op, in);
  const tensors<S> d_out = random_of_type<S>(op.outputs(), 22);
  eigen one(eigen_options{.products = products});
  tensors<S> out = zero_tensors<S>(op.outputs()), d_in = random_of_type<S>(op.inputs(), 23);
  const tensors<S> d_before = d_in, out_before = out;
  op.forward(one, in, out);
  op.backward(one, in, d_out, d_in);
  for (index_t threads : {2, 5}) {
    CAPTURE(threads);
    eigen many(eigen_options{.threads = threads, .products = products});
    tensors<S> found = out_before, d_found = d_before;
    op.forward(many, in, found);
    op.backward(many, in, d_out, d_found);
    for (std::size_t i = 0; i < out.size(); ++i) {
      CAPTURE(i);
      CHECK(same_bits(found[i], out[i]));
    }
    for (std::size_t i = 0; i < d_in.size(); ++i) {
      CAPTURE(i);
      CHECK(same_bits(d_found[i], d_in[i]));
    }
  }
}

template <class Case>
void expect_same_bits_in_all_types(const Case& op) {
  expect_same_bits<float>(op);
  expect_same_bits<dual<double>>(op);
}

}  // namespace

TEST_CASE("threads: a product has the same bits, whatever its shape") {
  // Blocked products with every remainder of Eigen's four rows, few rows, one column, small depth.
  for (index_t rows : {1, 2, 129, 130, 131, 200, 515}) {
    for (index_t size : {1, 2, 31, 300}) {
      CAPTURE(rows);
      CAPTURE(size);
      for (const product_kernel kernel : {product_kernel::packs, product_kernel::eigen}) {
        expect_same_bits<float>(cases::linear{.batch = {rows}, .in_size = size, .out_size = 257},
                                kernel);
        expect_same_bits<double>(cases::linear{.batch = {rows}, .in_size = 257, .out_size = size},
                                 kernel);
      }
    }
  }
  expect_same_bits<dual<float>>(cases::linear{.batch = {3, 150}, .in_size = 96, .out_size = 70});
}

TEST_CASE("threads: norms, softmax and elementwise functions have the same bits") {
  expect_same_bits_in_all_types(cases::rms_norm{.rows = 300, .columns = 130});
  expect_same_bits_in_all_types(cases::layer_norm{.rows = 300, .columns = 130});
  std::vector<index_t> ids;
  for (index_t t = 0; t < 50; ++t) ids.push_back(t % 7 - 1);  // -1: nothing to predict
  expect_same_bits_in_all_types(cases::cross_entropy{.ids = ids, .classes = 900});
  expect_same_bits_in_all_types(cases::cross_entropy_in_place{{.ids = ids, .classes = 900}});
  expect_same_bits_in_all_types(cases::softmax_entropy{.rows = 150, .classes = 260});
  using gate = operations::gated_silu_function;
  expect_same_bits_in_all_types(
      cases::binary<gate>{.rows = 200, .columns = 200, .second_rows = 200});
  expect_same_bits_in_all_types(cases::binary<gate>{.rows = 200, .columns = 200, .second_rows = 1});
}

TEST_CASE("threads: gradients of a norm's input alone have the same bits") {
  const auto in = random_of_type<float>({{300, 130}, {130}, {300, 130}}, 41);
  const view<none> no;
  tensor<float> d_rms[2], d_layer[2];
  for (int many : {0, 1}) {
    eigen backend(eigen_options{.threads = many == 1 ? 4 : 1});
    d_rms[many] = d_layer[many] = random_of_type<float>({{300, 130}}, 42)[0];
    operations::rms_norm_backward(backend, in[0].view(), in[1].view(), 1e-5, in[2].view(),
                                  d_rms[many].view(), no);
    operations::layer_norm_backward(backend, in[0].view(), in[1].view(), 1e-5, in[2].view(),
                                    d_layer[many].view(), no, no);
  }
  CHECK(same_bits(d_rms[0], d_rms[1]));
  CHECK(same_bits(d_layer[0], d_layer[1]));
}

TEST_CASE("threads: the convolution has the same bits") {
  expect_same_bits_in_all_types(
      cases::causal_convolution{.batch = {1, 2, 300}, .channels = 147, .taps = 4});
}

TEST_CASE("threads: the scans have the same bits") {
  expect_same_bits_in_all_types(
      cases::selective_scan{.batch = {70, 33}, .channels = 300, .states = 5, .dynamics = 2});
  expect_same_bits_in_all_types(
      cases::selective_scan{.batch = {120}, .channels = 256, .states = 16, .dynamics = 1});
  expect_same_bits_in_all_types(cases::complex_scan<operations::direction::forward>{
      .batch = {40, 33}, .channels = 200, .states = 3, .dynamics = 1, .inputs_of = 1});
}

TEST_CASE("thread_team: every piece is done once and an exception comes through") {
  thread_team team(3);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::atomic<int>> done(50);
    team.run(50, [&](index_t worker, index_t i) {
      REQUIRE((worker >= 0 && worker < 3));
      ++done[static_cast<std::size_t>(i)];
    });
    for (const auto& d : done) REQUIRE(d == 1);
  }
  CHECK_THROWS_AS(team.run(20,
                           [](index_t, index_t i) {
                             if (i == 7) throw std::runtime_error("seven");
                           }),
                  std::runtime_error);
  // Of two, the one that a single thread would have met first.
  for (int round = 0; round < 50; ++round) {
    CHECK_THROWS_WITH_AS(team.run(20,
                                  [](index_t, index_t i) {
                                    if (i == 3 || i == 4)
                                      throw std::runtime_error(i == 3 ? "3" : "4");
                                  }),
                         "3", std::runtime_error);
  }
  std::atomic<int> again{0};
  team.run(5, [&](index_t, index_t) { ++again; });
  CHECK(again == 5);
}

TEST_CASE("eigen: a handle without threads, or registers there is no code for, is refused") {
  CHECK_THROWS_WITH_AS(eigen(eigen_options{.threads = 0}),
                       doctest::Contains("threads is 0, expected at least 1"), attd::error);
  CHECK_THROWS_WITH_AS(eigen(eigen_options{.register_bytes = 128}),
                       doctest::Contains("registers of 128 bytes"), attd::error);
  CHECK(eigen().register_bytes() >= simd_bytes);
}
