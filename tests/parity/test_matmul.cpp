// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The matrix product on eigen: every transpose and update, block borders, parts of tensors.
#include <doctest/doctest.h>

#include <attd/backends/eigen.hpp>
#include <attd/operations/linear.hpp>
#include <attd/operations/matmul.hpp>
#include <parity/parity.hpp>

namespace {

using namespace attd;
using namespace attd::testing;
using operations::transpose;
using operations::update;

template <class T>
tensor<T> random_tensor(const shape& s, std::uint64_t stream) {
  return std::move(random_of_type<T>({s}, stream)[0]);
}

// op(A) [m, k] and op(B) [k, n] are parts of wider tensors, so that rows are not adjacent.
template <transpose Ta, transpose Tb, update U, class T>
void expect_product(index_t m, index_t n, index_t k) {
  constexpr bool a_turned = Ta == transpose::yes, b_turned = Tb == transpose::yes;
  const index_t gap = 3;
  const tensor<T> a_all = random_tensor<T>({a_turned ? k : m, (a_turned ? m : k) + gap}, 1);
  const tensor<T> b_all = random_tensor<T>({b_turned ? n : k, (b_turned ? k : n) + gap}, 2);
  const auto a = a_all.view().column_range(1, a_turned ? m : k);
  const auto b = b_all.view().column_range(2, b_turned ? k : n);
  const tensor<T> before = random_tensor<T>({m, n + gap}, 3);
  tensor<T> expected = before;
  reference plain;
  operations::matmul<Ta, Tb, U>(plain, a, b, expected.view().column_range(1, n));
  for (const product_kernel kernel : {product_kernel::packs, product_kernel::eigen}) {
    tensor<T> found = before;
    eigen fast(eigen_options{.products = kernel});
    operations::matmul<Ta, Tb, U>(fast, a, b, found.view().column_range(1, n));
    CAPTURE(m);
    CAPTURE(n);
    CAPTURE(k);
    CAPTURE(static_cast<int>(kernel));
    CHECK(rms_ratio(found, expected) <= (std::is_same_v<T, float> ? 1e-5 : 1e-12));
    for (index_t i = 0; i < m; ++i) {
      CHECK(found(i, 0) == expected(i, 0));
      CHECK(found(i, n + 1) == expected(i, n + 1));
    }
  }
}

template <class T>
void expect_all_forms(index_t m, index_t n, index_t k) {
  constexpr auto no = transpose::no, yes = transpose::yes;
  expect_product<no, no, update::assign, T>(m, n, k);
  expect_product<no, no, update::add, T>(m, n, k);
  expect_product<no, yes, update::assign, T>(m, n, k);
  expect_product<no, yes, update::add, T>(m, n, k);
  expect_product<yes, no, update::assign, T>(m, n, k);
  expect_product<yes, no, update::add, T>(m, n, k);
  expect_product<yes, yes, update::assign, T>(m, n, k);
  expect_product<yes, yes, update::add, T>(m, n, k);
}

}  // namespace

TEST_CASE_TEMPLATE("parity: matmul is the same on eigen and reference in every form", T, float,
                   double) {
  // Around every vector width and tile, small enough for the loops and too large for them.
  for (index_t m : {1, 2, 3, 4, 5, 9}) {
    for (index_t n : {1, 3, 4, 7, 8, 17, 40}) {
      for (index_t k : {1, 3, 8, 17}) expect_all_forms<T>(m, n, k);
    }
  }
  expect_all_forms<T>(33, 34, 35);
}

TEST_CASE_TEMPLATE("parity: matmul is the same across the borders of its blocks", T, float,
                   double) {
  expect_all_forms<T>(5, 200, 9);   // more columns than a block
  expect_all_forms<T>(515, 9, 40);  // more rows
  expect_all_forms<T>(9, 20, 260);  // deeper
  expect_all_forms<T>(515, 195, 258);
}

TEST_CASE("matmul: a product of depth zero is zero, or adds nothing") {
  eigen backend;
  for (index_t rows : {1, 40}) {
    tensor<double> a({rows, 0}), b({0, 40}), c({rows, 40}, 7.0);
    operations::matmul<transpose::no, transpose::no, update::add>(backend, a.view(), b.view(),
                                                                  c.view());
    CHECK(c(rows - 1, 39) == 7);
    operations::matmul<transpose::no, transpose::no, update::assign>(backend, a.view(), b.view(),
                                                                     c.view());
    CHECK(c(0, 0) == 0);
    CHECK(c(rows - 1, 39) == 0);
  }
}

TEST_CASE("matmul: two handles and a used one give the same bits") {
  const tensor<float> a = random_tensor<float>({70, 300}, 1),
                      b = random_tensor<float>({300, 90}, 2);
  tensor<float> first({70, 90}), second({70, 90}), other({9, 9});
  eigen used, fresh;
  const tensor<float> small = random_tensor<float>({9, 9}, 5);
  operations::matmul<transpose::no, transpose::yes, update::assign>(used, small.view(),
                                                                    small.view(), other.view());
  operations::matmul<transpose::no, transpose::no, update::assign>(used, a.view(), b.view(),
                                                                   first.view());
  operations::matmul<transpose::no, transpose::no, update::assign>(fresh, a.view(), b.view(),
                                                                   second.view());
  for (index_t i = 0; i < first.size(); ++i) CHECK(first.data()[i] == second.data()[i]);
}

TEST_CASE_TEMPLATE("matmul: rows without gaps give the same bits as rows with gaps", T, float,
                   double) {
  eigen backend;
  constexpr auto no = transpose::no, yes = transpose::yes;
  for (index_t m : {1, 3, 4, 9, 37}) {
    for (index_t n : {1, 5, 16}) {
      for (index_t k : {1, 2, 16, 19}) {
        const tensor<T> a_all = random_tensor<T>({m, k + 3}, 1);
        const tensor<T> b_all = random_tensor<T>({n, k + 2}, 2);
        const tensor<T> start = random_tensor<T>({m, n + 1}, 3);
        const auto compact = [](auto from) {
          tensor<T> to({from.rows(), from.columns()});
          for (index_t i = 0; i < from.rows(); ++i) {
            for (index_t j = 0; j < from.columns(); ++j) to(i, j) = from.at(i, j);
          }
          return to;
        };
        const auto a = a_all.view().column_range(1, k);
        const auto b = b_all.view().column_range(2, k);
        tensor<T> wide = start, close = compact(start.view().column_range(0, n));
        const tensor<T> a_close = compact(a), b_close = compact(b);
        operations::matmul<no, yes, update::add>(backend, a, b, wide.view().column_range(0, n));
        operations::matmul<no, yes, update::add>(backend, a_close.view(), b_close.view(),
                                                 close.view());
        index_t different = 0;
        for (index_t i = 0; i < m; ++i) {
          for (index_t j = 0; j < n; ++j) different += wide(i, j) != close(i, j);
        }
        CAPTURE(m);
        CAPTURE(n);
        CAPTURE(k);
        CHECK(different == 0);
      }
    }
  }
}

TEST_CASE("linear: single tokens of several sequences have the bits of each alone") {
  eigen backend;
  for (index_t in : {1, 7, 8, 40, 300}) {
    for (index_t out : {1, 3, 64, 70}) {
      const auto x = random_tensor<float>({6, in}, 5), weight = random_tensor<float>({out, in}, 6);
      const auto bias = random_tensor<float>({out}, 7);
      tensor<float> all({6, out}), one({1, out});
      // Single tokens before and after a sequence of two.
      operations::linear(backend, sequences{1, 1, 2, 1, 1}, x.view(), weight.view(), bias.view(),
                         all.view());
      for (index_t t : {0, 1, 4, 5}) {
        operations::linear(backend, sequences{1}, x.view().row_range(t, 1), weight.view(),
                           bias.view(), one.view());
        for (index_t o = 0; o < out; ++o) CHECK(all(t, o) == one(0, o));
      }
    }
  }
}

TEST_CASE("matmul: a row's bits depend on the depth alone, not on the rows around it") {
  // Several blocks of depth and of packed columns.
  for (const auto& [n, k] : {std::pair<index_t, index_t>{40, 300}, {1700, 20}, {33, 17}}) {
    const index_t rows = 29;
    const auto a = random_tensor<float>({rows, k}, 8), b = random_tensor<float>({n, k}, 9);
    eigen backend;
    tensor<float> all({rows, n}), some({rows, n});
    operations::matmul<transpose::no, transpose::yes, update::assign>(backend, a.view(), b.view(),
                                                                      all.view());
    operations::matmul<transpose::no, transpose::yes, update::assign>(
        backend, a.view().row_range(5, rows - 5), b.view(), some.view().row_range(5, rows - 5));
    for (index_t i = 5; i < rows; ++i) {
      for (index_t j = 0; j < n; ++j) REQUIRE(some(i, j) == all(i, j));
    }
  }
}
