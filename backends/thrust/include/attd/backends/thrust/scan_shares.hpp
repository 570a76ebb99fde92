// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Sums of the shares that teams leave behind in a scan's backward.
#pragma once

#include <attd/backends/thrust/rows.hpp>

namespace attd::thrust_detail {

/// d_a of one channel and state: the sum over the pieces of the sequences that share it.
template <class S, class DA>
struct selective_scan_d_a {
  view<S> shares;
  index_t states;
  index_t pieces;  // for one entry of d_a
  view<DA> d_a;

  ATTD_DEVICE void operator()(index_t index) const {
    const index_t channels = shares.columns();
    const index_t j = index % channels, n = index / channels % states;
    const index_t set = index / (channels * states);
    S sum(0);
    for (index_t q = set * pieces; q < (set + 1) * pieces; ++q) {
      sum += element<S>(shares, q * states + n, j);
    }
    d_a(set, j, n) += sum;
  }
};

/// d_d or d_tau of one channel: the sum over the pieces of the sequences that share it.
template <class S, class DD>
struct selective_scan_d_channel {
  view<S> shares;
  index_t pieces;  // for one row of d_d
  view<DD> d_d;

  ATTD_DEVICE void operator()(index_t index) const {
    const index_t j = index % shares.columns(), set = index / shares.columns();
    S sum(0);
    for (index_t q = set * pieces; q < (set + 1) * pieces; ++q) sum += element<S>(shares, q, j);
    d_d.at(set, j) += sum;
  }
};

/// d_b or d_c of one token and state: the sum over all channels, 32 by 32.
template <class S, class DB>
struct selective_scan_d_row {
  view<S> shares;
  view<DB> d_b;

  ATTD_DEVICE void operator()(index_t index) const {
    const index_t n = index % d_b.columns(), t = index / d_b.columns();
    S sum(0);
    for (index_t i = 0; i < shares.extent(0); ++i) sum += element<S>(shares, i, t, n);
    d_b.at(t, n) += sum;
  }
};

}  // namespace attd::thrust_detail
