// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// attd-demo: trains a model, meets inputs whose dynamics have shifted, adapts per input, and shows
// what that bought.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <attd/error.hpp>
#include <exception>
#include <iostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "../support/results.hpp"
#include "../support/table.hpp"
#include "report.hpp"
#include "tasks.hpp"

namespace {

struct command_line {
  demo::data_options data;
  demo::settings settings;
  std::vector<std::string> blocks;
  std::string json, report = "attd-report.html";
};

// A count given on the command line; 0 stands for a default only where the option is left out.
CLI::Validator at_least_one() {
  return CLI::Validator(
      [](std::string& text) {
        attd::index_t count = 0;
        return CLI::detail::lexical_cast(text, count) && count >= 1
                   ? std::string()
                   : "is " + text + ", expected a whole number of at least 1";
      },
      "");
}

void describe(CLI::App& app, command_line& c) {
  app.description(
      "Trains a model on nominal inputs, then compares on in-distribution and shifted inputs:\n"
      "never adapt, full adaptation (fixed K), ponder gate, ATTD thresholds, best fixed K, "
      "oracle.\n"
      "Without options: generated oscillators, the dense block and Mamba.");
  app.add_option("--task", c.data.task, "shift (generated), rlc (simulated circuit), series, text")
      ->check(CLI::IsMember({"shift", "rlc", "series", "text"}))
      ->capture_default_str();
  app.add_option("--data,--train-file", c.data.data, "CSV (series) or any file (text)");
  app.add_option("--column,--outputs", c.data.outputs, "measured columns to predict")
      ->delimiter(',');
  app.add_option("--inputs", c.data.inputs, "exogenous columns: simulate outputs from these")
      ->delimiter(',');
  app.add_option("--test-file", c.data.test_file, "series: test on this file instead of by time");
  app.add_option("--adapt-file", c.data.adapt_file, "series: adapt on this record of the plant");
  app.add_option("--eval-file", c.data.eval_file, "series: and measure on this one");
  app.add_option("--shift-file", c.data.shift_file, "text: other text as shifted inputs");
  app.add_option("--window", c.data.window, "tokens of an input")->check(at_least_one());
  app.add_option("--split", c.data.split, "tokens of it that adaptation sees")
      ->check(at_least_one());
  app.add_option("--frequencies", c.data.frequencies,
                 "shift: slowest and fastest mode, radians per token")
      ->delimiter(',')
      ->expected(2)
      ->capture_default_str();
  app.add_option("--samples", c.data.samples, "test inputs per set")->check(at_least_one());
  app.add_option("--block", c.blocks, "linear_ssm, mamba, s4d (several: comma)")
      ->delimiter(',')
      ->check(CLI::IsMember({"linear_ssm", "mamba", "s4d"}));
  app.add_option("--seed", c.settings.seed, "of data and models")->capture_default_str();
  app.add_option("--threads", c.settings.threads, "worker threads")
      ->capture_default_str()
      ->check(at_least_one());
  app.add_option("--effort", c.settings.effort, "factor on the number of training steps")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--json", c.json, "write every row of the table to this file");
  app.add_option("--report", c.report, "HTML report with plots ('' for none)")
      ->capture_default_str();
  app.add_flag("--quiet", c.settings.quiet, "no progress, no tables: files only");
}

std::vector<demo::comparison_result> run(command_line& c) {
  auto& d = c.data;
  demo::check_files(d);
  if (demo::is_plant(d)) {
    c.settings.washout = 60;
    return {demo::run_plant(demo::plant_records(d, c.settings), c.settings)};
  }
  if (d.task == "text") return demo::run_text_mamba(demo::text_data(d, c.settings), c.settings);
  const auto data =
      d.task == "series" ? demo::series_data(d, c.settings) : demo::shift_data(d, c.settings);
  if (data.measured)
    c.settings.washout = std::min<attd::index_t>(16, data.sets[0].test[0].split / 4);
  if (c.blocks.empty()) c.blocks = {"linear_ssm", "mamba"};
  std::vector<demo::comparison_result> results;
  for (const auto& block : c.blocks) {
    auto more = block == "mamba" ? demo::run_mamba(data, c.settings)
                : block == "s4d" ? demo::run_s4d(data, c.settings)
                                 : demo::run_linear_ssm(data, c.settings);
    for (auto& r : more) results.push_back(std::move(r));
  }
  return results;
}

void show(const command_line& c, const std::vector<demo::comparison_result>& results) {
  std::vector<support::result_row> rows;
  for (const auto& r : results) rows.insert(rows.end(), r.rows.begin(), r.rows.end());
  if (!c.json.empty()) support::write_json(c.json, rows);
  if (!c.report.empty()) demo::write_report(c.report, "attd: adaptation at test time", results);
  if (c.settings.quiet) return;
  support::print_results(std::cout, rows);
  for (const auto& r : results) {
    std::cout << "\n"
              << r.block << " with " << r.adapter << " (" << support::format_seconds(r.seconds)
              << ")\n";
    for (const auto& note : r.notes) std::cout << "  " << note << "\n";
  }
  std::cout
      << "\nError is measured on tokens after the context (plants: on another record) of inputs "
         "never seen in training;\nsteps are attempted steps per input. Teacher-forced: each "
         "prediction sees the true values before it;\nfree-running: it sees the driving inputs "
         "alone. The oracle chooses with hindsight: a bound, not a method.\n";
  if (!c.report.empty()) std::cout << "Report: " << c.report << "\n";
}

}  // namespace

int main(int argc, char** argv) {
  command_line c;
  c.settings.threads = std::max(1u, std::thread::hardware_concurrency());
  CLI::App app;
  describe(app, c);
  CLI11_PARSE(app, argc, argv);
  try {
    show(c, run(c));
  } catch (const std::exception& e) {
    std::cerr << e.what() << "\n";
    return 1;
  }
  return 0;
}
