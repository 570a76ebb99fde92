// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// bfloat16, a number to store floats in half their memory.
#pragma once

#include <attd/config.hpp>
#include <attd/core/none.hpp>
#include <bit>
#include <cstdint>
#include <type_traits>

namespace attd {

/// The upper half of a float: its sign, its exponent and 7 bits after the point. For storage only;
/// it is computed with as a float.
///
/// *Units and ranges*: that of float. A rounded number is off by up to 2^-8 of itself (floats below
/// 2^-126 by up to 2^-134).
struct bfloat16 {
  std::uint16_t bits;

  /// The nearest one, of two equally near the one whose last bit is zero; infinite from
  /// 2^128 (1 - 2^-9) on, as IEEE 754 says. NaN stays NaN.
  ATTD_HD static constexpr bfloat16 rounded(float x) {
    const auto whole = std::bit_cast<std::uint32_t>(x);
    // The bits that stay may all be zero, which would be infinity: a quiet NaN has one set.
    if ((whole & 0x7fffffffu) > 0x7f800000u) return upper(whole | 0x00400000u);
    // A carry goes into the exponent, which is right: the next number has the next exponent.
    return upper(whole + 0x7fffu + ((whole >> 16) & 1u));
  }
  ATTD_HD constexpr operator float() const {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
  }

 private:
  ATTD_HD static constexpr bfloat16 upper(std::uint32_t whole) {
    return {static_cast<std::uint16_t>(whole >> 16)};
  }
};

/// How a number of type S is stored where rounding is asked for; `none`: only as it is.
template <class S>
using rounded_number = std::conditional_t<std::is_same_v<S, float>, bfloat16, none>;

}  // namespace attd
