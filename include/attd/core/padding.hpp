// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Between padded arrays [sample, time, channel] and sequences stored end to end.
#pragma once

#include <attd/core/sequences.hpp>
#include <attd/core/tensor.hpp>
#include <cstddef>
#include <span>
#include <type_traits>
#include <vector>

namespace attd {

/// The true part of one sample of a padded array: a view [length, channel], no copy. What lies
/// behind it is never read, so it may be NaN.
/// *Shapes*: padded [sample, time, channel]. *Errors*: sample or length out of range.
template <class T>
view<T> unpadded(view<T> padded, index_t sample, index_t length) {
  if (padded.shape().rank != 3) {
    fail("unpadded: the array has ", padded.shape().rank,
         " dimensions, expected 3: sample, time, channel");
  }
  if (sample < 0 || sample >= padded.extent(0)) {
    fail("unpadded: sample ", sample, " does not exist, the array has ", padded.extent(0));
  }
  if (length < 1 || length > padded.extent(1)) {
    fail("unpadded: sample ", sample, " has length ", length, ", expected 1 .. ", padded.extent(1),
         "; hint: leave empty sequences out of the batch");
  }
  return padded[sample].row_range(0, length);
}

namespace detail {

inline void expect_lengths(const char* place, index_t samples, std::span<const index_t> lengths) {
  expect_equal(place, "the number of lengths", static_cast<index_t>(lengths.size()), samples);
}

}  // namespace detail

/// Packs a right-padded array: the first lengths[b] tokens of every sample, end to end.
/// *Shapes*: padded [sample, time, channel], lengths [sample] each 1 .. time; `batch` and `packed`
/// [token, channel] are filled, in their own memory where it suffices.
/// *Errors*: another number of lengths than samples, a length out of range.
template <class V, class T>
void pack_padded(view<V> padded, std::span<const index_t> lengths, sequences& batch,
                 tensor<T>& packed) {
  detail::expect_lengths("pack_padded", padded.extent(0), lengths);
  index_t tokens = 0;
  for (std::size_t b = 0; b < lengths.size(); ++b) {
    tokens += unpadded(padded, static_cast<index_t>(b), lengths[b]).rows();
  }
  batch.clear();
  packed.resize({tokens, padded.columns()});
  for (std::size_t b = 0; b < lengths.size(); ++b) {
    const auto from = unpadded(padded, static_cast<index_t>(b), lengths[b]);
    batch.append(lengths[b]);
    const auto to = packed.view().row_range(batch.offset(static_cast<index_t>(b)), lengths[b]);
    for (index_t t = 0; t < from.rows(); ++t) {
      for (index_t c = 0; c < from.columns(); ++c) {
        to.at(t, c) = std::remove_const_t<V>(from.at(t, c));
      }
    }
  }
}

/// The same for padded token numbers [sample, time], stored row by row.
inline void pack_padded(std::span<const index_t> padded, index_t time,
                        std::span<const index_t> lengths, sequences& batch,
                        std::vector<index_t>& packed) {
  const auto samples = static_cast<index_t>(lengths.size());
  expect_equal("pack_padded", "the number of token numbers", static_cast<index_t>(padded.size()),
               samples * time);
  for (index_t length : lengths) {
    if (length < 1 || length > time) {
      fail("pack_padded: a sample has length ", length, ", expected 1 .. ", time);
    }
  }
  batch.clear();
  packed.clear();
  for (index_t b = 0; b < samples; ++b) {
    const index_t length = lengths[static_cast<std::size_t>(b)];
    batch.append(length);
    const auto from =
        padded.subspan(static_cast<std::size_t>(b * time), static_cast<std::size_t>(length));
    packed.insert(packed.end(), from.begin(), from.end());
  }
}

/// The inverse: rows of each sequence at the beginning of its sample, `fill` behind them.
/// *Shapes*: packed [token, channel] -> padded [sample, time, channel], time >= every length.
template <class V, class T>
void unpack_padded(view<V> packed, const sequences& batch, index_t time, tensor<T>& padded,
                   T fill = T(0)) {
  expect_equal("unpack_padded", "the number of rows", packed.rows(), batch.tokens());
  for (index_t b = 0; b < batch.count(); ++b) {
    if (batch.length(b) > time) {
      fail("unpack_padded: sequence ", b, " has ", batch.length(b), " tokens, time is ", time);
    }
  }
  padded.assign({batch.count(), time, packed.columns()}, fill);
  for (index_t b = 0; b < batch.count(); ++b) {
    const auto to = padded.view()[b];
    for (index_t t = 0; t < batch.length(b); ++t) {
      for (index_t c = 0; c < packed.columns(); ++c) {
        to.at(t, c) = std::remove_const_t<V>(packed.at(batch.offset(b) + t, c));
      }
    }
  }
}

}  // namespace attd
