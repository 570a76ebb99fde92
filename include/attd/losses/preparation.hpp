// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// What internal losses share: around their own part of `prepare` (the batch, memory and weights),
// and rows that come in pairs.
#pragma once

#include <attd/losses/inner_data.hpp>
#include <cstddef>
#include <span>

namespace attd::losses::detail {

/// Lays a group out as a batch: `copies` sequences an observation, each `shorter` tokens shorter
/// than what was observed.
/// *Errors*: `attd::error` for an observation of fewer tokens than the loss needs.
template <class Loss, class T>
void lay_out(const char* name, const Loss& loss, std::span<const observation<T>> group,
             index_t shorter, inner_data<T>& data, index_t copies = 1) {
  data.batch.clear();
  for (const auto& o : group) {
    expect_length(name, o.length(), least_length(loss, o));
    for (index_t copy = 0; copy < copies; ++copy) data.batch.append(o.length() - shorter);
  }
}

/// Weights of `rows` rows, all 0: nothing is scored yet.
template <class T>
void clear_weights(inner_data<T>& data, index_t rows) {
  data.weight.assign({rows});
  data.guard_weight.assign({rows});
}

/// Makes the weights of each part sum to 1, or leaves zeros.
template <class T>
void normalize_parts(inner_data<T>& data) {
  normalize_weights(data.weight);
  normalize_weights(data.guard_weight);
}

/// Memory for real signals: input [token, inputs], target [token, targets], a weight a token.
template <class T>
void resize_values(inner_data<T>& data, index_t inputs, index_t targets) {
  data.input.resize({data.batch.tokens(), inputs});
  data.target.resize({data.batch.tokens(), targets});
  clear_weights(data, data.batch.tokens());
}

/// Memory for token numbers: an id, a target and a weight a token.
template <class T>
void resize_tokens(inner_data<T>& data) {
  const auto n = static_cast<std::size_t>(data.batch.tokens());
  data.input = tensor<T>();
  data.ids.resize(n);
  data.target_ids.resize(n);
  clear_weights(data, data.batch.tokens());
}

/// Calls fill(observation, first row, length) for every sequence of a batch of one sequence an
/// observation; then the weights that it marked are made to sum to 1.
template <class T, class Fill>
void fill_sequences(std::span<const observation<T>> group, inner_data<T>& data, Fill fill) {
  for (index_t s = 0; s < data.batch.count(); ++s) {
    fill(group[static_cast<std::size_t>(s)], data.batch.offset(s), data.batch.length(s));
  }
  normalize_parts(data);
}

/// Sequences that come in pairs, the second a twin of the first: calls f(row, row of its twin) for
/// every output row of a first one; `pooled`: one row a sequence, else one a token.
template <class T, class F>
void for_each_pair(const inner_data<T>& data, bool pooled, F f) {
  for (index_t s = 0; s < data.batch.count(); s += 2) {
    if (pooled) {
      f(s, s + 1);
      continue;
    }
    for (index_t t = 0; t < data.batch.length(s); ++t) {
      f(data.batch.offset(s) + t, data.batch.offset(s + 1) + t);
    }
  }
}

}  // namespace attd::losses::detail
