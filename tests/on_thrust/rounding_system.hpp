// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The product of the GPU's system with products in bf16, on the CPU: late, in memory of its own,
// and its roundings are counted.
#pragma once

#include <attd/backends/thrust/gemm_arguments.hpp>
#include <attd/backends/thrust/rounded_factors.hpp>
#include <memory>
#include <type_traits>
#include <vector>

#include "separate_memory.hpp"

namespace attd_test {

using attd::index_t;
using attd::tensor;

// The same on every element.
template <class F>
tensor<float> mapped(const tensor<float>& x, const F& f) {
  tensor<float> y(x.shape());
  for (index_t i = 0; i < x.size(); ++i) y.data()[i] = f(x.data()[i]);
  return y;
}
template <class F>
tensor<float> numbers(const attd::shape& s, const F& draw) {
  tensor<float> t(s);
  for (index_t i = 0; i < t.size(); ++i) t.data()[i] = draw();
  return t;
}
inline index_t differences(const tensor<float>& x, const tensor<float>& y) {
  index_t count = 0;
  for (index_t i = 0; i < x.size(); ++i) count += !(x.data()[i] == y.data()[i]);
  return count;
}

// gemm of a BLAS on rounded factors, with sums in float; matrices are column-major.
struct late_gemm {
  attd::thrust_detail::gemm_call<attd::bfloat16, float> x;

  void operator()() const {
    constexpr auto yes = attd::operations::transpose::yes;
    const index_t a_row = x.op_a == yes ? x.lda : 1, a_column = x.lda + 1 - a_row;
    const index_t b_row = x.op_b == yes ? x.ldb : 1, b_column = x.ldb + 1 - b_row;
    for (index_t i = 0; i < x.m; ++i) {
      for (index_t j = 0; j < x.n; ++j) {
        float sum = 0;
        for (index_t l = 0; l < x.k; ++l) {
          sum += float(x.a[i * a_row + l * a_column]) * float(x.b[l * b_row + j * b_column]);
        }
        float& c = x.c[i + j * x.ldc];
        c = x.beta == 0 ? sum : sum + x.beta * c;
      }
    }
  }
};

// What products were given: how many, and where their factors lay; how many numbers were rounded.
struct rounding_log {
  int products = 0;
  std::vector<const attd::bfloat16*> at;
  index_t rounded = 0;
};

// The product of systems::cuda with products in bf16, but for who computes it. Copies share a log.
template <bool holds_constants>
struct rounding_system_that : separate_system {
  std::shared_ptr<rounding_log> log = std::make_shared<rounding_log>();
  attd::thrust_detail::rounded_factors factors;

  template <class A>
    requires holds_constants
  void hold_constant(const A& parameters) {
    factors.hold_constant(*this, parameters);
  }
  template <attd::operations::transpose Ta, attd::operations::transpose Tb,
            attd::operations::update U, class A, class B>
  bool matmul(attd::view<A> a, attd::view<B> b, attd::view<float> c) {
    namespace detail = attd::thrust_detail;
    if (!detail::fits_gemm<Ta>(a, b, c) || !detail::worth_rounding(c)) return false;
    const auto rounded = factors.round(*this, a, b);
    const late_gemm gemm{detail::gemm_arguments<Ta, Tb, U>(rounded.a, rounded.b, c)};
    run([gemm](const auto&) { gemm(); });
    ++log->products;
    log->at.insert(log->at.end(), {rounded.a.data(), rounded.b.data()});
    return true;
  }
  // Counts when it is done, and so what is recorded as often as it is done.
  template <class F>
  void check(const F& f) const {
    separate_system::check(f);
    if constexpr (std::is_same_v<F, attd::thrust_detail::rounded_rows>) {
      run([of = log, n = f.from.size()](const auto&) { of->rounded += n; });
    } else if constexpr (std::is_same_v<F, attd::thrust_detail::rounded_pair>) {
      run([of = log, n = f.a.from.size() + f.b.from.size()](const auto&) { of->rounded += n; });
    }
  }
};
using rounding_system = rounding_system_that<true>;
using rounding = attd::thrust<rounding_system>;

}  // namespace attd_test
