// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Tensors and views: shapes, parts of views, planes of duals, memory, conversions.
#include <doctest/doctest.h>

#include <attd/core/tensor.hpp>
#include <cstdint>
#include <sstream>
#include <string>
#include <type_traits>
#include <utility>

namespace {

using attd::dual;
using attd::index_t;
using attd::shape;
using attd::tensor;
using attd::view;
using D = dual<double>;
using DD = dual<D>;

// 0, 1, 2, ... in memory order.
tensor<double> counting(const shape& s) {
  tensor<double> t(s);
  for (index_t i = 0; i < t.size(); ++i) t.data()[i] = double(i);
  return t;
}

tensor<D> counting_dual(const shape& s) {
  tensor<D> t(s);
  for (index_t i = 0; i < t.size(); ++i) {
    t.value.data()[i] = double(i);
    t.tangent.data()[i] = 100.0 + double(i);
  }
  return t;
}

std::string text_of(const shape& s) {
  std::ostringstream out;
  out << s;
  return out.str();
}

template <class F>
std::string message_of(F f) {
  try {
    f();
  } catch (const attd::error& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("shape: sizes, rows and columns of every rank") {
  const shape scalar, vector{5}, matrix{2, 3}, cube{2, 3, 4}, four{2, 3, 4, 5};
  CHECK(scalar.rank == 0);
  CHECK(scalar.size() == 1);
  CHECK(vector.rows() == 1);
  CHECK(vector.columns() == 5);
  CHECK(matrix.rows() == 2);
  CHECK(matrix.columns() == 3);
  CHECK(cube.rows() == 6);
  CHECK(cube.columns() == 4);
  CHECK(cube.size() == 24);
  CHECK(four.rows() == 24);
  CHECK(four.columns() == 5);
  CHECK(four.size() == 120);
  CHECK(four.tail() == shape{3, 4, 5});
  CHECK(vector.tail() == scalar);
}

TEST_CASE("shape: equal means same rank and extents") {
  CHECK(shape{2, 3} == shape{2, 3});
  CHECK_FALSE(shape{2, 3} == shape{3, 2});
  CHECK_FALSE(shape{3} == shape{1, 3});
  CHECK_FALSE(shape{3} == shape{3, 1});
  CHECK_FALSE(shape{} == shape{1});
}

TEST_CASE("shape: text and mismatch errors show both values") {
  CHECK(text_of({2, 3, 4}) == "2x3x4");
  CHECK(text_of({7}) == "7");
  CHECK(text_of({}) == "scalar");
  CHECK(message_of([] { attd::expect_shape("op", "x", {2, 3}, {2, 4}); }) ==
        "attd: op: x has shape 2x3, expected 2x4");
  CHECK(message_of([] { attd::expect_equal("op", "the length", 3, 4); }) ==
        "attd: op: the length is 3, expected 4");
  CHECK_NOTHROW(attd::expect_shape("op", "x", {2, 3}, {2, 3}));
  CHECK_NOTHROW(attd::expect_equal("op", "the length", 4, 4));
}

TEST_CASE("tensor: elements are row-major in every rank") {
  CHECK(counting({6})(4) == 4);
  CHECK(counting({2, 3})(1, 2) == 5);                // 1 * 3 + 2
  CHECK(counting({2, 3, 4})(1, 2, 3) == 23);         // (1 * 3 + 2) * 4 + 3
  CHECK(counting({2, 3, 4, 5})(1, 2, 1, 3) == 108);  // ((1 * 3 + 2) * 4 + 1) * 5 + 3
  CHECK(counting({2, 3, 4}).view().at(5, 3) == 23);  // flattened row 1 * 3 + 2
  tensor<double> t({2, 2}, 7.0);
  t(1, 0) = 3;
  CHECK(t(0, 0) == 7);
  CHECK(std::as_const(t)(1, 0) == 3);
  CHECK(t.data()[2] == 3);
  t.zero();
  CHECK(t(1, 1) == 0);
}

TEST_CASE("tensor: memory is aligned to a cache line") {
  for (index_t n : {1, 3, 100}) {
    const tensor<float> t({n});
    CHECK(reinterpret_cast<std::uintptr_t>(t.data()) % 64 == 0);
  }
}

TEST_CASE("tensor: without elements it is empty and has size 0") {
  const tensor<double> none_yet;
  CHECK(none_yet.empty());
  CHECK(none_yet.size() == 0);
  CHECK(none_yet.shape().rank == 0);
  const tensor<double> no_rows({0, 3});
  CHECK(no_rows.empty());
  CHECK(no_rows.size() == 0);
  CHECK(no_rows.view().rows() == 0);
  CHECK(no_rows.view().columns() == 3);
  tensor<D> dual_empty;
  CHECK(dual_empty.empty());
  CHECK(dual_empty.size() == 0);
  dual_empty.zero();
  CHECK_FALSE(tensor<double>({1}).empty());
}

TEST_CASE("tensor: resizing within its memory keeps the memory") {
  tensor<double> t({4, 5});
  const double* const memory = t.data();
  t.resize({2, 3});
  CHECK(t.shape() == shape{2, 3});
  CHECK(t.size() == 6);
  t.resize({20});
  t.resize({0, 7});
  t.resize({5, 2, 2});
  t.assign({4, 5}, 3.0);
  CHECK(t.data() == memory);
  CHECK(t(3, 4) == 3);
  t.assign({2, 2}, -1.0);
  CHECK(t.data() == memory);
  t.resize({3, 7});
  CHECK(t.size() == 21);
  tensor<DD> d({6});
  const double* const plane = d.tangent.value.data();
  d.resize({2, 3});
  CHECK(d.tangent.value.data() == plane);
  CHECK(d.tangent.tangent.shape() == shape{2, 3});
}

TEST_CASE("tensor: without memory for a shape it is empty, and takes another afterwards") {
  static std::size_t largest = 0;
  static const attd::memory_source scarce{
      [](std::size_t bytes) {
        if (bytes > largest) attd::fail("no memory for ", bytes, " bytes");
        return ::operator new(bytes);
      },
      [](void* memory, std::size_t) { ::operator delete(memory); }};
  largest = 100;
  attd::tensor<double> x({2, 3}, 1.0);
  x.move_to(&scarce);
  CHECK_THROWS_WITH_AS(x.resize({5, 3}), doctest::Contains("no memory for 120 bytes"), attd::error);
  CHECK(x.empty());
  CHECK(x.size() == 0);
  x.assign({3, 3}, 2.0);
  CHECK(x(2, 2) == 2.0);
  largest = 200;
  x.assign({5, 3}, 4.0);
  CHECK(x(4, 2) == 4.0);
}

TEST_CASE("tensor: copies own their numbers") {
  tensor<double> a = counting({3});
  tensor<double> b = a;
  b(0) = 9;
  CHECK(a(0) == 0);
  const double* const memory = b.data();
  const tensor<double> c = std::move(b);
  CHECK(c.data() == memory);
}

TEST_CASE("view: [i] is the part at a first index") {
  auto t = counting({2, 3, 4});
  const auto part = t.view()[1];
  CHECK(part.shape() == shape{3, 4});
  CHECK(part(2, 3) == 23);
  CHECK(part[2].shape() == shape{4});
  CHECK(part[2](3) == 23);
  CHECK(part[2][3].shape() == shape{});
  CHECK(*part[2][3].data() == 23);
  part[0](1) = -5;
  CHECK(t(1, 0, 1) == -5);
}

TEST_CASE("view: a range of columns keeps the rank and the distance of rows") {
  auto t = counting({2, 3, 4});
  const auto middle = t.view().column_range(1, 2);
  CHECK(middle.shape() == shape{2, 3, 2});
  CHECK(middle.stride() == 4);
  CHECK_FALSE(middle.contiguous());
  CHECK(t.view().contiguous());
  CHECK(middle(1, 2, 1) == 22);  // t(1, 2, 2)
  CHECK(middle.at(5, 0) == 21);
  CHECK(middle[1](0, 1) == 14);  // t(1, 0, 2)
  CHECK(middle[1][2](0) == 21);
  CHECK(middle.column_range(1, 1)(1, 2, 0) == 22);
  CHECK(middle.column_range(0, 0).size() == 0);
  middle(0, 0, 0) = -1;
  CHECK(t(0, 0, 1) == -1);
  const auto one_row = t.view()[0][0].column_range(1, 2);
  CHECK(one_row.contiguous());
  CHECK(one_row(1) == 2);
}

TEST_CASE("view: a range of rows is a matrix of flattened rows") {
  auto t = counting({2, 3, 4});
  const auto rows = t.view().row_range(2, 3);
  CHECK(rows.shape() == shape{3, 4});
  CHECK(rows(0, 0) == 8);
  CHECK(rows(2, 3) == 19);
  CHECK(rows.row_range(1, 1)(0, 1) == 13);
  const auto both = rows.column_range(2, 2);
  CHECK(both(1, 0) == 14);
  CHECK(both.row_range(2, 1)(0, 1) == 19);
  CHECK(t.view().row_range(6, 0).size() == 0);
  rows(0, 1) = -2;
  CHECK(t(0, 2, 1) == -2);
}

TEST_CASE("view: const views come from const tensors and from mutable views") {
  tensor<double> t = counting({2, 3});
  static_assert(std::is_same_v<decltype(std::as_const(t).view()), view<const double>>);
  static_assert(std::is_same_v<decltype(std::as_const(t).view()(0, 0)), const double&>);
  static_assert(!std::is_convertible_v<view<const double>, view<double>>);
  const view<const double> c = t.view().column_range(1, 2);
  t(1, 2) = 8;
  CHECK(c(1, 1) == 8);
  CHECK(c.stride() == 3);
  tensor<D> d = counting_dual({2, 3});
  static_assert(std::is_same_v<decltype(std::as_const(d).view()(0, 0)), D>);
  static_assert(!std::is_convertible_v<view<const D>, view<D>>);
  const view<const D> cd = d.view();
  static_assert(std::is_same_v<decltype(cd.value), view<const double>>);
  d(1, 2) = D(5, 6);
  CHECK(cd(1, 2).value == 5);
  CHECK(cd(1, 2).tangent == 6);
}

TEST_CASE("dual tensor: planes and elements are the same numbers") {
  tensor<D> t = counting_dual({2, 3});
  CHECK(D(t(1, 2)).value == 5);
  CHECK(D(t(1, 2)).tangent == 105);
  t(0, 1) = D(7, 8);
  CHECK(t.value(0, 1) == 7);
  CHECK(t.tangent(0, 1) == 8);
  t(0, 1) = 4.0;  // a constant
  CHECK(t.value(0, 1) == 4);
  CHECK(t.tangent(0, 1) == 0);
  t(0, 1) += D(1, 2);
  t(0, 1) += 3.0;
  CHECK(t.value(0, 1) == 8);
  CHECK(t.tangent(0, 1) == 2);
  t(0, 0) = t(1, 1);  // between proxies: copies the numbers, not the references
  CHECK(t.value(0, 0) == 4);
  CHECK(t.tangent(0, 0) == 104);
  t(1, 1) = 0.0;
  CHECK(t.value(0, 0) == 4);
  t.assign({2}, D(1, 2));
  CHECK(t.value(1) == 1);
  CHECK(t.tangent(1) == 2);
  t.zero();
  CHECK(t.tangent(1) == 0);
}

TEST_CASE("dual view: parts cut both planes alike") {
  tensor<D> t = counting_dual({2, 3, 4});
  const view<D> v = t.view();
  CHECK(v.shape() == shape{2, 3, 4});
  CHECK(v.rows() == 6);
  const auto expect = [](const D& d, double value) {
    CHECK(d.value == value);
    CHECK(d.tangent == 100 + value);
  };
  expect(v[1](2, 3), 23);
  expect(v.row_range(2, 3)(2, 3), 19);
  expect(v.column_range(1, 2)(1, 2, 1), 22);
  expect(v.column_range(1, 2).at(5, 0), 21);
  expect(v.row_range(2, 3).column_range(2, 2)(1, 0), 14);
  CHECK_FALSE(v.column_range(1, 2).contiguous());
  v[1](0, 0) = D(1, 2);
  CHECK(t.value(1, 0, 0) == 1);
  CHECK(t.tangent(1, 0, 0) == 2);
}

TEST_CASE("nested dual tensor: proxies of proxies read and write all four planes") {
  tensor<DD> t({2, 2});
  t(0, 1) = DD(D(1, 2), D(3, 4));
  CHECK(t.value.value(0, 1) == 1);
  CHECK(t.value.tangent(0, 1) == 2);
  CHECK(t.tangent.value(0, 1) == 3);
  CHECK(t.tangent.tangent(0, 1) == 4);
  t(0, 1) += DD(D(10, 20), D(30, 40));
  t(0, 1) += D(100, 200);  // a constant of the outer level
  t(0, 1) += 1000.0;
  const DD found = t(0, 1);
  CHECK(found.value.value == 1111);
  CHECK(found.value.tangent == 222);
  CHECK(found.tangent.value == 33);
  CHECK(found.tangent.tangent == 44);
  t(1, 0) = t(0, 1);
  CHECK(t.tangent.tangent(1, 0) == 44);
  CHECK(attd::primal_view(t.view()).data() == t.value.value.data());
  CHECK(std::as_const(t)(1, 0).value.tangent == 222);
}

TEST_CASE("none: tensors and views that were not asked for take part in nothing") {
  tensor<attd::none> t;
  t.resize({3});
  t.assign({3});
  t.zero();
  CHECK(t.empty());
  CHECK(t.size() == 0);
  CHECK(t.shape().rank == 0);
  static_assert(attd::is_none_v<tensor<attd::none>> && attd::is_none_v<view<attd::none>>);
  static_assert(!attd::is_none_v<tensor<double>> && !attd::is_none_v<view<const D>>);
  static_assert(std::is_same_v<decltype(t.view()[0].row_range(0, 1)), view<attd::none>>);
  static_assert(attd::is_tensor_v<tensor<D>> && !attd::is_tensor_v<view<D>>);
}

TEST_CASE("convert: between plain, dual and single precision") {
  const tensor<double> plain = counting({2, 3});
  tensor<float> single;
  attd::convert(plain, single);
  CHECK(single.shape() == shape{2, 3});
  CHECK(single(1, 2) == 5.0f);
  tensor<D> d({2, 3}, D(9, 9));
  attd::convert(plain, d);
  CHECK(d.value(1, 2) == 5);
  CHECK(d.tangent(1, 2) == 0);  // what was there is gone
  tensor<DD> dd({2, 3}, DD(D(9, 9), D(9, 9)));
  attd::convert(counting_dual({2, 3}), dd);
  CHECK(dd.value.value(1, 2) == 5);
  CHECK(dd.value.tangent(1, 2) == 105);
  CHECK(dd.tangent.value(1, 2) == 0);
  CHECK(dd.tangent.tangent(1, 2) == 0);
  tensor<double> back;
  attd::convert(dd, back);
  CHECK(back(1, 2) == 5);
  tensor<dual<float>> dual_single;
  attd::convert(counting_dual({4}), dual_single);
  CHECK(dual_single.value(3) == 3.0f);
  CHECK(dual_single.tangent(3) == 103.0f);
  attd::convert(tensor<double>({0, 3}), back);
  CHECK(back.empty());
  CHECK(back.shape() == shape{0, 3});
}
