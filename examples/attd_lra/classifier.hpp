// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Trains the models of a comparison, each through its own adaptation, and measures them.
#pragma once

#include <algorithm>
#include <attd/adaptation/parallel.hpp>
#include <attd/adapters/timescale.hpp>
#include <attd/io/bytes.hpp>
#include <attd/losses/token_consistency.hpp>
#include <attd/models/sequence_model.hpp>
#include <attd/optimizers/adam.hpp>
#include <attd/optimizers/learned_rates.hpp>
#include <attd/training/meta_trainer.hpp>
#include <attd/training/train.hpp>
#include <cmath>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "../support/progress.hpp"
#include "experiment.hpp"
#include "streamed.hpp"

namespace lra {

/// All of a sample, under a key that is a function of its tokens: which of them a copy hides does
/// not depend on where the sample stands.
struct observe_whole {
  attd::observation<number> operator()(const attd::tasks::example<number>& e,
                                       std::uint64_t /*place*/) const {
    attd::observation<number> o;
    o.ids = e.ids;
    o.key = 14695981039346656037u;
    for (const index_t id : e.ids) o.key = (o.key ^ std::uint64_t(id)) * 1099511628211u;
    return o;
  }
};

/// A file of one model of one seed: "run.csv" becomes "run-attd-1.csv".
inline std::filesystem::path file_of(const std::string& file, const std::string& model,
                                     std::uint64_t seed) {
  if (file.empty()) return {};
  std::filesystem::path p(file);
  const std::string end = p.extension().string();
  return p.replace_filename(p.stem().string() + "-" + model + "-" + std::to_string(seed) + end);
}

/// The composition of the program with one block.
template <class Block, class Backend>
class classifier_runs {
 public:
  using model_type = attd::models::classifier<attd::models::embedding_encoder, Block>;
  using optimizer_type = attd::optimizers::per_layer_rates<attd::optimizers::adam>;
  using trainer_type =
      attd::training::meta_trainer<number, model_type, attd::adapters::timescale<>,
                                   attd::losses::token_consistency, optimizer_type,
                                   attd::losses::cross_entropy_rows, Backend, observe_whole>;

  classifier_runs(Block block, const settings& s, const task_data& d) : settings_(s), data_(d) {
    model_.encoder = {d.vocabulary + 1, s.size.width};  // one more: the id of hidden tokens
    model_.block = block;
    model_.head.width = s.size.width;
    model_.head.output = d.classes;
    model_.depth = s.size.layers;
  }

  experiment run() const {
    experiment e;
    for (index_t i = 0; i < settings_.seeds; ++i) {
      for (const char* model : {"never", "full", "attd"}) {
        if (wanted(model)) e.models.push_back(train(model, settings_.seed + std::uint64_t(i)));
      }
    }
    typename model_type::template parameters<number> theta;
    model_.initialize(attd::random_stream{1, 1}, theta);
    attd::for_each_leaf([&](const auto& leaf) { e.parameters += leaf.size(); }, theta);
    return e;
  }

 private:
  bool wanted(const std::string& model) const {
    const auto has = [&](const std::string& method) {
      return std::count(settings_.methods.begin(), settings_.methods.end(), method) > 0;
    };
    return has(model) || (model == "full" && has("gate"));
  }

  std::unique_ptr<trainer_type> make_trainer(const std::string& model, std::uint64_t seed) const {
    using attd::training::depth_rule;
    const settings& s = settings_;
    typename trainer_type::adaptive::parameters theta;
    model_.initialize(attd::random_stream{seed, 0x6d6f64}, theta);
    attd::training::meta_trainer_options t;
    t.trainer.schedule = {s.size.rate, std::max<index_t>(1, s.size.updates / 10), s.size.updates,
                          0.02};
    t.trainer.batch = s.size.batch;
    t.trainer.threads = s.threads;
    t.trainer.optimizer.weight_decay = 0.01;
    t.trainer.seed = seed;
    t.outer.steps = model == "never" ? 0 : s.size.inner;
    t.outer.depth = model == "attd" ? depth_rule::expected : depth_rule::fixed;
    t.outer.price = s.price;
    // Early on steps do not help yet; fast thresholds would shut for good before they do.
    t.threshold_rate = 1;
    optimizer_type optimizer;
    optimizer.inner.rate = s.inner_rate;
    optimizer.scale.assign({s.size.layers}, 1.0);
    attd::losses::token_consistency loss;
    loss.mask_id = data_.vocabulary;
    loss.share = s.hidden;
    attd::adaptation::options adaptation;
    adaptation.guard_fraction = s.guard;
    return std::make_unique<trainer_type>(model_, attd::adapters::timescale<>{}, loss, optimizer,
                                          attd::losses::cross_entropy_rows{}, theta, t, adaptation);
  }

  // What decides about a run but does not stand in a checkpoint.
  std::string signature() const {
    const settings& s = settings_;
    std::string text = "attd-lra " + data_.description;
    for (const double x :
         {double(s.data_seed), double(s.size.train), double(s.size.validation), double(s.size.test),
          s.inner_rate, s.hidden, s.guard, double(s.evaluate_every)}) {
      text += ' ';
      attd::training::detail::append_number(text, x);
    }
    return text + "\n";
  }

  // Resuming with other data would be silent otherwise.
  void check_signature(const std::filesystem::path& checkpoint) const {
    if (checkpoint.empty()) return;
    auto beside = checkpoint;
    beside += ".run";
    if (std::filesystem::exists(checkpoint) && std::filesystem::exists(beside)) {
      const std::string found = attd::io::read_text_file(beside);
      if (found != signature()) {
        attd::fail("attd-lra: '", checkpoint.string(), "' was made by '",
                   found.substr(0, found.find('\n')), "', this run is '",
                   signature().substr(0, signature().size() - 1),
                   "'; hint: other file, or the same settings");
      }
    }
    attd::io::write_file_atomic(beside, signature());
  }

  trained train(const std::string& model, std::uint64_t seed) const {
    const settings& s = settings_;
    const auto trainer = make_trainer(model, seed);
    const index_t every =
        s.evaluate_every > 0 ? s.evaluate_every : std::max<index_t>(1, s.size.updates / 8);
    attd::training::train_options o;
    o.evaluate_every = every;
    o.patience = s.patience;
    o.checkpoint = file_of(s.checkpoint, model, seed);
    check_signature(o.checkpoint);
    streamed<trainer_type> source(*trainer, [&](index_t step) { return data_.batch(seed, step); },
                                  {file_of(s.log, model, seed), every});
    support::progress bar("training " + model + ", seed " + std::to_string(seed), s.size.updates,
                          support::choose_progress_mode(s.quiet));
    index_t shown = 0;
    const auto result = attd::training::run_training(source, data_.validation, data_.validation, o,
                                                     [&](const attd::training::train_progress& p) {
                                                       bar.advance(p.step - shown);
                                                       shown = p.step;
                                                     });
    trained t;
    t.model = model;
    t.seed = seed;
    t.steps = result.steps;
    t.best_step = result.best_step;
    t.skipped = result.skipped;
    t.validation_loss = result.validation_loss;
    t.early = result.stopped == attd::training::stop_reason::patience;
    t.learned = attd::training::learned_thresholds(result.parameters);
    const index_t most = trainer->options().outer.steps;
    if (most > 0) t.inner_rate = std::exp(result.parameters.settings(0));
    const auto deployed = trainer->deploy(result.parameters, attd::controllers::fixed{most});
    t.validation = measure(deployed, data_.validation, most);
    t.test = measure(deployed, data_.test, most);
    return t;
  }

  /// Adapts to every input by `most` steps and scores the prediction after each.
  template <class Model>
  std::vector<course> measure(const Model& model, const examples& list, index_t most) const {
    struct worker {
      typename Model::workspace adapting, scoring;
      typename Model::session session;
    };
    std::vector<worker> workers;
    for (index_t t = 0; t < settings_.threads; ++t) {
      workers.push_back({model.make_workspace(), model.make_workspace(), model.start()});
    }
    std::vector<course> courses(list.size());
    attd::adaptation::parallel_for(
        settings_.threads, static_cast<index_t>(list.size()), [&](index_t thread, index_t i) {
          worker& w = workers[std::size_t(thread)];
          const auto& e = list[std::size_t(i)];
          course& c = courses[std::size_t(i)];
          model.restart(w.session);
          c.forward = model.model().forward_flops(double(e.length()));
          const auto score = [&](const auto& psi) {
            const auto y = model.predict(attd::sequences::single(e.length()),
                                         attd::sequence_input<number>{{}, e.ids}, psi, w.scoring);
            take_prediction(y, e.label, c);
          };
          if (most == 0) {
            c.signal = std::numeric_limits<double>::quiet_NaN();
            score(w.session.psi);
            return;
          }
          attd::adaptation::report report;
          attd::adaptation::budget limit;
          limit.steps = most;
          const auto seen = observe_whole{}(e, 0);
          model.adapt({&seen, 1}, w.session, w.adapting, report, limit,
                      [&](index_t, const auto& now) { score(now.psi); });
          c.losses.resize(std::size_t(most + 1), c.losses.back());
          c.right.resize(std::size_t(most + 1), c.right.back());
          c.signal = report.signal;
          c.attempted = report.attempted;
          c.measure =
              model.model().forward_flops(double(e.length() * (settings_.guard > 0 ? 4 : 2)));
        });
    return courses;
  }

  static void take_prediction(attd::view<const number> y, index_t label, course& c) {
    index_t best = 0;
    double total = 0;
    for (index_t k = 1; k < y.columns(); ++k) {
      if (y.at(0, k) > y.at(0, best)) best = k;
    }
    for (index_t k = 0; k < y.columns(); ++k) {
      total += std::exp(double(y.at(0, k)) - double(y.at(0, best)));
    }
    c.losses.push_back(std::log(total) + double(y.at(0, best)) - double(y.at(0, label)));
    c.right.push_back(best == label);
  }

  model_type model_;
  settings settings_;
  const task_data& data_;
};

}  // namespace lra
