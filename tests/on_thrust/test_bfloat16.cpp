// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// bfloat16 on a system of the CPU that computes late and in memory of its own, as the GPU's does:
// rounding of tensors, packing of matrices, products of rounded factors.
#include <algorithm>
#include <array>
#include <attd/backends/reference.hpp>
#include <attd/backends/thrust/rounded_factors.hpp>
#include <attd/core/random.hpp>
#include <attd/operations/replay.hpp>
#include <attd/operations/rounding.hpp>
#include <cmath>
#include <core/nearest_bfloat16.hpp>
#include <on_thrust/products.hpp>
#include <utility>
#include <vector>

#include "rounding_system.hpp"

namespace {

using namespace attd;
using attd_test::bits_of;
using attd_test::differences;
using attd_test::for_all_forms;
using attd_test::mapped;
using attd_test::nearest;
using attd_test::numbers;
using attd_test::rounding;
using attd_test::rounding_system;
using operations::transpose;
using operations::update;

// op(A) [m, k], op(B) [k, n], C [m, n], each a part of a wider tensor.
template <transpose Ta, transpose Tb>
struct operands {
  index_t m, n, k;
  tensor<float> a, b, c;

  template <class F>
  operands(index_t m_, index_t n_, index_t k_, const F& draw) : m(m_), n(n_), k(k_) {
    a = numbers({Ta == transpose::yes ? k : m, (Ta == transpose::yes ? m : k) + 3}, draw);
    b = numbers({Tb == transpose::yes ? n : k, (Tb == transpose::yes ? k : n) + 2}, draw);
    c = numbers({m, n + 5}, draw);
  }
  static view<const float> part_of_a(const tensor<float>& a) {
    return a.view().column_range(1, a.extent(1) - 3);
  }
  static view<const float> part_of_b(const tensor<float>& b) {
    return b.view().column_range(2, b.extent(1) - 2);
  }
  static view<float> part_of_c(tensor<float>& c) {
    return c.view().column_range(4, c.extent(1) - 5);
  }
};

// C of these factors by a backend, all of it.
template <transpose Ta, transpose Tb, update U, class Backend>
tensor<float> product(Backend& backend, tensor<float> a, tensor<float> b, tensor<float> c) {
  using parts = operands<Ta, Tb>;
  for (tensor<float>* t : {&a, &b, &c}) operations::bring(backend, *t);
  operations::matmul<Ta, Tb, U>(backend, parts::part_of_a(a), parts::part_of_b(b),
                                parts::part_of_c(c));
  operations::finish(backend);
  return c;
}

}  // namespace

TEST_CASE("rounding: tensors to bfloat16 and back, late and in the backend's memory") {
  random_stream random{13};
  attd_test::thrust_separate backend;
  tensor<bfloat16> rounded;
  tensor<float> widened;
  // Whole groups of four, parts of one, and smaller than what was there.
  for (const index_t columns : {1, 3, 4, 37, 2, 0}) {
    CAPTURE(columns);
    tensor<float> x = numbers({3, columns}, [&] { return float(random.normal()); });
    operations::bring(backend, x);
    operations::round_to_bfloat16(backend, x, rounded);
    operations::widen_bfloat16(backend, rounded, widened);
    CHECK(rounded.shape() == x.shape());
    CHECK(widened.shape() == x.shape());
    if (columns == 37) CHECK(std::isnan(widened(2, 36)));  // new memory, and nothing done yet
    operations::finish(backend);
    for (index_t i = 0; i < x.size(); ++i) {
      CHECK(bits_of(widened.data()[i]) == bits_of(nearest(x.data()[i])));
    }
  }
}

TEST_CASE("rounded factors: parts of matrices, in rows that begin at 16 bytes, gaps zero") {
  for (const index_t columns : {1, 3, 4, 7, 8, 9, 33}) {
    CAPTURE(columns);
    random_stream random{6};
    const auto draw = [&] { return float(random.normal()); };
    rounding_system system;
    tensor<float> x = numbers({5, columns + 3}, draw), y = numbers({2, 3, columns}, draw);
    for (tensor<float>* t : {&x, &y}) t->move_to(system.memory());
    const view<const float> a = x.view().column_range(2, columns), b = y.view();
    const auto found = system.factors.round(system, a, b);
    system.finish();
    for (const auto& [from, to] : {std::pair{a, found.a}, std::pair{b, found.b}}) {
      REQUIRE(to.rows() == from.rows());
      REQUIRE(to.columns() == columns);
      CHECK(to.stride() == (columns + 7) / 8 * 8);
      CHECK(reinterpret_cast<std::uintptr_t>(to.data()) % 64 == 0);
      for (index_t i = 0; i < to.rows(); ++i) {
        for (index_t j = 0; j < to.stride(); ++j) {
          CHECK(float(to.at(i, j)) == (j < columns ? nearest(from.at(i, j)) : 0.0f));
        }
      }
    }
  }
}

TEST_CASE("rounded products: exactly those of the rounded numbers, in every form") {
  // Whole numbers to 500 lose up to one bit; all sums are below 2^24, so exact in any order.
  random_stream random{7};
  const auto draw = [&] { return float(int(random.uniform(-500, 501))); };
  for (const auto& [m, n, k] : {std::array<index_t, 3>{32, 33, 1}, {40, 32, 7}, {33, 65, 40}}) {
    for_all_forms([&]<transpose Ta, transpose Tb, update U>() {
      const operands<Ta, Tb> x(m, n, k, draw);
      reference plain;
      rounding backend;
      const auto found = product<Ta, Tb, U>(backend, x.a, x.b, x.c);
      CHECK(differences(found, product<Ta, Tb, U>(plain, mapped(x.a, nearest), mapped(x.b, nearest),
                                                  x.c)) == 0);
      CHECK(differences(found, product<Ta, Tb, U>(plain, x.a, x.b, x.c)) > 0);
      CHECK(backend.system().log->products == 1);
    });
  }
}

TEST_CASE("rounded products: near those of the numbers themselves") {
  random_stream random{8};
  const auto draw = [&] { return float(random.normal()); };
  const index_t m = 64, n = 48, k = 100;
  // A term a b becomes a b (1 + d)(1 + e) with |d|, |e| <= 2^-8; each product and sum in float adds
  // at most 2^-24 of the sum of |a b|, in either result.
  const double bound = 2 * 0x1p-8 + 0x1p-16 + 2 * (double(k) + 2) * 0x1p-24 * 1.01;
  const auto absolute = [](float x) { return std::abs(x); };
  for_all_forms([&]<transpose Ta, transpose Tb, update U>() {
    const operands<Ta, Tb> x(m, n, k, draw);
    reference plain;
    rounding backend;
    const auto found = product<Ta, Tb, U>(backend, x.a, x.b, x.c);
    const auto expected = product<Ta, Tb, U>(plain, x.a, x.b, x.c);
    const auto sizes = product<Ta, Tb, update::add>(plain, mapped(x.a, absolute),
                                                    mapped(x.b, absolute), mapped(x.c, absolute));
    double most = 0, squares = 0, all = 0;
    for (index_t i = 0; i < found.size(); ++i) {
      const double e = double(found.data()[i]) - double(expected.data()[i]);
      most = std::max(most, std::abs(e) / double(sizes.data()[i]));
      squares += e * e;
      all += double(expected.data()[i]) * double(expected.data()[i]);
    }
    CHECK(most <= bound);
    // Errors of both factors are independent: sqrt(2) 2^-8 at most in root mean square.
    CHECK(std::sqrt(squares / all) <= std::sqrt(2.0) * 0x1p-8);
    CHECK(std::sqrt(squares / all) >= 0x1p-10);  // they are rounded
  });
}

TEST_CASE("rounded products: both factors may be the same matrix") {
  random_stream random{9};
  rounding backend;
  tensor<float> x = numbers({40, 40}, [&] { return float(int(random.uniform(-500, 501))); });
  tensor<float> found({40, 40}), expected({40, 40}), rounded = mapped(x, nearest);
  for (tensor<float>* t : {&x, &found}) operations::bring(backend, *t);
  operations::matmul<transpose::yes, transpose::no, update::assign>(backend, x.view(), x.view(),
                                                                    found.view());
  operations::finish(backend);
  reference plain;
  operations::matmul<transpose::yes, transpose::no, update::assign>(
      plain, rounded.view(), rounded.view(), expected.view());
  CHECK(differences(found, expected) == 0);
}

TEST_CASE("rounded products: thin results stay in float") {
  random_stream random{10};
  const auto draw = [&] { return float(int(random.uniform(-500, 501))); };
  constexpr auto no = transpose::no;
  for (const auto& [m, n] : {std::array<index_t, 2>{1, 40}, {40, 1}, {31, 40}, {40, 31}}) {
    const operands<no, no> x(m, n, 9, draw);
    reference plain;
    rounding backend;
    CHECK(differences(product<no, no, update::add>(backend, x.a, x.b, x.c),
                      product<no, no, update::add>(plain, x.a, x.b, x.c)) == 0);
    CHECK(backend.system().log->products == 0);
  }
}

TEST_CASE("rounded factors: stay where they are until larger ones come; copies have their own") {
  constexpr auto no = transpose::no;
  random_stream random{11};
  const auto draw = [&] { return float(random.normal()); };
  const operands<no, no> small(33, 34, 9, draw), large(64, 65, 40, draw);
  rounding backend;
  const auto at = [](const rounding& of) {
    const auto& all = of.system().log->at;
    return std::pair(all[all.size() - 2], all[all.size() - 1]);
  };
  const auto run = [](rounding& on, const operands<no, no>& x) {
    return product<no, no, update::add>(on, x.a, x.b, x.c);
  };
  const auto first = run(backend, small);
  const auto place = at(backend);
  CHECK(differences(run(backend, small), first) == 0);
  CHECK(at(backend) == place);
  run(backend, large);
  const auto place_of_large = at(backend);
  CHECK(differences(run(backend, small), first) == 0);
  CHECK(at(backend).first == place_of_large.first);
  run(backend, large);
  CHECK(at(backend) == place_of_large);

  const auto pieces = attd_test::live_memory().size();
  rounding copy = backend;
  CHECK(attd_test::live_memory().size() == pieces);  // none before it is used
  rounding moved = std::move(copy);
  CHECK(differences(run(moved, small), first) == 0);
  CHECK(at(moved).first != place_of_large.first);
  moved = backend;
  CHECK(differences(run(moved, small), first) == 0);
}

TEST_CASE("rounded factors: recordings are void once larger ones came, and take no memory") {
  constexpr auto no = transpose::no;
  random_stream random{12};
  const auto draw = [&] { return float(random.normal()); };
  rounding backend;
  tensor<float> a = numbers({64, 40}, draw), b = numbers({40, 64}, draw), c({64, 64});
  for (tensor<float>* t : {&a, &b, &c}) operations::bring(backend, *t);
  int calls = 0;
  const auto of_size = [&](index_t size) {
    operations::matmul<no, no, update::assign>(backend, a.view().row_range(0, size), b.view(),
                                               c.view().row_range(0, size));
  };
  const auto run = [&] {
    ++calls;
    of_size(32);
  };
  operations::recording<rounding> r;
  const auto result = [&] {
    c.zero();
    operations::replay(backend, r, run);
    operations::finish(backend);
    tensor<float> copy;  // of the host: one there would take memory, and void recordings
    copy = c;
    return copy;
  };
  const tensor<float> expected = result();
  CHECK(differences(result(), expected) == 0);
  CHECK(differences(result(), expected) == 0);
  CHECK(calls == 2);  // once to do it, once to record it
  of_size(64);
  operations::finish(backend);
  CHECK(differences(result(), expected) == 0);
  CHECK(calls == 3);

  // A recording that would need memory is given up, and what it stands for is done.
  index_t size = 32;
  rounding other;
  operations::recording<rounding> growing;
  const auto grow = [&] {
    operations::matmul<no, no, update::assign>(other, a.view().row_range(0, size), b.view(),
                                               c.view().row_range(0, size));
  };
  operations::replay(other, growing, grow);
  size = 64;
  operations::replay(other, growing, grow);
  operations::finish(other);
  CHECK(growing.impossible);
}
