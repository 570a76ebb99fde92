// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// What a run of attd-lra does, and the sizes that it takes where none are given.
#pragma once

#include <attd/config.hpp>
#include <cstdint>
#include <string>
#include <vector>

namespace lra {

using attd::index_t;
using number = float;

/// Sizes of task, model and training.
struct sizes {
  index_t train = 0, validation = 0, test = 0;  ///< samples
  index_t width = 0, state = 0, layers = 0;
  index_t updates = 0, batch = 0, inner = 0;  ///< of every method; samples of one; most steps
  double rate = 0;
};

/// Everything that the command line says. Sizes of 0 are taken from `preset`.
struct settings {
  std::string task = "listops";
  std::string block = "s4d";
  std::vector<std::string> methods = {"never", "full", "gate", "attd"};
  bool quick = false;
  index_t seeds = 0;
  std::uint64_t seed = 1;  ///< of the first run; of generated data: `data_seed`
  std::uint64_t data_seed = 7;

  std::string data, test_data;
  std::vector<index_t> length;  ///< listops: fewest and most tokens
  index_t list_depth = 0, list_arguments = 0;
  index_t side = 0;  ///< pathfinder: pixels
  std::string difficulty = "easy";
  index_t max_tokens = 0;  ///< text: bytes read of each; listops files: longer ones are left out

  sizes size{};
  double inner_rate = 0.03;
  double price = 0.003;  ///< of a step, in nats of the task's loss
  double hidden = 0.25;  ///< share of tokens that a copy hides
  double guard = 0.25;   ///< 0: no guard copies, steps are accepted on the loss itself
  index_t patience = 0, evaluate_every = 0;

  index_t threads = 1;
  std::string json, report, log, checkpoint;
  bool quiet = false;
};

/// Sizes for a task: those of the published comparisons, or such that a run takes minutes on two
/// cores.
sizes preset(const std::string& task, bool quick);

/// Fills what the command line left open.
void complete(settings& s);

}  // namespace lra
