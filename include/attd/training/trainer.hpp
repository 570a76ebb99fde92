// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Trains base models: minibatches, exact gradients, clipping, AdamW.
#pragma once

#include <attd/adaptation/output_loss.hpp>
#include <attd/adaptation/parallel.hpp>
#include <attd/core/dynamics.hpp>
#include <attd/core/leaves.hpp>
#include <attd/core/random.hpp>
#include <attd/losses/row_losses.hpp>
#include <attd/tasks/example.hpp>
#include <attd/training/adamw.hpp>
#include <attd/training/batch.hpp>
#include <cmath>
#include <limits>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace attd::training {

/// How to train. All but `threads` decides what comes out.
struct trainer_options {
  cosine_schedule schedule{};
  adamw optimizer{};
  index_t batch = 16;
  double clip = 1.0;    ///< global norm of the gradient (<= 0: none)
  index_t washout = 0;  ///< first tokens of an example that are not scored; the model's counts too
  index_t threads = 1;
  index_t shards = 4;  ///< parts of a batch summed in a fixed order: results do not depend on
                       ///< the number of threads
  std::uint64_t seed = 0;
};

/// What the visitor of io/model_config.hpp writes and checks: all that decides what comes out.
template <class Visitor>
void describe(Visitor& v, trainer_options& o) {
  constexpr double most = std::numeric_limits<double>::max();
  constexpr double least = std::numeric_limits<double>::min();
  v.type("trainer");
  v.real("rate", o.schedule.rate, 0, most);
  v.size("warmup", o.schedule.warmup, 0);
  v.size("steps", o.schedule.steps, 0);
  v.real("final_share", o.schedule.final_share, 0, 1);
  v.real("beta1", o.optimizer.beta1, 0, std::nextafter(1.0, 0.0));
  v.real("beta2", o.optimizer.beta2, 0, std::nextafter(1.0, 0.0));
  v.real("epsilon", o.optimizer.epsilon, least, most);
  v.real("weight_decay", o.optimizer.weight_decay, 0, most);
  v.size("batch", o.batch, 1);
  v.real("clip", o.clip, -most, most);
  v.size("washout", o.washout, 0);
  v.size("shards", o.shards, 1);
  v.seed("seed", o.seed);
}

/// What a step reported.
struct step_result {
  double loss = 0;
  double gradient_norm = 0;  ///< before clipping
  double rate = 0;
  bool skipped = false;  ///< loss or gradient was not finite; parameters are untouched
};

namespace detail {

/// Throws for the first option that is out of range.
class option_check {
 public:
  void type(const char*) {}
  void seed(const char*, std::uint64_t) {}
  void size(const char* name, index_t value, index_t least) {
    if (value < least) {
      fail("trainer: ", name, " is ", value, ", expected at least ", least);
    }
  }
  void real(const char* name, double value, double low, double high) {
    if (!(is_finite(value) && value >= low && value <= high)) {
      fail("trainer: ", name, " is ", value, ", expected a number from ", low, " to ", high);
    }
  }
};

}  // namespace detail

/// Trains the parameters of one model on examples.
///
/// *Formula*: mean over scored rows of RowLoss(model(x), target), gradients by the model's exact
/// backward, clipped by global norm, AdamW. Which examples a step sees is a function of (seed,
/// step): with the state saved (checkpoint.hpp), training continues bit for bit. The number of
/// threads changes nothing, the number of shards the order of sums.
/// *Cost*: a forward and a backward of the batch; with one thread, allocates nothing after every
/// shard has seen its largest part.
/// *Errors*: throws for options out of range and examples that do not fit (see `example_reader`);
/// a step whose loss or gradient is not finite changes nothing but the counts.
/// *See*: train.hpp, which validates, stops early and keeps the best parameters.
template <class T, class Model, class RowLoss, class Backend>
class trainer {
 public:
  using scalar = T;
  using model_type = Model;
  using parameters = typename Model::template parameters<T>;
  using examples = std::span<const tasks::example<T>>;

  /// `p` is trained in place, in the backend's memory, and must outlive the trainer.
  trainer(const Model& model, const RowLoss& loss, const trainer_options& options, parameters& p,
          Backend backend = {})
      : model_(model), loss_(loss), options_(options), parameters_(&p) {
    detail::option_check check;
    describe(check, options_);
    reader_.washout = example_reader<Model, RowLoss>::effective_washout(model_, options.washout);
    zeros_like(p, state_.first);
    zeros_like(p, state_.second);
    zeros_like(p, total_);
    decays_ = decaying_leaves(p);
    every_.assign(static_cast<std::size_t>(model_.systems()), 1);
    chosen_.reserve(static_cast<std::size_t>(options.batch));
    for (index_t i = 0; i < options.shards; ++i) {
      shards_.push_back(std::make_unique<shard>(backend));
      zeros_like(p, shards_.back()->gradient);
      operations::bring(backend, shards_.back()->gradient);
    }
    operations::bring(backend, p);
  }

  const Model& model() const { return model_; }
  const trainer_options& options() const { return options_; }
  const parameters& current() const { return *parameters_; }
  parameters& current() { return *parameters_; }
  const adamw_state<parameters>& state() const { return state_; }
  adamw_state<parameters>& state() { return state_; }
  /// Steps in all, by the schedule.
  index_t steps() const { return options_.schedule.steps; }
  /// Steps so far, those that were skipped included.
  index_t step_count() const { return step_; }
  /// Steps so far whose loss or gradient was not finite.
  index_t skipped_count() const { return skipped_; }
  void set_step_count(index_t step, index_t skipped = 0) {
    step_ = step;
    skipped_ = skipped;
  }

  /// One update on a random batch of `data`.
  step_result step(examples data) {
    expect_some(data);
    random_stream random{options_.seed, 0x7472, 0};
    random = random.split(static_cast<std::uint64_t>(step_));
    chosen_.clear();
    for (index_t i = 0; i < options_.batch; ++i) {
      chosen_.push_back(random.index(static_cast<index_t>(data.size())));
    }
    step_result result;
    result.loss = gradient_of_chosen(data);
    result.gradient_norm = std::sqrt(squared_norm(total_));
    result.rate = options_.schedule.at(step_);
    ++step_;
    if (!is_finite(result.gradient_norm) || !is_finite(result.loss)) {
      result.skipped = true;
      ++skipped_;
      return result;
    }
    if (options_.clip > 0 && result.gradient_norm > options_.clip) {
      const T scale = T(options_.clip / result.gradient_norm);
      for_each_leaf(
          [&](auto& g) {
            for (index_t i = 0; i < g.size(); ++i) g.data()[i] *= scale;
          },
          total_);
    }
    options_.optimizer.step(result.rate, total_, *parameters_, state_, decays_);
    return result;
  }

  /// Mean loss of `data` under the current parameters (each example weighs by its scored rows).
  /// Computed in parts of `batch` examples, so memory does not grow with the data.
  double evaluate(examples data) {
    expect_some(data);
    const auto n = static_cast<index_t>(data.size());
    index_t rows = 0;
    for (index_t i = 0; i < n; ++i) rows += reader_.scored_rows(data, i);
    double loss = 0;
    for (index_t first = 0; first < n; first += options_.batch) {
      chosen_.clear();
      for (index_t i = first; i < std::min(n, first + options_.batch); ++i) chosen_.push_back(i);
      loss += accumulate(data, rows, [&](shard& s) { return forward(s, false); });
    }
    return loss;
  }

  /// Mean loss of all of `data`; its gradient, not clipped, goes to `total()`.
  double gradient(examples data) {
    expect_some(data);
    chosen_.clear();
    for (index_t i = 0; i < static_cast<index_t>(data.size()); ++i) chosen_.push_back(i);
    return gradient_of_chosen(data);
  }
  /// The gradient of the last step (clipped) or of the last `gradient`.
  const parameters& total() const { return total_; }

 private:
  struct shard {
    explicit shard(const Backend& b) : backend(b) {}
    Backend backend;
    losses::inner_data<T> data;
    adaptation::output_loss<Model, RowLoss, T, T> output;
    layers<dynamics<T>> base, d_base;
    typename Model::template cache<T> cache;
    parameters gradient;
    bool used = false;
    double loss = 0;
  };

  static void expect_some(examples data) {
    if (data.empty())
      fail("trainer: there are no examples; hint: is the data empty or all held out?");
  }

  double gradient_of_chosen(examples data) {
    index_t rows = 0;
    for (index_t i : chosen_) rows += reader_.scored_rows(data, i);
    const double loss = accumulate(data, rows, [&](shard& s) {
      zero_leaves(s.gradient);
      const double l = forward(s, true);
      backward(s);
      return l;
    });
    zero_leaves(total_);
    for (const auto& s : shards_) {
      if (s->used) add_leaves(s->gradient, total_);
    }
    return loss;
  }

  /// work(shard) on every part of the chosen examples; the sum of what it returns, in the order of
  /// the parts. `rows` is the number of scored rows that the loss is a mean of.
  template <class Work>
  double accumulate(examples data, index_t rows, Work work) {
    const auto n = static_cast<index_t>(chosen_.size());
    const auto parts = static_cast<index_t>(shards_.size());
    adaptation::parallel_for(options_.threads, parts, [&](index_t, index_t p) {
      shard& s = *shards_[static_cast<std::size_t>(p)];
      const index_t first = n * p / parts, last = n * (p + 1) / parts;
      s.used = last > first;
      s.loss = 0;
      if (!s.used) return;
      const auto part = std::span<const index_t>(chosen_).subspan(
          static_cast<std::size_t>(first), static_cast<std::size_t>(last - first));
      reader_.read(data, part, T(1) / T(rows), s.data);
      s.loss = work(s);
    });
    double loss = 0;
    for (const auto& s : shards_) loss += s->used ? s->loss : 0.0;
    return loss;
  }

  /// The loss; `with_gradient`: also what `backward` goes on from.
  double forward(shard& s, bool with_gradient) const {
    model_.base_dynamics(*parameters_, s.base);
    model_.reset_states(s.data.batch.count(), s.cache);
    operations::bring(s.backend, s.base);
    operations::bring(s.backend, s.cache.initial);
    losses::bring_data(s.backend, s.data);
    s.output.prepare(model_, s.data.batch);
    s.output.forward(s.backend, model_, *parameters_, s.base, loss_, s.data, s.cache, with_gradient,
                     s.gradient);
    s.output.complete(s.backend, loss_, s.data, std::as_const(s.cache));
    return double(losses::weighted_sum(s.output.scratch.rows, s.data.weight));
  }

  void backward(shard& s) const {
    const auto weight = std::as_const(s.data.weight).view();
    s.output.differentiate(s.backend, loss_, s.data, weight, s.cache);
    zeros_like(s.base, s.d_base);
    operations::bring(s.backend, s.d_base);
    s.output.backward(s.backend, model_, *parameters_, s.base, loss_, s.data, weight, s.cache, true,
                      s.gradient, s.d_base, every_);
    operations::finish(s.backend);
    model_.base_dynamics_backward(*parameters_, s.d_base, s.gradient);
  }

  Model model_;
  RowLoss loss_;
  trainer_options options_;
  parameters* parameters_;
  example_reader<Model, RowLoss> reader_;
  parameters total_;
  adamw_state<parameters> state_;
  std::vector<char> decays_;  // one a leaf
  std::vector<char> every_;   // one a system: gradients of all dynamics are wanted
  std::vector<std::unique_ptr<shard>> shards_;
  std::vector<index_t> chosen_;
  index_t step_ = 0;
  index_t skipped_ = 0;
};

}  // namespace attd::training
