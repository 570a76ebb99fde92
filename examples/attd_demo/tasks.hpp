// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The program's tasks: from options to data.
#pragma once

#include <string>
#include <vector>

#include "experiment.hpp"

namespace demo {

/// Options of the command line that say which data.
struct data_options {
  std::string task = "shift";
  std::string data, test_file, adapt_file, eval_file;  ///< files
  std::vector<std::string> outputs, inputs;            ///< column names
  std::string shift_file;                              ///< text: other text
  index_t window = 0, split = 0;                       ///< 0: the task's default
  std::vector<double> frequencies = {0.4, 0.8};        ///< shift: range of the modes, rad per token
  index_t samples = 0;                                 ///< test inputs per set; 0: default
};

/// Generated oscillators and their shifts.
task_data shift_data(const data_options& o, const settings& s);
/// Windows of a CSV file, split by time.
task_data series_data(const data_options& o, const settings& s);
/// Windows of a text file, and of another one as shift.
task_data text_data(const data_options& o, const settings& s);
/// Records of a plant, from files or simulated (the RLC circuit).
plant_data plant_records(const data_options& o, const settings& s);
/// Throws where a file was given that this task would leave out.
void check_files(const data_options& o);
/// Whether the options describe a plant (separate files to adapt on and to measure on).
bool is_plant(const data_options& o);

}  // namespace demo
