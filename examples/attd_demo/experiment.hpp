// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// What an experiment gets and gives, without any of the library's types: the seam between the
// program's data and report on one side and the compiled compositions on the other.
#pragma once

#include <attd/tasks/example.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "../support/courses.hpp"
#include "../support/results.hpp"

namespace demo {

using attd::index_t;
using number = float;  ///< all compositions compute in float
using examples = std::vector<attd::tasks::example<number>>;

/// One set of inputs that methods are compared on; choices for it are made on `validation`.
struct data_set {
  std::string name;
  examples validation, test;
};

/// Data of a task: the base model sees `train` only.
struct task_data {
  std::string name;  ///< of the task
  examples train, train_validation;
  std::vector<data_set> sets;  ///< sets[0] is in-distribution
  std::size_t shifted = 0;  ///< the set that stands for "shifted" when choosing (0: there is none)
  index_t inputs = 1, outputs = 1;
  bool measured = false;  ///< targets are measured outputs of a plant, visible in the context
};

struct settings {
  std::uint64_t seed = 1;
  index_t threads = 2;
  bool quiet = false;
  double effort = 1;  ///< factor on training steps
  index_t washout = 0;
};

/// How errors are measured, for the notes of a result.
inline constexpr const char* scored_teacher_forced = "scored: one step ahead, teacher-forced";
inline constexpr const char* scored_free_running =
    "scored: free-running simulation, the outputs from the inputs alone";

/// One sample's course, for plots.
struct sample_course {
  double signal = 0;
  std::vector<double> errors;  ///< after k = 0 .. Kmax steps
  index_t attempted = 0;       ///< steps that the longest run attempted before it stopped by itself
  index_t requested = 0, accepted = 0, oracle = 0;
};

/// One set at ten times the chosen rate.
struct stress_result {
  std::string set;
  double error = 0, never = 0;
};

/// Everything that is reported about one block with one adapter.
struct comparison_result {
  std::string block, adapter;
  std::vector<support::result_row> rows;
  std::vector<std::string> notes;
  std::vector<std::string> set_names;
  std::vector<std::vector<sample_course>> courses;  ///< per set
  std::vector<double> thresholds;
  std::vector<stress_result> stress;
  index_t full_steps = 0;
  /// One example before and after adaptation (first output channel).
  std::vector<double> target, before, after;
  index_t split = 0;
  double seconds = 0;
  /// Plants: R2 on the nominal test record and on the changed plant; `after` with ATTD, `full` with
  /// all steps forced.
  double r2_nominal_before = 0, r2_nominal_after = 0, r2_nominal_full = 0;
  double r2_shifted_before = 0, r2_shifted_after = 0;
};

// One function per compiled composition; each is in a source file of its own.
std::vector<comparison_result> run_linear_ssm(const task_data&, const settings&);
std::vector<comparison_result> run_mamba(const task_data&, const settings&);
std::vector<comparison_result> run_s4d(const task_data&, const settings&);
std::vector<comparison_result> run_text_mamba(const task_data&, const settings&);

/// A plant: adapt on one record, measure on another.
struct plant_data {
  std::string name;
  examples train, train_validation;              ///< windows
  examples nominal, test, transfer, evaluation;  ///< whole records, one each
  index_t inputs = 1, outputs = 1;
};
comparison_result run_plant(const plant_data&, const settings&);

}  // namespace demo
