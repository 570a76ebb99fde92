// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Factors that are held constant are rounded once, to the bits of rounding every time, and again
// when they have changed.
#include <attd/backends/reference.hpp>
#include <attd/operations/constants.hpp>
#include <on_thrust/backend.hpp>
#include <on_thrust/products.hpp>
#include <utility>

#include "constant_weights.hpp"

namespace {

using namespace attd;
using namespace attd_test::constants;
using attd_test::differences;
using attd_test::for_all_forms;
using attd_test::rounding;
using operations::hold_constant;
using operations::transpose;
using operations::update;

}  // namespace

TEST_CASE("constants: are rounded once for many products, with the bits of rounding every time") {
  draws draw;
  const weights p = some_weights();
  rounding backend;
  hold_constant(backend, p);
  CHECK(rounded(backend) == 0);  // which of them are factors is not known yet
  for (index_t rows = 48; rows < 53; ++rows) {
    const tensor<float> x = draw({rows, 40});
    rounded(backend) = 0;
    CHECK(differences(linear(backend, x, p.w), rounded_anew(x, p.w)) == 0);
    CHECK(rounded(backend) == x.size() + (rows == 48 ? p.w.size() : 0));
  }
}

TEST_CASE("constants: either factor, both or none, in every form") {
  draws draw;
  for_all_forms([&]<transpose Ta, transpose Tb, update U>() {
    struct factors {
      tensor<float> a, b;
    };
    const auto turned = [](bool t, index_t r, index_t c) { return t ? shape{c, r} : shape{r, c}; };
    const factors x{draw(turned(Ta == transpose::yes, 33, 20)),
                    draw(turned(Tb == transpose::yes, 20, 37))};
    tensor<float> c = draw({33, 37});
    const auto result = [&](rounding& backend) {
      tensor<float> own = c, copy;
      operations::matmul<Ta, Tb, U>(backend, x.a.view(), x.b.view(), own.view());
      operations::finish(backend);
      copy = own;
      return copy;
    };
    rounding plain;
    const tensor<float> expected = result(plain);
    const auto expect = [&](const auto& constants, index_t rounded_again) {
      rounding backend;
      hold_constant(backend, constants);
      CHECK(differences(result(backend), expected) == 0);
      CHECK(rounded(backend) == x.a.size() + x.b.size());
      rounded(backend) = 0;
      CHECK(differences(result(backend), expected) == 0);
      CHECK(rounded(backend) == rounded_again);
    };
    expect(x.a, x.b.size());
    expect(x.b, x.a.size());
    expect(x, 0);
    expect(c, x.a.size() + x.b.size());
  });
}

TEST_CASE("constants: a matrix times itself is rounded once for both factors") {
  const weights p = some_weights();
  rounding backend;
  hold_constant(backend, p);
  CHECK(differences(linear(backend, p.v, p.v), rounded_anew(p.v, p.v)) == 0);
  CHECK(rounded(backend) == p.v.size());
}

TEST_CASE("constants: changed and held again they give what they are now") {
  draws draw;
  weights p = some_weights();
  const tensor<float> x = draw({48, 40}), z = draw({48, 48});
  rounding backend;
  for (int i = 0; i < 3; ++i) {
    hold_constant(backend, p);
    CHECK(attd_test::late_calls::pending() == 0);  // or a change of p might come in between
    CHECK(differences(linear(backend, x, p.w), rounded_anew(x, p.w)) == 0);
    CHECK(differences(linear(backend, z, p.v), rounded_anew(z, p.v)) == 0);
    move_by(p.w, 0.1f);
    move_by(p.v, -0.2f);
  }
}

TEST_CASE("constants: ranges of rows and columns") {
  draws draw;
  weights p = some_weights();
  const tensor<float> x = draw({48, 40}), few = draw({48, 17});
  const view<const float> all = x.view(), w = std::as_const(p.w).view();
  rounding backend;
  hold_constant(backend, p);
  const auto expect = [&](view<const float> a, view<const float> b, index_t of_weights) {
    rounded(backend) = 0;
    CHECK(differences(linear(backend, a, b), rounded_anew(a, b)) == 0);
    CHECK(rounded(backend) == a.size() + of_weights);
  };
  for (int i = 0; i < 3; ++i) {
    CAPTURE(i);
    const auto at_first = [&](index_t size) { return i == 0 ? size : 0; };
    expect(all, w.row_range(0, 32), at_first(32 * 40));
    expect(all, w, at_first(64 * 40));
    expect(all, w.row_range(32, 32), 0);  // found in the whole
    expect(all, w.row_range(7, 33), 0);
    expect(std::as_const(few).view(), w.column_range(3, 17), at_first(64 * 17));
    expect(std::as_const(few).view(), w.column_range(3, 17).row_range(5, 40), 0);
    expect(all, reshaped(w, {32, 80}).column_range(0, 40), at_first(32 * 40));  // every other row
    // Neither is in that copy: other columns, fewer columns.
    expect(std::as_const(few).view(), w.column_range(23, 17).row_range(0, 63), at_first(63 * 17));
    expect(few.view().column_range(0, 10), w.column_range(3, 10), at_first(64 * 10));
    move_by(p.w, 0.1f);
    hold_constant(backend, p);
  }
}

TEST_CASE("constants: what begins in a leaf and ends outside of it is none") {
  draws draw;
  tensor<float> memory = draw({72, 40});
  const tensor<float> x = draw({48, 40});
  const view<const float> w = std::as_const(memory).view();
  memory.resize({40, 40});  // the rows behind are still there
  rounding backend;
  hold_constant(backend, memory);
  for (int i = 0; i < 2; ++i) {
    rounded(backend) = 0;
    linear(backend, x.view(), w.row_range(1, 40));
    linear(backend, x.view(), w.row_range(40, 32));
    CHECK(rounded(backend) == 2 * x.size() + (40 + 32) * 40);
    linear(backend, x.view(), w.row_range(8, 32));
    CHECK(rounded(backend) == 3 * x.size() + (40 + 32 + (i == 0 ? 32 : 0)) * 40);
  }
}

TEST_CASE("constants: a copy of a handle holds nothing, one that is moved to what the other held") {
  draws draw;
  weights p = some_weights();
  const tensor<float> x = draw({48, 40});
  rounding backend;
  hold_constant(backend, p);
  linear(backend, x, p.w);
  const auto rounds = [&](rounding& by) {
    rounded(by) = 0;
    CHECK(differences(linear(by, x, p.w), rounded_anew(x, p.w)) == 0);
    return rounded(by) - x.size();
  };
  rounding copy = backend;
  CHECK(rounds(copy) == p.w.size());
  CHECK(rounds(copy) == p.w.size());
  rounding moved = std::move(backend);
  CHECK(rounds(moved) == 0);
  moved = copy;
  move_by(p.w, 0.1f);
  CHECK(rounds(moved) == p.w.size());
  hold_constant(moved, p);
  CHECK(rounds(moved) == p.w.size());
  CHECK(rounds(moved) == 0);
}

TEST_CASE("constants: backends that gain nothing, and numbers that are not rounded") {
  const weights p = some_weights();
  reference plain;
  attd_test::thrust_cpp sequential;
  hold_constant(plain, p);
  hold_constant(sequential, p);
  operations::let_go(plain);
  operations::let_go(sequential);

  rounding backend;
  tensor<double> w({64, 40}, 1.0 + 0x1p-20), x({48, 40}, 1.0), y({48, 64});
  for (tensor<double>* t : {&w, &x, &y}) operations::bring(backend, *t);
  hold_constant(backend, w);
  operations::matmul<transpose::no, transpose::yes, update::assign>(
      backend, std::as_const(x).view(), std::as_const(w).view(), y.view());
  operations::finish(backend);
  CHECK(y(47, 63) == doctest::Approx(40 * (1.0 + 0x1p-20)).epsilon(1e-14));
  CHECK(rounded(backend) == 0);
  tensor<dual<float>> u({32, 32});
  operations::bring(backend, u);
  hold_constant(backend, u);  // its planes are no leaves, and rounded every time
}
