// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// attd-meta: trains Mamba through its own adaptation and compares it with the same model trained
// without, on signals whose time runs faster or slower than in training.
#include <CLI/CLI.hpp>
#include <attd/attd.hpp>
#include <exception>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "../support/progress.hpp"
#include "courses.hpp"

namespace {

using namespace meta;

struct options {
  std::vector<double> range = {0.5, 2.5};
  std::vector<std::string> variants = {"nominal", "mixture", "meta", "meta_first_order"};
  index_t test_steps = 0;  // 0: as many as in training
  index_t updates = 1500, batch = 16, inner = 3, width = 16, state = 8, depth = 2, samples = 100;
  double rate = 5e-3, inner_rate = 0.03, price = 0, smoothness = 0, baseline_effort = 1;
  std::vector<double> prices;
  index_t price_updates = 150;
  std::uint64_t seed = 1;
  index_t threads = 2;
  std::string json;
  bool quiet = false;
};

using model_type = attd::models::forecaster<attd::blocks::mamba>;
using adapter_type = attd::adapters::timescale<>;
using optimizer_type = attd::optimizers::per_layer_rates<attd::optimizers::adam>;
using loss_type = attd::losses::next_value<>;
using trainer_type =
    attd::training::meta_trainer<number, model_type, adapter_type, loss_type, optimizer_type,
                                 attd::losses::elementwise_rows<>, attd::default_backend>;

struct named_set {
  std::string name;
  examples validation, test;
};

/// Signals of one plant: in-distribution, and at other speeds.
struct data {
  examples nominal, mixture;  ///< for training
  examples nominal_validation, mixture_validation;
  std::vector<named_set> sets;
};

data make_data(const options& o) {
  attd::tasks::oscillator_options nominal;
  nominal.seed = o.seed;
  nominal.frequency_low = 0.4;
  nominal.frequency_high = 0.8;
  auto mixture = nominal;
  mixture.time_scale = o.range[0];
  mixture.time_scale_high = o.range[1];
  data d;
  d.nominal = attd::tasks::oscillator_examples<number>(nominal, 0, 1024);
  d.mixture = attd::tasks::oscillator_examples<number>(mixture, 0, 1024);
  d.nominal_validation = attd::tasks::oscillator_examples<number>(nominal, 10000, 64);
  d.mixture_validation = attd::tasks::oscillator_examples<number>(mixture, 10000, 64);
  const std::vector<std::pair<std::string, double>> speeds = {
      {"in", 1.0}, {"shift_x2", 2.0}, {"shift_x3", 3.0}, {"shift_x0.5", 0.5}};
  for (const auto& [name, speed] : speeds) {
    auto set = nominal;
    set.time_scale = speed;
    d.sets.push_back({name, attd::tasks::oscillator_examples<number>(set, 20000, 48),
                      attd::tasks::oscillator_examples<number>(set, 100000, o.samples)});
  }
  return d;
}

model_type make_model(const options& o) {
  model_type m;
  m.encoder = {1, o.width};
  m.block.width = o.width;
  m.block.state_size = o.state;
  m.head = {o.width, 1};
  m.depth = o.depth;
  return m;
}

std::unique_ptr<trainer_type> make_trainer(const options& o, const std::string& variant) {
  const model_type m = make_model(o);
  model_type::parameters<number> theta;
  m.initialize(attd::random_stream{o.seed, 0x6d6f64}, theta);
  attd::training::meta_trainer_options t;
  const bool adapts = variant.starts_with("meta");
  const auto updates = adapts ? o.updates : index_t(double(o.updates) * o.baseline_effort);
  t.trainer.schedule = {o.rate, std::min<index_t>(100, updates / 5 + 1), updates, 0.02};
  t.trainer.batch = o.batch;
  t.trainer.threads = o.threads;
  t.trainer.optimizer.weight_decay = 0;
  t.trainer.seed = o.seed;
  t.outer.steps = adapts ? o.inner : 0;
  t.outer.depth = adapts ? attd::training::depth_rule::expected : attd::training::depth_rule::fixed;
  t.outer.price = o.price;
  t.outer.smoothness = o.smoothness;
  if (variant == "meta_first_order") t.outer.chain = attd::adaptation::chain::first_order;
  optimizer_type optimizer;
  optimizer.inner.rate = o.inner_rate;
  optimizer.scale.assign({o.depth}, 1.0);
  return std::make_unique<trainer_type>(m, adapter_type{}, loss_type{}, optimizer,
                                        attd::losses::elementwise_rows<>{}, theta, t);
}

/// The best numbers on held-out signals of the training distribution.
trainer_type::parameters train(trainer_type& trainer, const options& o, const data& d,
                               const std::string& variant) {
  const bool nominal = variant == "nominal";
  support::progress bar("training " + variant, trainer.steps(),
                        support::choose_progress_mode(o.quiet));
  return attd::training::run_training(trainer, nominal ? d.nominal : d.mixture,
                                      nominal ? d.nominal_validation : d.mixture_validation, {},
                                      [&](const attd::training::train_progress&) { bar.advance(); })
      .parameters;
}

/// All methods on all sets for one trained model. Choices are made on validation data: gate and
/// calibrated thresholds on 2/3 in-distribution and 1/3 twice as fast.
void add_rows(const options& o, const data& d, const std::string& variant,
              const trainer_type& trainer, const trainer_type::parameters& p,
              std::vector<support::result_row>& rows) {
  const index_t trained = trainer.options().outer.steps;
  const index_t most = trained == 0 ? 0 : std::max(trained, o.test_steps);
  const auto model = trainer.deploy(p, attd::controllers::fixed{most});
  const auto learned = attd::training::learned_thresholds(p);
  std::vector<std::vector<course>> validation;
  for (const auto& set : d.sets) {
    validation.push_back(measure_courses(model, set.validation, most, o.threads));
  }
  attd::controllers::threshold calibrated, level;
  if (most > 0) {
    std::vector<double> signals;
    std::vector<std::vector<double>> errors, ends;
    const auto take = [&](const std::vector<course>& courses, std::size_t count) {
      for (std::size_t i = 0; i < count; ++i) {
        if (!attd::is_finite(courses[i].signal)) continue;
        signals.push_back(courses[i].signal);
        errors.push_back(courses[i].errors);
        ends.push_back({courses[i].errors.front(), courses[i].errors.back()});
      }
    };
    take(validation[0], validation[0].size());
    take(validation[1], validation[1].size() / 2);
    calibrated = attd::controllers::fit_thresholds(signals, errors, o.price);
    level = attd::controllers::fit_thresholds(signals, ends, o.price * double(most));
  }
  for (std::size_t i = 0; i < d.sets.size(); ++i) {
    const auto& set = d.sets[i];
    const auto courses = measure_courses(model, set.test, most, o.threads);
    const auto add = [&](const std::string& method, auto plan) {
      rows.push_back(make_row("mamba", variant, set.name, method, courses, plan, o.seed));
    };
    add("never", [](const course&) { return index_t{0}; });
    if (most == 0) continue;
    add("full", [&](const course&) { return trained; });
    add("gate", [&](const course& c) { return level.plan(c.signal) > 0 ? most : index_t{0}; });
    add("attd", [&](const course& c) { return learned.plan(c.signal); });
    add("attd_calibrated", [&](const course& c) { return calibrated.plan(c.signal); });
    add("best_fixed", [&](const course&) { return support::best_fixed(validation[i], 0, most); });
    add("oracle", [&](const course& c) { return oracle(c, o.price); });
  }
}

/// Error against mean steps: thresholds learned by gradient for each price, everything else frozen,
/// beside every fixed K and a gate at every level, on a mixed set (2/3 in, 1/3 twice as fast).
void add_curves(const options& o, const data& d, const trainer_type::parameters& start,
                std::vector<support::result_row>& rows) {
  const index_t most = o.inner;
  examples training, test;
  for (std::size_t i = 0; i < 96; ++i) {
    training.push_back(d.sets[i % 3 == 2 ? 1 : 0].validation[(i / 3 * 2 + i % 3) % 48]);
  }
  const std::size_t n = d.sets[0].test.size();
  for (std::size_t i = 0; i < n; ++i) test.push_back(d.sets[0].test[i]);
  for (std::size_t i = 0; i < n / 2; ++i) test.push_back(d.sets[1].test[i]);
  const auto frozen = make_trainer(o, "meta");
  const auto model = frozen->deploy(start, attd::controllers::fixed{most});
  const auto courses = measure_courses(model, test, most, o.threads);
  const auto add = [&](const std::string& method, auto plan) {
    rows.push_back(make_row("mamba", "meta", "mixed", method, courses, plan, o.seed));
  };
  for (index_t k = 0; k <= most; ++k) {
    add("fixed_" + std::to_string(k), [&](const course&) { return k; });
  }
  std::vector<double> signals;
  for (const auto& c : courses) signals.push_back(c.signal);
  for (int share = 1; share < 8; ++share) {
    const double level = attd::metrics::quantile(signals, double(share) / 8);
    add("gate_" + std::to_string(share) + "/8",
        [&](const course& c) { return c.signal > level ? most : index_t{0}; });
  }
  for (double price : o.prices) {
    options now = o;
    now.price = price;
    now.updates = o.price_updates;
    const auto trainer = make_trainer(now, "meta");
    trainer->freeze_all_but_thresholds();
    trainer->current() = start;
    support::progress bar("thresholds at price " + support::format_number(price), o.price_updates,
                          support::choose_progress_mode(o.quiet));
    for (index_t i = 0; i < o.price_updates; ++i) {
      trainer->step(training);
      bar.advance();
    }
    const auto c = attd::training::learned_thresholds(trainer->current());
    add("attd_" + support::format_number(price), [&](const course& x) { return c.plan(x.signal); });
  }
  add("oracle", [](const course& c) { return oracle(c, 0); });
}

void describe(CLI::App& app, options& o) {
  app.description(
      "Trains Mamba through its adaptation (psi_0, inner rates and thresholds included) and\n"
      "compares: trained on nominal speed only; trained on the same mixture of speeds without\n"
      "adaptation; meta-trained with exact and with first-order gradients.");
  app.add_option("--range", o.range, "speeds in training, slowest and fastest")
      ->delimiter(',')
      ->expected(2)
      ->capture_default_str();
  app.add_option("--variants", o.variants, "nominal, mixture, meta, meta_first_order")
      ->delimiter(',')
      ->check(CLI::IsMember({"nominal", "mixture", "meta", "meta_first_order"}));
  app.add_option("--updates", o.updates, "of every variant")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--baseline-effort", o.baseline_effort,
                 "factor on the updates of variants that do not adapt")
      ->capture_default_str();
  app.add_option("--batch", o.batch, "signals per update")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--inner", o.inner, "most steps per input")->capture_default_str();
  app.add_option("--test-steps", o.test_steps,
                 "most steps at test time for gate, calibrated thresholds, best fixed and oracle")
      ->capture_default_str();
  app.add_option("--rate", o.rate, "of the outer optimiser")->capture_default_str();
  app.add_option("--inner-rate", o.inner_rate, "where the learned inner rate starts")
      ->capture_default_str();
  app.add_option("--price", o.price, "of a step in the outer loss")->capture_default_str();
  app.add_option("--smoothness", o.smoothness, "of |psi_{k+1} - psi_k|^2")->capture_default_str();
  app.add_option("--prices", o.prices, "also learn thresholds for each of these prices")
      ->delimiter(',');
  app.add_option("--price-updates", o.price_updates, "updates of thresholds for each price")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--samples", o.samples, "test signals per set")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--seed", o.seed)->capture_default_str();
  app.add_option("--threads", o.threads)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--json", o.json, "write every row of the tables to this file");
  app.add_flag("--quiet", o.quiet, "no progress, no tables");
}

void run(const options& o) {
  const data d = make_data(o);
  std::vector<support::result_row> rows;
  for (const auto& variant : o.variants) {
    const auto trainer = make_trainer(o, variant);
    const auto p = train(*trainer, o, d, variant);
    add_rows(o, d, variant, *trainer, p, rows);
    if (variant == "meta" && !o.prices.empty()) add_curves(o, d, p, rows);
  }
  if (!o.json.empty()) support::write_json(o.json, rows);
  if (!o.quiet) support::print_results(std::cout, rows);
}

}  // namespace

int main(int argc, char** argv) {
  options o;
  o.threads = std::max(1u, std::thread::hardware_concurrency());
  CLI::App app;
  describe(app, o);
  CLI11_PARSE(app, argc, argv);
  try {
    run(o);
  } catch (const std::exception& e) {
    std::cerr << e.what() << "\n";
    return 1;
  }
  return 0;
}
