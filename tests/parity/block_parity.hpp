// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Runs a block on a backend and on the reference, in all number types, and compares.
#pragma once

#include <blocks/checks.hpp>
#include <parity/parity.hpp>
#include <type_traits>

namespace attd::testing {

// The numbers of a point in another type, with tangents where that type has them.
template <class To, class From>
To in_type(const From& from, const From& tangent) {
  To to;
  convert_leaves(from, to);
  for_each_leaf(
      [](auto& leaf, const auto& t) {
        using T = typename std::remove_cvref_t<decltype(leaf)>::scalar;
        if constexpr (!std::is_same_v<T, none>) {
          if constexpr (is_dual_v<T>) convert(t, leaf.tangent);
        }
      },
      to, tangent);
  return to;
}

template <class A>
double largest_ratio(const A& found, const A& expected) {
  double worst = 0;
  for_each_leaf(
      [&](const auto& f, const auto& e) {
        if constexpr (!is_none_v<std::remove_cvref_t<decltype(e)>>) {
          REQUIRE(f.shape() == e.shape());
          const double ratio = rms_ratio(f, e);
          if (!(ratio <= worst)) worst = ratio;
        }
      },
      found, expected);
  return worst;
}

template <class Fast, class S, bool Timescale, class Block>
void expect_block_parity(const Block& block, const sequences& batch, index_t sets) {
  using Tau = std::conditional_t<Timescale, S, none>;
  using DoubleTau = std::conditional_t<Timescale, double, none>;
  using point = block_point<Block, S, Tau>;
  const double tolerance = std::is_same_v<primal_t<S>, float> ? 1e-5 : 1e-12;
  const auto at = random_point<DoubleTau>(block, batch, sets, 1);
  auto along = at;
  fill_normal({20260425, 1}, 1.0, along);
  const point p = in_type<point>(at, along);
  const auto d_out = in_type<block_result<Block, S>>(random_cotangent(block, batch, 1),
                                                     random_cotangent(block, batch, 2));
  reference plain;
  Fast fast;
  typename Block::template cache<S> cache, fast_cache;
  CHECK(largest_ratio(run_forward(fast, block, batch, p, fast_cache),
                      run_forward(plain, block, batch, p, cache)) <= tolerance);
  CHECK(largest_ratio(run_backward(fast, block, batch, p, d_out),
                      run_backward(plain, block, batch, p, d_out)) <= tolerance);
}

template <class Fast, bool Timescale, class Block>
void expect_block_parity_everywhere(const Block& block) {
  const sequences batch{17, 1, 2, 70};
  for (index_t sets : {index_t{1}, batch.count()}) {
    expect_block_parity<Fast, float, Timescale>(block, batch, sets);
    expect_block_parity<Fast, double, Timescale>(block, batch, sets);
    expect_block_parity<Fast, dual<double>, Timescale>(block, batch, sets);
  }
}

}  // namespace attd::testing
