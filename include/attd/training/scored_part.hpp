// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// What the task loss of training through adaptation scores: what adaptation has not seen.
#pragma once

#include <algorithm>
#include <attd/adaptation/inner_problem.hpp>
#include <attd/training/batch.hpp>
#include <span>

namespace attd::training {

/// Prepares the task loss of example i: the mean over rows from `split` on (of token models: rows
/// that speak of tokens from `split` on), those before `washout` left out; models that pool are
/// scored by the label. *Errors*: as `example_reader`; nothing left to score.
template <class TaskLoss, class Model, class T>
void prepare_scored_part(const Model& model, std::span<const tasks::example<T>> data, index_t i,
                         index_t washout, adaptation::prepared_input<T>& input) {
  const auto& e = data[static_cast<std::size_t>(i)];
  example_reader<Model, TaskLoss> reader;
  if constexpr (!pools<Model>) {
    // For tokens row t says what comes at t + 1: rows from split - 1 on are about what is unseen.
    const index_t first = Model::reads_tokens ? std::max<index_t>(e.split, 1) - 1 : e.split;
    reader.washout = reader.effective_washout(model, std::max(first, washout));
    if (reader.tokens(e) <= reader.washout) {
      fail("meta_trainer: example ", i, " has ", reader.tokens(e), " predictions and a split of ",
           e.split, ", so none is left to be scored; hint: a smaller split or washout");
    }
  } else {
    reader.washout = reader.effective_washout(model, washout);
  }
  const index_t rows = reader.scored_rows(data, i);
  reader.read(data, std::span<const index_t>(&i, 1), T(1) / T(rows), input.data);
  input.data.guard_weight.assign(input.data.weight.shape());
  input.find_runs();
}

}  // namespace attd::training
