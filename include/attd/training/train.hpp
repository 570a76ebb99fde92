// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Trains a model with held-out validation: keeps the best parameters, stops early, resumes.
#pragma once

#include <algorithm>
#include <attd/backends/reference.hpp>
#include <attd/training/checkpoint.hpp>
#include <attd/training/trainer.hpp>
#include <concepts>
#include <filesystem>
#include <span>
#include <type_traits>

namespace attd::training {

/// Options of the steps, and of what surrounds them; `trainer.schedule.steps` is how many there
/// are.
struct train_options {
  trainer_options trainer{};
  index_t evaluate_every = 0;  ///< steps between validations; 0: an eighth of all steps
  index_t patience = 0;        ///< stop after so many validations without a new best; 0: never
  /// Written at every validation; when it is there at the start, training goes on from it. Empty:
  /// none.
  std::filesystem::path checkpoint{};
};

/// What the callback of `train` is told after every step.
struct train_progress {
  index_t step = 0;   ///< steps done
  index_t steps = 0;  ///< steps in all
  step_result last{};
  bool validated = false;  ///< whether this step was followed by a validation
  double validation = 0;   ///< its loss, if so
  bool improved = false;   ///< whether it was the best so far
};

enum class stop_reason {
  finished,  ///< all steps were done
  patience,  ///< the validation loss did not fall any more
  callback,  ///< the callback returned false
};

/// The best parameters and how they came about.
template <class P>
struct train_result {
  P parameters;
  double validation_loss = 0;  ///< of these parameters
  index_t best_step = 0;       ///< steps after which they were found
  index_t steps = 0;           ///< steps done
  index_t skipped = 0;         ///< of which left everything as it was (see `step_result`)
  stop_reason stopped = stop_reason::finished;
};

/// For those who want to hear nothing.
struct no_callback {
  void operator()(const train_progress&) const {}
};

/// The number type of a range of examples.
template <class Examples>
using example_scalar_t = typename std::remove_cvref_t<
    decltype(std::declval<const typename Examples::value_type&>().input)>::scalar;

/// Runs a trainer to the end of its schedule: steps, validations, the best parameters, checkpoints.
/// `trainer` is any class with the interface of `training::trainer` (see also `meta_trainer`).
/// *Errors, callback, resume*: as `train`.
template <class Trainer, class Examples, class Callback = no_callback>
train_result<typename Trainer::parameters> run_training(Trainer& trainer, const Examples& data,
                                                        const Examples& validation,
                                                        const train_options& options,
                                                        Callback callback = {}) {
  using P = typename Trainer::parameters;
  const index_t steps = trainer.steps();
  if (steps < 1) fail("train: steps is ", steps, ", expected at least 1");
  if (options.evaluate_every < 0 || options.patience < 0) {
    fail("train: evaluate_every and patience are ", options.evaluate_every, " and ",
         options.patience, ", expected at least 0 each");
  }
  if (std::empty(data)) fail("train: there are no examples to train on");
  if (std::empty(validation)) {
    fail("train: there are no examples to validate on; hint: keep some out of the training data");
  }
  const index_t interval =
      options.evaluate_every > 0 ? options.evaluate_every : std::max<index_t>(1, steps / 8);
  validation_record<P> record;
  if (!options.checkpoint.empty() && std::filesystem::exists(options.checkpoint)) {
    load_checkpoint(options.checkpoint, trainer, record);
  }
  const auto out_of_patience = [&] {
    return options.patience > 0 && record.waited >= options.patience;
  };
  stop_reason reason = stop_reason::finished;
  while (trainer.step_count() < steps && !out_of_patience()) {
    train_progress progress{.steps = steps, .last = trainer.step(data)};
    progress.step = trainer.step_count();
    progress.validated = progress.step % interval == 0 || progress.step == steps;
    if (progress.validated) {
      progress.validation = trainer.evaluate(validation);
      ++record.waited;
      if (is_finite(progress.validation) && progress.validation < record.least) {
        progress.improved = true;
        record.least = progress.validation;
        record.best_step = progress.step;
        record.waited = 0;
        convert_leaves(std::as_const(trainer).current(), record.parameters);
      }
      if (!options.checkpoint.empty()) save_checkpoint(options.checkpoint, trainer, record);
    }
    if constexpr (std::same_as<std::invoke_result_t<Callback&, const train_progress&>, bool>) {
      if (!callback(std::as_const(progress)) && progress.step < steps) {
        reason = stop_reason::callback;
        break;
      }
    } else {
      callback(std::as_const(progress));
    }
  }
  if (reason == stop_reason::finished && trainer.step_count() < steps) {
    reason = stop_reason::patience;
  }
  if (!record.any()) {
    if (reason != stop_reason::callback) {
      fail("train: no validation gave a finite loss in ", trainer.step_count(), " steps, ",
           trainer.skipped_count(), " of them skipped; hint: a smaller rate");
    }
    record.least = trainer.evaluate(validation);  // stopped before the first validation
    record.best_step = trainer.step_count();
    convert_leaves(std::as_const(trainer).current(), record.parameters);
  }
  return {std::move(record.parameters), record.least, record.best_step, trainer.step_count(),
          trainer.skipped_count(),      reason};
}

/// Trains `model` on `data`, validates on `validation`, which it never trains on, and returns the
/// parameters with the least validation loss.
///
/// *Start*: `start`, or where null the model's own initialisation from `options.trainer.seed`.
/// *Callback*: `void(const train_progress&)`, or bool: false stops after that step; a last
/// validation is then left out, so that a run that is resumed equals one that was not stopped.
/// *Resume*: with `options.checkpoint`, a second call with the same arguments goes on from the last
/// validation and gives, bit for bit, the result of a run without interruption.
/// *Cost*: `trainer.schedule.steps` steps of `trainer`, a forward of all of `validation` every
/// `evaluate_every` steps and after the last.
/// *Errors*: `attd::error` for options out of range, no examples, examples that do not fit (see
/// `example_reader`), a checkpoint that does not fit, and when no validation gave a finite loss.
template <class Model, class RowLoss, class Examples, class Callback = no_callback,
          class Backend = reference>
auto train(
    const Model& model, const RowLoss& loss, const Examples& data, const Examples& validation,
    const train_options& options, Callback callback = {}, Backend backend = {},
    const std::type_identity_t<typename Model::template parameters<example_scalar_t<Examples>>>*
        start = nullptr) {
  using T = example_scalar_t<Examples>;
  using P = typename Model::template parameters<T>;
  P p;
  if (start) {
    p = *start;
  } else {
    model.initialize(random_stream{options.trainer.seed, 0x696e6974}, p);
  }
  trainer<T, Model, RowLoss, Backend> trainer(model, loss, options.trainer, p, backend);
  return run_training(trainer, data, validation, options, std::move(callback));
}

}  // namespace attd::training
