// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Products by a BLAS: its arguments, given to a BLAS of a few lines, and a system that has one.
#include <doctest/doctest.h>

#include <algorithm>
#include <attd/backends/reference.hpp>
#include <attd/backends/thrust.hpp>
#include <attd/backends/thrust/gemm_arguments.hpp>
#include <attd/core/random.hpp>
#include <limits>
#include <memory>
#include <on_thrust/products.hpp>

namespace {

using namespace attd;
using attd_test::for_all_forms;
using operations::transpose;
using operations::update;
using thrust_detail::fits_gemm;
using thrust_detail::gemm_arguments;
using thrust_detail::gemm_call;

// The definition of gemm in BLAS, with what it asks of its arguments; matrices are column-major.
template <class Factor, class T>
void gemm(const gemm_call<Factor, T>& x) {
  const bool a_turned = x.op_a == transpose::yes, b_turned = x.op_b == transpose::yes;
  REQUIRE(std::min({x.m, x.n, x.k}) >= 0);
  REQUIRE(x.lda >= std::max<index_t>(1, a_turned ? x.k : x.m));
  REQUIRE(x.ldb >= std::max<index_t>(1, b_turned ? x.n : x.k));
  REQUIRE(x.ldc >= std::max<index_t>(1, x.m));
  for (index_t i = 0; i < x.m; ++i) {
    for (index_t j = 0; j < x.n; ++j) {
      T sum(0);
      for (index_t l = 0; l < x.k; ++l) {
        sum += T(a_turned ? x.a[l + i * x.lda] : x.a[i + l * x.lda]) *
               T(b_turned ? x.b[j + l * x.ldb] : x.b[l + j * x.ldb]);
      }
      T& c = x.c[i + j * x.ldc];
      c = x.beta == T(0) ? sum : sum + x.beta * c;
    }
  }
}

// Small whole numbers: sums are exact in any order, so results must be equal.
template <class T>
void fill(tensor<T>& t, random_stream& random) {
  if constexpr (is_dual_v<T>) {
    fill(t.value, random);
    fill(t.tangent, random);
  } else {
    for (index_t i = 0; i < t.size(); ++i) t.data()[i] = T(int(random.uniform(-8, 9)));
  }
}
template <class T>
tensor<T> whole_numbers(const shape& s, std::uint64_t stream) {
  tensor<T> t(s);
  random_stream random{3, stream};
  fill(t, random);
  return t;
}
template <class T>
index_t differences(const tensor<T>& x, const tensor<T>& y) {
  if constexpr (is_dual_v<T>) {
    return differences(x.value, y.value) + differences(x.tangent, y.tangent);
  } else {
    index_t count = 0;
    for (index_t i = 0; i < x.size(); ++i) count += !(x.data()[i] == y.data()[i]);
    return count;
  }
}

// Tensors wider than their parts that take part: op(A) [m, k], op(B) [k, n], C [m, n].
template <transpose Ta, transpose Tb, class A, class B, class C>
struct operands {
  index_t m, n, k, gap;
  tensor<A> a = whole_numbers<A>({a_rows(), a_columns() + gap}, 1);
  tensor<B> b = whole_numbers<B>({b_rows(), b_columns() + 2 * gap}, 2);
  tensor<C> c = whole_numbers<C>({m, n + 3 * gap}, 3);

  index_t a_rows() const { return Ta == transpose::yes ? k : m; }
  index_t a_columns() const { return Ta == transpose::yes ? m : k; }
  index_t b_rows() const { return Tb == transpose::yes ? n : k; }
  index_t b_columns() const { return Tb == transpose::yes ? k : n; }
  view<const A> a_part() const { return a.view().column_range(gap, a_columns()); }
  view<const B> b_part() const { return b.view().column_range(gap, b_columns()); }
  view<C> part(tensor<C>& of) const { return of.view().column_range(gap, n); }
};

template <transpose Ta, transpose Tb, update U, class Factor, class T = Factor>
void expect_product(index_t m, index_t n, index_t k, index_t gap) {
  CAPTURE(m);
  CAPTURE(n);
  CAPTURE(k);
  CAPTURE(gap);
  const operands<Ta, Tb, Factor, Factor, T> x{m, n, k, gap};
  tensor<T> expected = x.c, found = x.c;
  reference plain;
  operations::matmul<Ta, Tb, U>(plain, x.a_part(), x.b_part(), x.part(expected));
  if (U == update::assign) {  // what is replaced must not be read
    for (index_t i = 0; i < m; ++i) {
      for (index_t j = 0; j < n; ++j) {
        x.part(found).at(i, j) = std::numeric_limits<T>::quiet_NaN();
      }
    }
  }
  REQUIRE(fits_gemm<Ta>(x.a_part(), x.b_part(), x.part(found)));
  gemm(gemm_arguments<Ta, Tb, U>(x.a_part(), x.b_part(), x.part(found)));
  CHECK(differences(found, expected) == 0);
}

// A system of the CPU with products of its own.
struct gemm_system {
  std::shared_ptr<int> products = std::make_shared<int>(0);

  template <class F>
  void run(const F& f) const {
    f(::thrust::cpp::par);
  }
  template <transpose Ta, transpose Tb, update U, class A, class B, class C>
    requires thrust_detail::SameNumber<A, B, C> && std::is_floating_point_v<C>
  bool matmul(view<A> a, view<B> b, view<C> c) {
    if (!fits_gemm<Ta>(a, b, c)) return false;
    ++*products;
    gemm(gemm_arguments<Ta, Tb, U>(a, b, c));
    return true;
  }
};

// The same on a backend with such a system, which must compute that many products of planes.
template <class A, class B, class C>
void expect_planes(int products, index_t k = 4, index_t m = 3) {
  for_all_forms([&]<transpose Ta, transpose Tb, update U>() {
    const operands<Ta, Tb, A, B, C> x{m, 5, k, 1};
    tensor<C> expected = x.c, found = x.c;
    reference plain;
    const gemm_system system;
    attd::thrust<gemm_system> backend(system);
    operations::matmul<Ta, Tb, U>(plain, x.a_part(), x.b_part(), x.part(expected));
    operations::matmul<Ta, Tb, U>(backend, x.a_part(), x.b_part(), x.part(found));
    CHECK(differences(found, expected) == 0);
    CHECK(*system.products == products);
  });
}

}  // namespace

TEST_CASE_TEMPLATE("gemm: its arguments give the product in every form", T, float, double) {
  for (const index_t m : {1, 2, 5}) {
    for (const index_t n : {1, 3, 4}) {
      for (const index_t k : {1, 2, 7}) {
        for (const index_t gap : {0, 2}) {
          for_all_forms([&]<transpose Ta, transpose Tb, update U>() {
            expect_product<Ta, Tb, U, T>(m, n, k, gap);
          });
        }
      }
    }
  }
}

// Whether there are arguments for such a product.
template <class A, class B, class C>
constexpr bool has_arguments = requires(view<A> a, view<B> b, view<C> c) {
  gemm_arguments<transpose::no, transpose::yes, update::add>(a, b, c);
};

TEST_CASE("gemm: factors may be narrower than the result, and are of one type") {
  for_all_forms([]<transpose Ta, transpose Tb, update U>() {
    expect_product<Ta, Tb, U, float, double>(5, 4, 7, 2);
  });
  CHECK(has_arguments<const float, float, double>);
  CHECK_FALSE(has_arguments<float, double, double>);
  CHECK_FALSE(has_arguments<float, float, const double>);
}

TEST_CASE("gemm: a row's stride may be anything, and is not less than the row for a BLAS") {
  tensor<double> a({3}, 2.0), b({3, 4}, 5.0), c({4});
  const view<double> row(a.data(), {1, 3}, 0), result(c.data(), {1, 4}, 1);
  constexpr auto no = transpose::no;
  REQUIRE(fits_gemm<no>(row, b.view(), result));
  const auto call = gemm_arguments<no, no, update::assign>(row, b.view(), result);
  CHECK(call.ldb == 3);
  CHECK(call.ldc == 4);
  gemm(call);
  for (const index_t j : {0, 1, 2, 3}) CHECK(c(j) == 30);
}

TEST_CASE("gemm: nothing to compute, nothing to sum and rows that overlap are not for a BLAS") {
  constexpr auto no = transpose::no, yes = transpose::yes;
  tensor<float> x({4, 4});
  const auto part = [&](index_t rows, index_t columns) {
    return x.view().row_range(0, rows).column_range(0, columns);
  };
  CHECK(fits_gemm<no>(part(2, 3), part(3, 4), part(2, 4)));
  CHECK_FALSE(fits_gemm<no>(part(0, 3), part(3, 4), part(0, 4)));
  CHECK_FALSE(fits_gemm<no>(part(2, 3), part(3, 0), part(2, 0)));
  CHECK_FALSE(fits_gemm<no>(part(2, 0), part(0, 4), part(2, 4)));
  CHECK_FALSE(fits_gemm<yes>(part(0, 2), part(0, 4), part(2, 4)));
  const view<float> overlapping(x.data(), {2, 3}, 1);
  CHECK_FALSE(fits_gemm<no>(overlapping, part(3, 4), part(2, 4)));
  CHECK_FALSE(fits_gemm<yes>(part(2, 3), overlapping, part(3, 3)));
}

TEST_CASE("thrust: a system's own product gets plain numbers, plane by plane") {
  expect_planes<float, float, float>(1);
  expect_planes<double, double, double>(1);
  using D = dual<double>;
  expect_planes<D, D, D>(3);
  expect_planes<D, double, D>(2);
  expect_planes<double, D, D>(2);
  expect_planes<double, double, D>(1);
  expect_planes<dual<D>, dual<D>, dual<D>>(9);
  expect_planes<dual<D>, D, dual<D>>(6);
  expect_planes<dual<D>, double, dual<D>>(4);
}

TEST_CASE("thrust: what a system's own product does not take runs as functors") {
  expect_planes<float, double, double>(0);
  expect_planes<float, float, double>(0);
  expect_planes<double, double, double>(0, 0);  // depth zero: zero, or as it was
  expect_planes<dual<double>, dual<double>, dual<double>>(0, 0);
  expect_planes<double, double, double>(0, 4, 0);
}
