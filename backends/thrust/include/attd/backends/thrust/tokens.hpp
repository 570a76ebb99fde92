// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Embedding, pooling and means: rows picked by token ids, rows made one per sequence, rows made one
// number.
#pragma once

#include <attd/backends/thrust/rows.hpp>
#include <attd/operations/row_means.hpp>

namespace attd::thrust_detail {

/// One element of y_t = table[id_t]; ids were checked before.
template <class E, class Id, class Y>
struct embedding_element {
  view<E> table;
  const Id* ids;
  view<Y> y;

  ATTD_DEVICE void operator()(index_t index) const {
    const index_t t = index / y.columns(), c = index % y.columns();
    y.at(t, c) = number<std::remove_const_t<E>>(table, static_cast<index_t>(ids[t]), c);
  }
};

/// Ids with their positions, ready to be sorted.
template <class Id>
struct id_and_position {
  const Id* ids;
  index_t* sorted;
  index_t* order;

  ATTD_DEVICE void operator()(index_t t) const {
    sorted[t] = static_cast<index_t>(ids[t]);
    order[t] = t;
  }
};

/// d_table of one channel of one id: its tokens in order. `order` are the positions of tokens
/// sorted by id, ties in their order; only the first token of an id does anything.
template <class DY, class DE>
struct embedding_gradient {
  const index_t* ids;    ///< sorted
  const index_t* order;  ///< of the sorted ids
  index_t tokens;
  view<DY> d_y;
  view<DE> d_table;

  ATTD_DEVICE void operator()(index_t index) const {
    const index_t first = index / d_y.columns(), c = index % d_y.columns();
    const index_t id = ids[first];
    if (first > 0 && ids[first - 1] == id) return;
    for (index_t i = first; i < tokens && ids[i] == id; ++i) {
      const std::remove_const_t<DY> g = d_y.at(order[i], c);
      d_table.at(id, c) += g;
    }
  }
};

/// One element of the mean over each sequence's tokens.
template <class X, class Y>
struct mean_pool_element {
  batch_view batch;
  view<X> x;
  view<Y> y;

  ATTD_DEVICE void operator()(index_t index) const {
    using T = std::remove_const_t<X>;
    const index_t s = index / x.columns(), c = index % x.columns();
    T sum(0);
    for (index_t t = batch.offset(s); t < batch.offset(s + 1); ++t) sum += number<T>(x, t, c);
    y.at(s, c) = sum / T(static_cast<double>(batch.length(s)));
  }
};

/// Its gradient at one token.
template <class DY, class DX>
struct mean_pool_gradient {
  batch_view batch;
  view<DY> d_y;
  view<DX> d_x;

  ATTD_DEVICE void operator()(index_t index) const {
    using G = std::remove_const_t<DY>;
    const index_t t = index / d_x.columns(), c = index % d_x.columns();
    const index_t s = batch.sequence_of(t);
    d_x.at(t, c) += number<G>(d_y, s, c) / G(static_cast<double>(batch.length(s)));
  }
};

/// One element of the last token of each sequence.
template <class X, class Y>
struct last_pool_element {
  batch_view batch;
  view<X> x;
  view<Y> y;

  ATTD_DEVICE void operator()(index_t index) const {
    const index_t s = index / x.columns(), c = index % x.columns();
    y.at(s, c) = number<std::remove_const_t<X>>(x, batch.offset(s + 1) - 1, c);
  }
};

/// Its gradient.
template <class DY, class DX>
struct last_pool_gradient {
  batch_view batch;
  view<DY> d_y;
  view<DX> d_x;

  ATTD_DEVICE void operator()(index_t index) const {
    const index_t s = index / d_x.columns(), c = index % d_x.columns();
    d_x.at(batch.offset(s + 1) - 1, c) += number<std::remove_const_t<DY>>(d_y, s, c);
  }
};

/// The mean of one row.
template <class X, class Y>
struct row_mean_element {
  view<X> x;
  view<Y> y;

  ATTD_DEVICE void operator()(index_t row) const {
    y(row) = operations::detail::mean_of_row(x, row);
  }
};

/// One element of its gradient.
template <class DY, class DX>
struct row_mean_gradient {
  view<DY> d_y;
  view<DX> d_x;

  ATTD_DEVICE void operator()(index_t index) const {
    using G = std::remove_const_t<DY>;
    const index_t row = index / d_x.columns();
    const G g = d_y(row);
    d_x.at(row, index % d_x.columns()) = DX(g / primal_t<G>(static_cast<double>(d_x.columns())));
  }
};

}  // namespace attd::thrust_detail
