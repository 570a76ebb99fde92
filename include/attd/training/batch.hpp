// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Makes of examples what a model reads and what a row loss compares its output with.
#pragma once

#include <algorithm>
#include <attd/losses/row_losses.hpp>
#include <attd/tasks/example.hpp>
#include <cstddef>
#include <span>
#include <type_traits>

namespace attd::training {

/// Whether a model gives one output per sequence instead of one per token: those with a head that
/// pools. Specialise it as true for a model of your own that does.
template <class Model>
inline constexpr bool pools = requires(const Model& model) { model.head.pool; };

/// Reads training examples for one kind of model.
///
/// *What is compared*: an output per token with the target row of that token; for models of tokens
/// with the next id, so the last id is a target only. An output per sequence (`pools`) with the
/// example's `label` (cross-entropy) or its one row of `target`.
/// *Errors*: `attd::error` naming the example and both values.
template <class Model, class RowLoss>
struct example_reader {
  /// First tokens that are not scored: the model still builds up its state there.
  index_t washout = 0;

  static constexpr bool needs_label = std::is_base_of_v<losses::cross_entropy_rows, RowLoss>;
  static_assert(!needs_label || Model::reads_tokens || pools<Model>,
                "attd: training with cross-entropy needs a model of tokens or one that pools");

  /// What the model's own washout and the caller's come to.
  static index_t effective_washout(const Model& model, index_t wanted) {
    if (wanted < 0) fail("trainer: washout is ", wanted, ", expected at least 0");
    if constexpr (pools<Model>) {
      if (wanted > 0) {
        fail("trainer: washout is ", wanted, ", but the model gives one output per sequence, ",
             "expected 0");
      }
      return 0;
    } else if constexpr (requires { model.washout; }) {
      return std::max<index_t>(wanted, model.washout);
    } else {
      return wanted;
    }
  }

  /// How many tokens the model reads of an example.
  template <class T>
  static index_t tokens(const tasks::example<T>& e) {
    constexpr bool shifted = Model::reads_tokens && !pools<Model>;
    return shifted ? e.length() - 1 : e.length();
  }

  /// How many rows of an example are scored; throws unless it can be trained on.
  template <class T>
  index_t scored_rows(std::span<const tasks::example<T>> examples, index_t i) const {
    const auto& e = examples[static_cast<std::size_t>(i)];
    constexpr index_t least = Model::reads_tokens && !pools<Model> ? 2 : 1;
    if (Model::reads_tokens ? e.ids.empty() : e.input.empty()) {
      fail("trainer: example ", i, " has no ", Model::reads_tokens ? "ids" : "input",
           "; hint: the model reads ", Model::reads_tokens ? "token ids" : "measured channels");
    }
    if (e.length() < least) {
      fail("trainer: example ", i, " has ", e.length(), " tokens, expected at least ", least);
    }
    if constexpr (pools<Model>) {
      if (needs_label && e.label < 0) {
        fail("trainer: example ", i, " has label ", e.label, ", expected a class from 0");
      }
      if (!needs_label && (e.target.empty() || e.target.view().rows() != 1)) {
        fail("trainer: example ", i, " has ", e.target.empty() ? 0 : e.target.view().rows(),
             " rows of target, expected 1; hint: the model gives one output per sequence");
      }
      return 1;
    } else {
      if (tokens(e) <= washout) {
        fail("trainer: example ", i, " has ", tokens(e), " predictions, expected more than the ",
             "washout of ", washout, "; hint: longer examples, or a shorter washout");
      }
      if constexpr (!Model::reads_tokens) {
        if (e.target.empty() || e.target.view().rows() != e.length()) {
          fail("trainer: example ", i, " has ", e.target.empty() ? 0 : e.target.view().rows(),
               " rows of target, expected ", e.length(), ", one for each token");
        }
      }
      return tokens(e) - washout;
    }
  }

  /// Fills `data` with the chosen examples, end to end; every scored row weighs `row_weight`.
  /// Allocates nothing once `data` has seen the size.
  template <class T>
  void read(std::span<const tasks::example<T>> examples, std::span<const index_t> chosen,
            T row_weight, losses::inner_data<T>& data) const {
    data.batch.clear();
    for (index_t i : chosen) data.batch.append(tokens(examples[static_cast<std::size_t>(i)]));
    const index_t count = data.batch.count(), rows = pools<Model> ? count : data.batch.tokens();
    const auto& model_example = examples[static_cast<std::size_t>(chosen[0])];
    data.weight.assign({rows});
    if constexpr (Model::reads_tokens) {
      data.ids.resize(static_cast<std::size_t>(data.batch.tokens()));
    } else {
      data.input.resize({data.batch.tokens(), model_example.input.view().columns()});
    }
    if constexpr (needs_label || (Model::reads_tokens && !pools<Model>)) {
      data.target_ids.resize(static_cast<std::size_t>(rows));
    } else {
      data.target.resize({rows, model_example.target.view().columns()});
    }
    for (index_t b = 0; b < count; ++b) {
      read_one(examples, chosen[static_cast<std::size_t>(b)], b, row_weight, data);
    }
  }

 private:
  template <class T>
  void read_one(std::span<const tasks::example<T>> examples, index_t i, index_t b, T row_weight,
                losses::inner_data<T>& data) const {
    const auto& e = examples[static_cast<std::size_t>(i)];
    const index_t first = data.batch.offset(b), length = data.batch.length(b);
    const auto copy = [&](const char* what, const tensor<T>& from, view<T> to) {
      if (from.view().columns() != to.columns()) {
        fail("trainer: example ", i, " has ", from.view().columns(), " columns of ", what,
             ", expected ", to.columns(), " as the others of its batch");
      }
      losses::detail::copy_rows(from.view(), to);
    };
    if constexpr (Model::reads_tokens) {
      for (index_t t = 0; t < length; ++t) {
        data.ids[std::size_t(first + t)] = e.ids[std::size_t(t)];
      }
    } else {
      copy("input", e.input, data.input.view().row_range(first, length));
    }
    if constexpr (pools<Model>) {
      if constexpr (needs_label) {
        data.target_ids[std::size_t(b)] = e.label;
      } else {
        copy("target", e.target, data.target.view().row_range(b, 1));
      }
      data.weight(b) = row_weight;
    } else {
      if constexpr (Model::reads_tokens) {
        for (index_t t = 0; t < length; ++t) {
          data.target_ids[std::size_t(first + t)] = e.ids[std::size_t(t + 1)];
        }
      } else {
        copy("target", e.target, data.target.view().row_range(first, length));
      }
      for (index_t t = washout; t < length; ++t) data.weight(first + t) = row_weight;
    }
  }
};

}  // namespace attd::training
