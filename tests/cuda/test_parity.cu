// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Operations and a block on a GPU against the reference; two runs give the same bits.
#include <array>
#include <attd/operations/constants.hpp>
#include <attd/operations/rounding.hpp>
#include <cuda/device.hpp>
#include <operations/cases.hpp>
#include <operations/scan_cases.hpp>
#include <parity/parity.hpp>

namespace attd_test {

using attd::cuda;
using attd::index_t;
using attd::tensor;
using namespace attd::testing;
namespace ops = attd::operations;

// A case on both backends, its tensors in the GPU's memory; and on the GPU twice.
template <class S, class Case>
void expect_same_on_device(const Case& op) {
  cuda device;
  attd::reference plain;
  const double tolerance = std::is_same_v<attd::primal_t<S>, float> ? 1e-5 : 1e-12;
  tensors<S> in = random_of_type<S>(op.inputs(), 11), d_out = random_of_type<S>(op.outputs(), 12);
  tensors<S> expected = zero_tensors<S>(op.outputs()), found = expected, again = expected;
  tensors<S> d_expected = random_of_type<S>(op.inputs(), 13), d_found = d_expected,
             d_again = d_expected;
  op.forward(plain, in, expected);
  op.backward(plain, in, d_out, d_expected);
  for (tensors<S>* all : {&in, &d_out, &found, &again, &d_found, &d_again}) {
    for (auto& t : *all) ops::bring(device, t);
  }
  op.forward(device, in, found);
  op.backward(device, in, d_out, d_found);
  op.forward(device, in, again);
  op.backward(device, in, d_out, d_again);
  ops::finish(device);
  for (std::size_t i = 0; i < found.size(); ++i) {
    CHECK(rms_ratio(found[i], expected[i]) <= tolerance);
    CHECK(rms_ratio(again[i], found[i]) == 0);
  }
  for (std::size_t i = 0; i < d_found.size(); ++i) {
    CHECK(rms_ratio(d_found[i], d_expected[i]) <= tolerance);
    CHECK(rms_ratio(d_again[i], d_found[i]) == 0);
  }
}
template <class Case>
void expect_same_on_device(const Case& op) {
  expect_same_on_device<float>(op);
  expect_same_on_device<double>(op);
  expect_same_on_device<attd::dual<double>>(op);
}

TEST_CASE("cuda: operations are the same as on the reference") {
  if (no_device()) return;
  expect_same_on_device(cases::unary<ops::gelu_function>{.columns = 17});
  expect_same_on_device(cases::binary<ops::sum_function>{.columns = 17, .second_rows = 1});
  expect_same_on_device(cases::rms_norm{.rows = 30, .columns = 17});
  expect_same_on_device(cases::layer_norm{.rows = 30, .columns = 17});
  expect_same_on_device(cases::causal_convolution{.batch = {1, 2, 70}, .channels = 17, .taps = 4});
  expect_same_on_device(cases::linear{.batch = {1, 2, 33}, .in_size = 31, .out_size = 33});
  expect_same_on_device(cases::embedding{});
  expect_same_on_device(cases::cross_entropy{.classes = 256});
  expect_same_on_device(cases::cross_entropy_in_place{{.classes = 300}});
  expect_same_on_device(cases::mean_pool{});
  expect_same_on_device(cases::row_means{.rows = 300, .channels = 7});
  expect_same_on_device(cases::low_rank_map{.rows = 300, .columns = 16, .rank = 4});
}

// op(A) [m, k] and op(B) [k, n] are parts of wider tensors: their rows have gaps.
template <ops::transpose Ta, ops::transpose Tb, ops::update U, class S>
void expect_product_on_device(cuda& device, double tolerance, index_t m, index_t n, index_t k) {
  CAPTURE(m);
  CAPTURE(n);
  CAPTURE(k);
  constexpr bool a_turned = Ta == ops::transpose::yes, b_turned = Tb == ops::transpose::yes;
  tensors<S> in = random_of_type<S>(
      {{a_turned ? k : m, (a_turned ? m : k) + 3}, {b_turned ? n : k, (b_turned ? k : n) + 2}}, 21);
  tensor<S> expected = std::move(random_of_type<S>({{m, n + 3}}, 22)[0]);
  tensor<S> found = expected, again = expected;
  for (tensor<S>* t : {&in[0], &in[1], &found, &again}) ops::bring(device, *t);
  const auto a = in[0].view().column_range(1, a_turned ? m : k);
  const auto b = in[1].view().column_range(2, b_turned ? k : n);
  attd::reference plain;
  ops::matmul<Ta, Tb, U>(plain, a, b, expected.view().column_range(1, n));
  ops::matmul<Ta, Tb, U>(device, a, b, found.view().column_range(1, n));
  ops::matmul<Ta, Tb, U>(device, a, b, again.view().column_range(1, n));
  ops::finish(device);
  CHECK(rms_ratio(found, expected) <= tolerance);  // the gaps too
  CHECK(rms_ratio(again, found) == 0);
}
template <class S>
void expect_products_on_device(cuda& device, double tolerance) {
  constexpr auto no = ops::transpose::no, yes = ops::transpose::yes;
  constexpr auto assign = ops::update::assign, add = ops::update::add;
  // A number, a row, a column, no depth; sizes that are no multiples of anything; a larger one.
  for (const auto& [m, n, k] : {std::array<index_t, 3>{1, 1, 1},
                                {1, 70, 33},
                                {70, 1, 33},
                                {5, 7, 0},
                                {33, 65, 17},
                                {256, 300, 130}}) {
    expect_product_on_device<no, no, assign, S>(device, tolerance, m, n, k);
    expect_product_on_device<no, no, add, S>(device, tolerance, m, n, k);
    expect_product_on_device<no, yes, assign, S>(device, tolerance, m, n, k);
    expect_product_on_device<no, yes, add, S>(device, tolerance, m, n, k);
    expect_product_on_device<yes, no, assign, S>(device, tolerance, m, n, k);
    expect_product_on_device<yes, no, add, S>(device, tolerance, m, n, k);
    expect_product_on_device<yes, yes, assign, S>(device, tolerance, m, n, k);
    expect_product_on_device<yes, yes, add, S>(device, tolerance, m, n, k);
  }
}

// Whether cuBLAS is asked; else functors run without a word.
template <class A, class B, class C>
constexpr bool by_cublas =
    requires(attd::systems::cuda& system, attd::view<A> a, attd::view<B> b, attd::view<C> c) {
      system.matmul<ops::transpose::no, ops::transpose::yes, ops::update::add>(a, b, c);
    };
static_assert(by_cublas<const float, float, float> && by_cublas<const double, double, double>);
static_assert(!by_cublas<float, float, double> && !by_cublas<double, float, double>);
using plane = attd::dual<double>;  // duals come plane by plane
static_assert(!by_cublas<plane, plane, plane> && !by_cublas<index_t, index_t, index_t>);
using half = attd::bfloat16;  // of factors that the system rounds itself, only
static_assert(!by_cublas<half, half, half> && !by_cublas<half, half, float>);

TEST_CASE("cuda: matrix products are the same as on the reference") {
  if (no_device()) return;
  cuda device;
  expect_products_on_device<float>(device, 1e-5);
  expect_products_on_device<double>(device, 1e-12);
  expect_products_on_device<attd::dual<double>>(device, 1e-12);
}

TEST_CASE("cuda: matrix products in tf32 are nearly the same, doubles are in full") {
  if (no_device()) return;
  cuda device(attd::systems::cuda(0, {.products = attd::product_precision::tf32}));
  expect_products_on_device<float>(device, 2e-3);
  expect_products_on_device<double>(device, 1e-12);
}

TEST_CASE("cuda: matrix products in bf16 are nearly the same, doubles are in full") {
  if (no_device()) return;
  cuda device(attd::systems::cuda(0, {.products = attd::product_precision::bf16}));
  // Factors are off by up to 2^-8, independently: sqrt(2) 2^-8 at most in root mean square.
  expect_products_on_device<float>(device, 5.6e-3);
  expect_products_on_device<double>(device, 1e-12);
}

TEST_CASE("cuda: products in bf16 are exactly those of the rounded numbers, and can be replayed") {
  if (no_device()) return;
  cuda device(attd::systems::cuda(0, {.products = attd::product_precision::bf16}));
  constexpr auto no = ops::transpose::no, yes = ops::transpose::yes;
  // Both are ties, 257 becomes 256 and 259 becomes 260. Sums are exact in float.
  tensor<float> a({64, 33}, 257), b({48, 33}, 259), c({64, 48});
  for (tensor<float>* t : {&a, &b, &c}) ops::bring(device, *t);
  const auto product = [&](attd::index_t rows) {
    ops::matmul<no, yes, ops::update::assign>(device, a.view().row_range(0, rows), b.view(),
                                              c.view().row_range(0, rows));
  };
  ops::recording<cuda> r;
  for (int i = 0; i < 6; ++i) {
    c.zero();
    if (i == 4) product(64);  // larger factors: what was recorded for the smaller is void
    ops::replay(device, r, [&] { product(32); });
    ops::finish(device);
    CHECK(c(0, 0) == 33 * 256 * 260);
    CHECK(c(31, 47) == 33 * 256 * 260);
    CHECK(c(63, 47) == (i == 4 ? 33 * 256 * 260 : 0));
  }
}

TEST_CASE("cuda: factors in bf16 that are held constant change when held again, also in a graph") {
  if (no_device()) return;
  cuda device(attd::systems::cuda(0, {.products = attd::product_precision::bf16}));
  constexpr auto no = ops::transpose::no, yes = ops::transpose::yes;
  tensor<float> x({64, 33}, 257), w({48, 33}, 259), y({64, 48});
  for (tensor<float>* t : {&x, &w, &y}) ops::bring(device, *t);
  ops::recording<cuda> r;
  const auto expect = [&](float of_w) {
    ops::replay(device, r, [&] {
      ops::matmul<no, yes, ops::update::assign>(device, x.view(), w.view(), y.view());
    });
    ops::finish(device);
    CHECK(y(0, 0) == 33 * 256 * of_w);
    CHECK(y(63, 47) == 33 * 256 * of_w);
  };
  ops::hold_constant(device, w);
  for (int i = 0; i < 4; ++i) expect(260);
  w.assign({48, 33}, 263);  // a tie as well
  ops::hold_constant(device, w);
  for (int i = 0; i < 2; ++i) expect(264);
  ops::let_go(device);
  for (const float next : {256.0f, 260.0f, 264.0f, 268.0f}) {
    w.assign({48, 33}, next);
    expect(next);
  }
}

TEST_CASE("cuda: copies and assigned systems have products of their own") {
  if (no_device()) return;
  constexpr auto no = ops::transpose::no, yes = ops::transpose::yes;
  cuda used;
  expect_product_on_device<no, yes, ops::update::add, float>(used, 1e-5, 33, 65, 17);
  cuda copy = used, other;
  expect_product_on_device<no, yes, ops::update::add, float>(copy, 1e-5, 33, 65, 17);
  other = copy;
  used = std::move(copy);
  expect_product_on_device<no, yes, ops::update::add, float>(other, 1e-5, 33, 65, 17);
  expect_product_on_device<no, yes, ops::update::add, float>(used, 1e-5, 33, 65, 17);
}

TEST_CASE("cuda: a product that fails says so, with its sizes, and can be tried again") {
  tensor<float> a({2, 3}), b({3, 4}), c({2, 4});
  constexpr auto no = ops::transpose::no;
  auto call = attd::thrust_detail::gemm_arguments<no, no, ops::update::assign>(a.view(), b.view(),
                                                                               c.view());
  call.ldc = 0;  // wrong, so that nothing is started
  attd::cuda_detail::products products;
  const char* expected = has_device()
                             ? "a product of [2, 3] and [3, 4], failed: CUBLAS_STATUS_INVALID_VALUE"
                             : "cublasCreate failed: CUBLAS_STATUS_";
  for (int attempt = 0; attempt < 2; ++attempt) {
    CHECK_THROWS_WITH_AS(products.start(nullptr, attd::product_precision::full, call),
                         doctest::Contains(expected), attd::error);
  }
}

TEST_CASE("cuda: scans are the same as on the reference") {
  if (no_device()) return;
  expect_same_on_device(cases::selective_scan{.batch = {150, 1, 33}, .channels = 21, .states = 7});
  expect_same_on_device(cases::complex_scan<ops::direction::forward>{.batch = {150, 1, 33}});
  expect_same_on_device(cases::selective_scan{.batch = {2100}, .channels = 40, .states = 18});
  expect_same_on_device(
      cases::gated_scan{.batch = {2100, 1, 33}, .channels = 40, .states = 18, .times = 3});
  expect_same_on_device(cases::silu_convolution{.batch = {1, 2, 70}, .channels = 17});
  expect_same_on_device(cases::dense_recurrence{.batch = {40, 1, 13}, .states = 16});
}

TEST_CASE("cuda: tensors are rounded to bfloat16 and widened as on the reference") {
  if (no_device()) return;
  cuda device;
  attd::reference plain;
  tensor<attd::bfloat16> rounded;
  for (const index_t columns : {1, 4, 37, 4096}) {
    tensor<float> x = random_of_type<float>({{3, columns}}, 21)[0], found, expected;
    ops::round_to_bfloat16(plain, x, rounded);
    ops::widen_bfloat16(plain, rounded, expected);
    tensor<attd::bfloat16> on_device;
    ops::bring(device, x);
    ops::round_to_bfloat16(device, x, on_device);
    ops::widen_bfloat16(device, on_device, found);
    ops::finish(device);
    CHECK(rms_ratio(found, expected) == 0);
  }
}

}  // namespace attd_test
