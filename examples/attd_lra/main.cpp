// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// attd-lra: trains classifiers of long sequences through their own adaptation, on three tasks of
// the Long Range Arena, and compares them with the same classifier trained without.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <attd/error.hpp>
#include <exception>
#include <iostream>
#include <set>
#include <string>
#include <thread>

#include "report.hpp"

namespace {

using lra::index_t;

CLI::Validator at_least_one() {
  return CLI::Validator(
      [](std::string& text) {
        index_t count = 0;
        return CLI::detail::lexical_cast(text, count) && count >= 1
                   ? std::string()
                   : "is " + text + ", expected a whole number of at least 1";
      },
      "");
}

void describe(CLI::App& app, lra::settings& s) {
  app.description(
      "Trains classifiers on a task of the Long Range Arena and compares four methods, all with\n"
      "the same number of updates:\n"
      "  never  trained and used without adaptation\n"
      "  full   trained through a fixed number of steps of adaptation to each input\n"
      "  gate   the same model, adapting where its internal loss is above a level\n"
      "  attd   trained through the mean over numbers of steps, thresholds learned\n"
      "ListOps and Pathfinder are generated unless --data is given. Sizes that are left out are\n"
      "the published ones, or with --quick such that a run takes minutes on two cores.");
  const auto count = [&](const char* names, auto& value, const char* what) {
    app.add_option(names, value, what)->check(at_least_one());
  };
  const auto words = [&](const char* name, std::string& value, std::vector<std::string> choices) {
    std::string what;
    for (const auto& word : choices) what += (what.empty() ? "" : ", ") + word;
    app.add_option(name, value, what)->check(CLI::IsMember(choices))->capture_default_str();
  };
  words("--task", s.task, {"listops", "pathfinder", "text"});
  app.add_option("--method", s.methods,
                 "never, full, gate, attd (several: comma); tests are "
                 "against the first")
      ->delimiter(',')
      ->check(CLI::IsMember({"never", "full", "gate", "attd"}));
  words("--block", s.block, {"s4d", "mamba"});
  app.add_flag("--quick", s.quick, "small sizes: within 5 minutes on 2 cores");
  count("--seeds", s.seeds, "runs of every method");
  app.add_option("--seed", s.seed, "of the first run")->capture_default_str();
  app.add_option("--data-seed", s.data_seed, "of generated data and of how files are divided")
      ->capture_default_str();
  app.add_option("--data", s.data,
                 "listops: TSV or its folder; pathfinder: records or folder; text: TSV or folder")
      ->check(CLI::ExistingPath);
  app.add_option("--test-data", s.test_data, "test on this; else on a part of --data")
      ->check(CLI::ExistingPath);
  app.add_option("--length", s.length, "listops: fewest and most tokens of generated samples")
      ->delimiter(',')
      ->expected(2)
      ->check(at_least_one());
  count("--list-depth", s.list_depth, "listops: depth of generated samples");
  count("--list-arguments", s.list_arguments, "listops: most arguments of an operator");
  count("--side", s.side, "pathfinder: pixels of a side");
  words("--difficulty", s.difficulty, {"easy", "intermediate", "hard"});
  count("--max-tokens", s.max_tokens,
        "text: bytes read of each; listops files: longer samples are left out");
  count("--train", s.size.train, "training samples");
  count("--validation", s.size.validation, "validation samples");
  count("--test", s.size.test, "test samples");
  count("--width", s.size.width, "channels of the model");
  count("--state", s.size.state, "state of a channel");
  count("--layers", s.size.layers, "layers");
  count("--updates", s.size.updates, "of every method");
  count("--batch", s.size.batch, "samples of an update");
  count("--inner", s.size.inner, "most steps of adaptation per input");
  app.add_option("--rate", s.size.rate, "of the outer optimiser")->check(CLI::PositiveNumber);
  app.add_option("--inner-rate", s.inner_rate, "where the learned inner rate starts")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--price", s.price, "of a step, in nats")->capture_default_str();
  app.add_option("--hidden", s.hidden, "share of tokens hidden from each copy")
      ->check(CLI::Range(0.01, 0.5))
      ->capture_default_str();
  app.add_option("--guard", s.guard, "0: steps are accepted on the loss itself, half the work")
      ->check(CLI::Range(0.0, 0.9))
      ->capture_default_str();
  app.add_option("--patience", s.patience,
                 "stop after so many validations without a new best; 0: never")
      ->check(CLI::NonNegativeNumber);
  count("--evaluate-every", s.evaluate_every, "updates between validations; default: an eighth");
  count("--threads", s.threads, "worker threads; one more loads data");
  app.add_option("--checkpoint", s.checkpoint,
                 "save at every validation and go on from there if it exists; the model's name and "
                 "the seed are added to the name");
  app.add_option("--log", s.log, "a row per update, CSV or (.jsonl) JSON lines; names as above");
  app.add_option("--json", s.json, "write everything that was found to this file");
  app.add_option("--report", s.report, "HTML report with curves");
  app.add_flag("--quiet", s.quiet, "no progress, no tables: files only");
}

void check(const lra::settings& s) {
  const std::set<std::string> different(s.methods.begin(), s.methods.end());
  if (different.size() != s.methods.size()) {
    attd::fail("attd-lra: a method stands twice in --method");
  }
  if (s.length[0] > s.length[1]) {
    attd::fail("attd-lra: --length is ", s.length[0], ",", s.length[1],
               ", expected the smaller number first");
  }
}

void run(lra::settings& s) {
  lra::complete(s);
  check(s);
  const lra::task_data d = lra::make_data(s);
  const lra::experiment e = s.block == "mamba" ? lra::run_mamba(s, d) : lra::run_s4d(s, d);
  const lra::summary r = lra::summarize(s, e);
  if (!s.json.empty()) lra::write_json(s.json, s, d, e, r);
  if (!s.report.empty()) lra::write_html(s.report, s, d, e, r);
  if (!s.quiet) lra::print(s, d, e, r);
}

}  // namespace

int main(int argc, char** argv) {
  lra::settings s;
  s.threads = std::max(1u, std::thread::hardware_concurrency());
  CLI::App app;
  describe(app, s);
  CLI11_PARSE(app, argc, argv);
  try {
    run(s);
  } catch (const std::exception& e) {
    std::cerr << e.what() << "\n";
    return 1;
  }
  return 0;
}
