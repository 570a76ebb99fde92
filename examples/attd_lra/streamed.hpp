// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// A trainer whose batches are made on a thread of their own, and which writes a log.
#pragma once

#include <attd/training/log.hpp>
#include <attd/training/prefetch.hpp>
#include <cmath>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "data.hpp"

namespace lra {

/// Where a run's log goes, and after which steps its validations come (0: after none).
struct log_options {
  std::filesystem::path path;  ///< empty: none; `.jsonl` and `.json`: JSON lines, else CSV
  index_t validate_every = 0;
};

/// Another trainer, fed by a prefetcher: what a step sees is batch(step), so a run that is resumed
/// at a step sees what it would have seen. With the interface that `run_training` and checkpoints
/// ask for.
///
/// A step's row of the log is on the disk before the checkpoint of that step is written: a run that
/// is killed at any moment and resumed has every row once.
template <class Trainer>
class streamed {
 public:
  using scalar = typename Trainer::scalar;
  using model_type = typename Trainer::model_type;
  using parameters = typename Trainer::parameters;

  streamed(Trainer& trainer, std::function<examples(index_t)> batch, log_options log)
      : trainer_(trainer), batch_(std::move(batch)), log_options_(std::move(log)) {}

  const model_type& model() const { return trainer_.model(); }
  const auto& options() const { return std::as_const(trainer_).options(); }
  const parameters& current() const { return std::as_const(trainer_).current(); }
  parameters& current() { return trainer_.current(); }
  const auto& state() const { return std::as_const(trainer_).state(); }
  auto& state() { return trainer_.state(); }
  index_t steps() const { return trainer_.steps(); }
  index_t step_count() const { return trainer_.step_count(); }
  index_t skipped_count() const { return trainer_.skipped_count(); }
  void set_step_count(index_t step, index_t skipped = 0) {
    trainer_.set_step_count(step, skipped);
    source_.reset();
    log_.reset();
  }

  /// One update on the next batch; `run_training` passes examples that are not looked at.
  template <class Examples>
  attd::training::step_result step(const Examples&) {
    start();
    last_ = trainer_.step_on(source_->next());
    const index_t done = step_count(), every = log_options_.validate_every;
    validates_ = done == steps() || (every > 0 && done % every == 0);
    if (!validates_) write(std::numeric_limits<double>::quiet_NaN());
    return last_;
  }

  template <class Examples>
  double evaluate(const Examples& validation) {
    const double loss = trainer_.evaluate(validation);
    if (validates_) {
      write(loss);
      if (log_) log_->sync();
      validates_ = false;
    }
    return loss;
  }

 private:
  void start() {
    if (source_) return;
    attd::training::prefetch_options o;
    o.first = step_count();
    o.end = steps();
    o.capacity = 4;
    source_ = std::make_unique<attd::training::prefetcher<examples>>(batch_, o);
    if (log_options_.path.empty()) return;
    using attd::training::training_log;
    const auto end = log_options_.path.extension();
    const auto format = end == ".jsonl" || end == ".json" ? attd::training::log_format::json_lines
                                                          : attd::training::log_format::csv;
    const std::vector<std::string> columns = {"loss",     "task_loss", "mean_steps",
                                              "gradient", "rate",      "validation_loss"};
    log_ = o.first == 0 ? training_log::create(log_options_.path, columns, format)
                        : training_log::resume(log_options_.path, columns, o.first, format);
  }

  void write(double validation) {
    if (!log_) return;
    log_->write(step_count(), {last_.loss, last_.task, last_.mean_steps, last_.gradient_norm,
                               last_.rate, validation});
  }

  Trainer& trainer_;
  std::function<examples(index_t)> batch_;
  log_options log_options_;
  std::unique_ptr<attd::training::prefetcher<examples>> source_;
  std::optional<attd::training::training_log> log_;
  attd::training::meta_step_result last_;
  bool validates_ = false;
};

}  // namespace lra
