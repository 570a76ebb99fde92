// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// A plant that changed: adapt the dynamics on one record of it, measure on another.
#include <algorithm>
#include <attd/attd.hpp>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "comparison.hpp"

namespace demo {
namespace {

using backend = attd::default_backend;
using model_type = attd::models::dynamics_net<>;
using loss_type = attd::losses::output_error<>;
using engine_type = attd::adaptive_model<number, model_type, attd::adapters::low_rank, loss_type,
                                         any_controller, any_optimizer, backend>;
using record = attd::tasks::example<number>;

// Rows first .. first + count - 1 of a record, as an observation of input and measured output.
attd::observation<number> part(const record& r, index_t first, index_t count) {
  attd::observation<number> o;
  o.input = r.input.view().row_range(first, count);
  o.measured = r.target.view().row_range(first, count);
  return o;
}

struct fit {
  double error = 0;  ///< mean squared error, in variances of the training output
  double r2 = 0;
  std::vector<double> errors;  ///< per token
};

class plant_run {
 public:
  plant_run(engine_type& engine, const plant_data& data, const settings& s)
      : engine_(engine),
        data_(data),
        settings_(s),
        work_(engine.make_workspace()),
        scoring_(engine.make_workspace()) {}

  comparison_result run() {
    const double began = seconds_now();
    result_.block = "linear_ssm";
    result_.adapter = "low_rank";
    result_.notes.push_back(scored_free_running);
    choose();
    measure("in", data_.nominal[0], data_.test[0]);
    measure("shift", data_.transfer[0], data_.evaluation[0]);
    result_.seconds = seconds_now() - began;
    return std::move(result_);
  }

 private:
  static constexpr index_t maximum = 40;

  // The model simulates the whole record from rest; the washout is not scored.
  fit simulate(const record& r, index_t first, const engine_type::weights& psi) {
    const auto y =
        engine_.predict(attd::sequences::single(r.length()), {r.input.view(), {}}, psi, scoring_);
    fit f;
    std::vector<double> prediction, target;
    for (index_t t = std::max(first, settings_.washout); t < r.length(); ++t) {
      double e = 0;
      for (index_t c = 0; c < y.columns(); ++c) {
        e += attd::square(double(y(t, c) - r.target(t, c))) / double(y.columns());
        prediction.push_back(double(y(t, c)));
        target.push_back(double(r.target(t, c)));
      }
      f.errors.push_back(e);
    }
    f.error = attd::metrics::mean(f.errors);
    f.r2 = attd::metrics::r2(prediction, target);
    return f;
  }

  // Errors of `scored`, from row `first` on, after k = 0, 1, ... steps of adapting to `seen`.
  std::vector<double> walk(const attd::observation<number>& seen, const record& scored,
                           index_t first, index_t steps, attd::adaptation::report& r) {
    engine_.set_controller({attd::controllers::fixed{steps}});
    auto session = engine_.start();
    std::vector<double> errors;
    engine_.adapt({&seen, 1}, session, work_, r, {}, [&](index_t, const auto& now) {
      errors.push_back(simulate(scored, first, now.psi).error);
    });
    return errors;
  }

  static index_t best_of(const std::vector<double>& errors) {
    index_t best = 0;
    double least = std::numeric_limits<double>::infinity();  // no number is not below it
    for (std::size_t k = 0; k < errors.size(); ++k) {
      if (errors[k] < least) {
        least = errors[k];
        best = index_t(k);
      }
    }
    return best;
  }

  // Signal scale: windows of the training record. Rate and number of steps (of full adaptation at
  // least 1, of all others also 0): adapt on the first three quarters of `transfer`, score on its
  // last quarter. Thresholds: the gap between nominal windows and that part. Best fixed number on
  // nominal data: adapt on the part of the training record that was fitted, score on its last
  // fifth. `evaluation` is never looked at.
  void choose() {
    std::vector<attd::observation<number>> windows;
    for (const auto& e : data_.train) windows.push_back(part(e, 0, e.length()));
    attd::tasks::standardize_signal(engine_, std::span<const attd::observation<number>>(windows));
    const auto start = engine_.start();
    double highest = -std::numeric_limits<double>::infinity();
    for (const auto& o : windows) {
      highest = std::max(highest, engine_.dry_run(o, start, work_).signal);
    }
    const auto& transfer = data_.transfer[0];
    const index_t seen = transfer.length() * 3 / 4;
    const auto context = part(transfer, 0, seen);
    attd::adaptation::report r;
    double least = std::numeric_limits<double>::infinity();
    for (const auto& candidate :
         {any_optimizer::make_adam(0.002), any_optimizer::make_adam(0.005),
          any_optimizer::make_adam(0.01), any_optimizer::make_descent(0.05)}) {
      engine_.set_optimizer(candidate);
      const auto errors = walk(context, transfer, seen, maximum, r);
      for (std::size_t k = 1; k < errors.size(); ++k) {
        if (errors[k] < least) {
          least = errors[k];
          optimizer_ = candidate;
          full_steps_ = index_t(k);
          best_fixed_shifted_ = best_of(errors);
        }
      }
    }
    engine_.set_optimizer(optimizer_);
    result_.full_steps = full_steps_;
    if (full_steps_ == 0) {
      result_.notes.push_back(
          "no step on the split of transfer had a finite error: nothing adapts, every row is "
          "never");
      return;
    }
    const auto& nominal = data_.nominal[0];
    const index_t fitted = nominal.length() * 4 / 5;
    best_fixed_nominal_ = best_of(walk(part(nominal, 0, fitted), nominal, fitted, full_steps_, r));
    result_.notes.push_back("chosen on train and a split of transfer: " + optimizer_.name() +
                            ", rate " + support::format_number(optimizer_.rate()) + ", " +
                            std::to_string(full_steps_) + " steps; best fixed K on nominal data " +
                            std::to_string(best_fixed_nominal_));
    if (best_fixed_shifted_ == 0) {
      result_.notes.push_back(
          "no number of steps lowers the error on the split of transfer: gate and attd never "
          "adapt");
      return;
    }
    choose_levels(highest, engine_.dry_run(context, start, work_).signal);
  }

  // Thresholds evenly spaced between the hardest nominal window and the changed plant.
  void choose_levels(double highest, double signal) {
    if (!(signal > highest)) {
      result_.notes.push_back("the change does not show: s is " + support::format_number(signal) +
                              " on transfer and up to " + support::format_number(highest) +
                              " on nominal windows; gate and attd never adapt");
      return;
    }
    auto& t = result_.thresholds;
    for (index_t i = 0; i < full_steps_; ++i) {
      t.push_back(highest + 0.5 * (signal - highest) * double(i + 1) / double(full_steps_));
    }
    thresholds_ = {attd::controllers::threshold::from_thresholds(t)};
    gate_ = {attd::controllers::ponder_gate{0.5 * (highest + signal), full_steps_}};
  }

  void measure(const std::string& set, const record& context, const record& scored) {
    const auto seen = part(context, 0, context.length());
    attd::adaptation::report r;
    sample_course course;
    course.errors = walk(seen, scored, 0, full_steps_, r);
    course.signal = r.signal;
    course.oracle = best_of(course.errors);
    const auto never = add(set, "never", {attd::controllers::never{}}, seen, scored);
    const auto full = add(set, "full", {attd::controllers::fixed{full_steps_}}, seen, scored);
    add(set, "gate", gate_, seen, scored);
    const auto adapted = add(set, "attd", thresholds_, seen, scored);
    const index_t best = set == "in" ? best_fixed_nominal_ : best_fixed_shifted_;
    add(set, "best_fixed", {attd::controllers::fixed{best}}, seen, scored);
    add(set, "oracle", {attd::controllers::fixed{course.oracle}}, seen, scored);
    result_.notes.push_back(set + ": R2 " + support::format_fixed(never.r2, 4) + " -> " +
                            support::format_fixed(adapted.r2, 4) + " after ATTD (" +
                            std::to_string(accepted_) + " steps accepted, " +
                            support::format_seconds(seconds_) + " of adaptation)");
    if (set == "in") {
      result_.r2_nominal_before = never.r2;
      result_.r2_nominal_after = adapted.r2;
      result_.r2_nominal_full = full.r2;
      result_.notes.push_back("in: R2 " + support::format_fixed(full.r2, 4) +
                              " when all steps are forced on nominal data");
    } else {
      result_.r2_shifted_before = never.r2;
      result_.r2_shifted_after = adapted.r2;
    }
    course.requested = requested_;
    course.accepted = accepted_;
    while (index_t(course.errors.size()) <= full_steps_) {
      course.errors.push_back(course.errors.back());
    }
    result_.set_names.push_back(set);
    result_.courses.push_back({course});
  }

  fit add(const std::string& set, const std::string& method, const any_controller& controller,
          const attd::observation<number>& seen, const record& scored) {
    engine_.set_controller(controller);
    auto session = engine_.start();
    attd::adaptation::report r;
    engine_.adapt(seen, session, work_, r);
    const double began = seconds_now();
    const fit f = simulate(scored, 0, session.psi);
    support::result_row row{data_.name, result_.block, result_.adapter, set, method};
    row.error = f.error;
    const auto interval = attd::metrics::bootstrap_clustered(
        f.errors, attd::metrics::block_ids(index_t(f.errors.size()), 200), 0.95, 2000,
        settings_.seed);
    row.error_low = interval.low;
    row.error_high = interval.high;
    row.mean_steps = double(r.attempted);
    row.rejected_share = r.attempted > 0 ? double(r.rejected) / double(r.attempted) : 0;
    row.min_margin = r.smallest_margin();
    row.flops = r.flops + engine_.model().forward_flops(double(scored.length()));
    row.seconds = r.seconds + seconds_now() - began;
    result_.rows.push_back(row);
    if (method == "attd") {
      requested_ = r.requested;
      accepted_ = r.accepted;
      seconds_ = r.seconds;
      keep_example(set, scored, session.psi);
    }
    return f;
  }

  void keep_example(const std::string& set, const record& scored, const engine_type::weights& psi) {
    if (set == "in") return;
    const index_t shown = std::min<index_t>(300, scored.length());
    const auto copy = [&](const engine_type::weights& w, std::vector<double>& to) {
      const auto y = engine_.predict(attd::sequences::single(scored.length()),
                                     {scored.input.view(), {}}, w, work_);
      for (index_t t = scored.length() - shown; t < scored.length(); ++t) {
        to.push_back(double(y(t, 0)));
      }
    };
    copy(engine_.initial_weights(), result_.before);
    copy(psi, result_.after);
    for (index_t t = scored.length() - shown; t < scored.length(); ++t) {
      result_.target.push_back(double(scored.target(t, 0)));
    }
  }

  engine_type& engine_;
  const plant_data& data_;
  const settings& settings_;
  engine_type::workspace work_, scoring_;  // to adapt with; to predict with while adapting
  comparison_result result_;
  any_optimizer optimizer_;
  // Both stay with never where no change is seen, or no number of steps is better than none.
  any_controller thresholds_{attd::controllers::never{}}, gate_{attd::controllers::never{}};
  index_t full_steps_ = 0, requested_ = 0, accepted_ = 0;
  index_t best_fixed_nominal_ = 0, best_fixed_shifted_ = 0;
  double seconds_ = 0;
};

}  // namespace

comparison_result run_plant(const plant_data& data, const settings& s) {
  model_type model;
  model.input = data.inputs;
  model.output = data.outputs;
  model.depth = 2;
  model.state = 16;
  model.hidden = 24;
  model.width = 8;
  const auto theta =
      train_base(model, attd::losses::elementwise_rows<>{}, data.train, data.train_validation, s,
                 1500, 0.003, 16, "training dynamics_net", backend{});
  loss_type loss;
  loss.washout = s.washout;
  engine_type engine(model, attd::adapters::low_rank{}, loss, {}, {}, theta);
  return plant_run(engine, data, s).run();
}

}  // namespace demo
