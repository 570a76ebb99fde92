// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The program's tasks: from options to data.
#include "tasks.hpp"

#include <algorithm>
#include <attd/io/csv.hpp>
#include <attd/tasks/dynamics_shift.hpp>
#include <attd/tasks/rlc_circuit.hpp>
#include <attd/tasks/series.hpp>
#include <attd/tasks/text.hpp>
#include <cstddef>
#include <string>
#include <vector>

namespace demo {
namespace {

// Every n-th example, so that at most `count` are left, spread over the whole list.
examples thin(const examples& all, index_t count) {
  const auto n = static_cast<index_t>(all.size());
  if (n <= count) return all;
  examples some;
  for (index_t i = 0; i < count; ++i) some.push_back(all[std::size_t(i * n / count)]);
  return some;
}

void expect_file(const data_options& o) {
  if (o.data.empty()) {
    attd::fail("--task ", o.task, ": no file given; hint: --data FILE");
  }
}

attd::tasks::series_options series_options_of(const data_options& o) {
  attd::tasks::series_options s;
  s.inputs = o.inputs;
  s.outputs = o.outputs;
  if (s.outputs.empty()) {
    attd::fail(
        "--task series: no column given; hint: --column NAME, for a plant --inputs U "
        "--outputs Y");
  }
  s.simulate = !o.inputs.empty();
  s.window = o.window > 0 ? o.window : 128;
  s.split = o.split > 0 ? o.split : s.window / 2;
  s.stride = s.window / 4 > 0 ? s.window / 4 : 1;
  return s;
}

}  // namespace

task_data shift_data(const data_options& o, const settings& s) {
  attd::tasks::oscillator_options nominal;
  nominal.seed = s.seed;
  // At twice the speed no mode of this range falls on another mode's nominal place.
  nominal.frequency_low = o.frequencies[0];
  nominal.frequency_high = o.frequencies[1];
  if (o.window > 0) nominal.length = o.window;
  nominal.split = o.split > 0 ? o.split : nominal.length / 2;
  const index_t count = o.samples > 0 ? o.samples : 100;
  task_data d;
  d.name = "shift";
  d.train = attd::tasks::oscillator_examples<number>(nominal, 0, 512);
  d.train_validation = attd::tasks::oscillator_examples<number>(nominal, 10000, 48);
  for (const auto name : attd::tasks::oscillator_set_names) {
    const auto options = attd::tasks::oscillator_set(nominal, name);
    d.sets.push_back({std::string(name),
                      attd::tasks::oscillator_examples<number>(options, 20000, 48),
                      attd::tasks::oscillator_examples<number>(options, 100000, count)});
    if (name == "shift_x2") d.shifted = d.sets.size() - 1;
  }
  return d;
}

task_data series_data(const data_options& o, const settings&) {
  expect_file(o);
  const auto table = attd::io::read_csv(o.data);
  auto options = series_options_of(o);
  const index_t count = o.samples > 0 ? o.samples : 100;
  task_data d;
  d.name = "series";
  d.measured = options.simulate;
  d.outputs = index_t(options.outputs.size());
  d.inputs = options.simulate ? index_t(options.inputs.size())
                              : index_t(options.outputs.size() + options.inputs.size());
  if (!o.test_file.empty()) {
    const index_t fitted = table.rows() * 17 / 20;
    const auto scaling = attd::tasks::fit_series_scaling(table, options, 0, fitted);
    d.train =
        attd::tasks::cut_series<number>(table, options, scaling, 0, fitted, 0, "training").examples;
    const auto validation = attd::tasks::cut_series<number>(table, options, scaling, fitted,
                                                            table.rows() - fitted, 0, "validation")
                                .examples;
    const auto test =
        attd::tasks::cut_series<number>(attd::io::read_csv(o.test_file), options, scaling).examples;
    d.train_validation = thin(validation, 48);
    d.sets.push_back({"test", thin(validation, 64), thin(test, count)});
    return d;
  }
  options.validation_fraction = 0.15;
  options.train_fraction = 0.6;
  const auto split = attd::tasks::split_series<number>(table, options);
  d.train = split.train.examples;
  d.train_validation = thin(split.validation.examples, 48);
  d.sets.push_back({"test", thin(split.validation.examples, 64), thin(split.test.examples, count)});
  return d;
}

task_data text_data(const data_options& o, const settings&) {
  expect_file(o);
  attd::tasks::text_options options;
  if (o.window > 0) options.window = o.window;
  options.split = o.split > 0 ? o.split : options.window / 2;
  options.train_fraction = 0.8;
  options.validation_fraction = 0.1;
  const index_t count = o.samples > 0 ? o.samples : 48;
  const auto split = attd::tasks::split_text_file<number>(o.data, options);
  task_data d;
  d.name = "text";
  d.train = split.train;
  d.train_validation = thin(split.validation, 24);
  d.sets.push_back({"in", thin(split.validation, 32), thin(split.test, count)});
  if (!o.shift_file.empty()) {
    auto other = options;
    other.train_fraction = 0.5;
    other.validation_fraction = 0.25;
    const auto shifted = attd::tasks::split_text_file<number>(o.shift_file, other);
    d.sets.push_back({"shift", thin(shifted.validation, 16), thin(shifted.test, count)});
    d.shifted = 1;
  }
  return d;
}

void check_files(const data_options& o) {
  if (!o.eval_file.empty() && !is_plant(o)) {
    attd::fail(
        "--eval-file '", o.eval_file,
        "' is given without --adapt-file; hint: a plant needs both, a record to adapt on and "
        "one to measure on; to test on a file of its own, --test-file");
  }
  if (o.task == "rlc" && o.data.empty()) {
    for (const auto* file : {&o.test_file, &o.adapt_file, &o.eval_file}) {
      if (file->empty()) continue;
      attd::fail("--task rlc: '", *file,
                 "' is given without --data; hint: name the record to "
                 "train on as well, or no file at all for the simulated circuit");
    }
  }
}

bool is_plant(const data_options& o) { return o.task == "rlc" || !o.adapt_file.empty(); }

plant_data plant_records(const data_options& o, const settings& s) {
  const bool simulated = o.task == "rlc" && o.data.empty();
  const auto load = [&](const std::string& file, const char* set) {
    if (simulated) {
      const auto rlc = attd::tasks::rlc_set(set, s.seed);
      return attd::tasks::rlc_table(attd::tasks::rlc_simulate(rlc), rlc);
    }
    if (file.empty()) {
      attd::fail(
          "a plant needs four records: --data (train), --test-file, --adapt-file and "
          "--eval-file; the one for '",
          set, "' is missing");
    }
    return attd::io::read_csv(file);
  };
  if (o.task != "rlc" && (o.inputs.empty() || o.outputs.empty())) {
    attd::fail("--adapt-file: no ", o.inputs.empty() ? "input" : "output",
               " column given; hint: --inputs U --outputs Y, what drives the plant and what is "
               "measured");
  }
  attd::tasks::series_options window;
  window.inputs = o.inputs.empty() ? std::vector<std::string>{"V_IN"} : o.inputs;
  window.outputs = o.outputs.empty() ? std::vector<std::string>{"V_C"} : o.outputs;
  window.simulate = true;
  window.window = o.window > 0 ? o.window : 256;
  window.split = 0;
  window.stride = std::max<index_t>(1, window.window / 7);
  const auto train = load(o.data, "train");
  const index_t fitted = train.rows() * 4 / 5;
  const auto scaling = attd::tasks::fit_series_scaling(train, window, 0, fitted);
  const auto whole = [&](const attd::io::csv_table& table) {
    auto all = window;
    all.window = all.stride = table.rows();
    return attd::tasks::cut_series<number>(table, all, scaling).examples;
  };
  plant_data d;
  d.name = simulated ? "rlc" : "series";
  d.inputs = index_t(window.inputs.size());
  d.outputs = index_t(window.outputs.size());
  d.train = attd::tasks::cut_series<number>(train, window, scaling, 0, fitted).examples;
  d.train_validation =
      attd::tasks::cut_series<number>(train, window, scaling, fitted, train.rows() - fitted)
          .examples;
  d.nominal = whole(train);
  d.test = whole(load(o.test_file, "test"));
  d.transfer = whole(load(o.adapt_file, "transfer"));
  d.evaluation = whole(load(o.eval_file, "eval"));
  return d;
}

}  // namespace demo
