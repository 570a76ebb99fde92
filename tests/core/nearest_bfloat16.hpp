// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The bits of floats, and rounding to bfloat16 by its definition.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace attd_test {

inline constexpr float infinity = std::numeric_limits<float>::infinity();

inline float of_bits(std::uint32_t bits) { return std::bit_cast<float>(bits); }
inline std::uint32_t bits_of(float x) { return std::bit_cast<std::uint32_t>(x); }

// The definition: the nearest multiple of the distance between neighbours, ties to even. Exact in
// double, by none of the bits that the library uses. Not for NaN.
inline float nearest(float x) {
  if (x == 0 || std::isinf(x)) return x;
  const int exponent = std::max(std::ilogb(x), -126);  // denormals are as far apart as 2^-126
  const double r = std::ldexp(std::nearbyint(std::ldexp(double(x), 7 - exponent)), exponent - 7);
  return std::abs(r) >= std::ldexp(1.0, 128) ? std::copysign(infinity, x) : float(r);
}
}  // namespace attd_test
