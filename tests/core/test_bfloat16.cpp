// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// bfloat16: rounding against its definition, special numbers; tensors of it.
#include <doctest/doctest.h>

#include <attd/backends/eigen.hpp>
#include <attd/backends/reference.hpp>
#include <attd/core/bfloat16.hpp>
#include <attd/core/random.hpp>
#include <attd/operations/rounding.hpp>
#include <cmath>
#include <core/nearest_bfloat16.hpp>
#include <cstdint>
#include <limits>

using namespace attd_test;
using attd::bfloat16;
using attd::index_t;
using attd::tensor;

namespace {

// The number of x whose rounding differs from the definition, by its bits.
int wrong(std::uint32_t bits) {
  const float x = of_bits(bits);
  const float found = bfloat16::rounded(x);
  return std::isnan(x) ? !std::isnan(found) : bits_of(found) != bits_of(nearest(x));
}

}  // namespace

TEST_CASE("bfloat16: all of them stay what they are, and NaN stays NaN") {
  int changed = 0;
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float x = bfloat16{static_cast<std::uint16_t>(bits)};
    CHECK_MESSAGE(bits_of(x) == bits << 16, bits);
    changed += std::isnan(x) ? !std::isnan(float(bfloat16::rounded(x)))
                             : bfloat16::rounded(x).bits != bits;
  }
  CHECK(changed == 0);
}

TEST_CASE("bfloat16: rounding is to the nearest, ties to even") {
  int different = 0;
  for (std::uint32_t upper = 0; upper < 0x10000; ++upper) {  // both sides of and at every tie
    for (const std::uint32_t lower : {0x0001u, 0x7fffu, 0x8000u, 0x8001u, 0xffffu}) {
      different += wrong(upper << 16 | lower);
    }
  }
  attd::random_stream random{5};
  for (int i = 0; i < 1000000; ++i) {
    different += wrong(static_cast<std::uint32_t>(random.next_bits()));
  }
  CHECK(different == 0);
}

TEST_CASE("bfloat16: examples by hand") {
  CHECK(bfloat16::rounded(257) == 256.0f);  // 1.00000001: a tie, down to even
  CHECK(bfloat16::rounded(259) == 260.0f);  // 1.00000011: a tie, up to even
  CHECK(bfloat16::rounded(257.001f) == 258.0f);
  CHECK(bfloat16::rounded(-257.001f) == -258.0f);
  CHECK(bfloat16::rounded(511) == 512.0f);  // into the next exponent
  CHECK(std::signbit(float(bfloat16::rounded(-0.0f))));
  CHECK(bfloat16::rounded(of_bits(0x00008000)) == 0.0f);  // half of the smallest denormal: to even
  CHECK(bits_of(bfloat16::rounded(of_bits(0x00008001))) == 0x00010000);
  CHECK(bits_of(bfloat16::rounded(of_bits(0x007fffff))) == 0x00800000);  // becomes normal
  CHECK(bfloat16::rounded(infinity) == infinity);
  CHECK(bfloat16::rounded(-infinity) == -infinity);
  CHECK(bfloat16::rounded(std::numeric_limits<float>::max()) == infinity);
  CHECK(bfloat16::rounded(of_bits(0x7f7f8000)) == infinity);  // 2^128 (1 - 2^-9), a tie
  CHECK(bits_of(bfloat16::rounded(of_bits(0x7f7f7fff))) == 0x7f7f0000);
}

TEST_CASE("bfloat16: no NaN becomes infinite or a number, whatever its payload") {
  int lost = 0;
  for (std::uint32_t payload = 1; payload < 0x800000; ++payload) {
    for (const std::uint32_t sign : {0x7f800000u, 0xff800000u}) {
      const float found = bfloat16::rounded(of_bits(sign | payload));
      lost += !std::isnan(found) || std::signbit(found) != (sign >> 31 != 0);
    }
  }
  CHECK(lost == 0);
}

TEST_CASE_TEMPLATE("bfloat16: tensors are rounded and widened number by number", Backend,
                   attd::reference, attd::eigen) {
  Backend backend;
  tensor<float> x({2, 3}), widened({1, 9}, 7.0f);
  for (index_t i = 0; i < x.size(); ++i) x.data()[i] = 257.0f + float(i);
  tensor<bfloat16> rounded;
  attd::operations::round_to_bfloat16(backend, x, rounded);
  attd::operations::widen_bfloat16(backend, rounded, widened);
  CHECK(rounded.shape() == x.shape());
  CHECK(widened.shape() == x.shape());
  const float expected[] = {256, 258, 260, 260, 260, 262};  // 257 .. 262, ties to even
  for (index_t i = 0; i < x.size(); ++i) CHECK(widened.data()[i] == expected[i]);
  attd::operations::round_to_bfloat16(backend, tensor<float>({0, 3}), rounded);
  CHECK(rounded.empty());
}
