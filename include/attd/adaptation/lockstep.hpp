// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Adapts many inputs together: one forward, one backward for all that still take a step.
#pragma once

#include <algorithm>
#include <attd/adaptation/adaptive_model.hpp>
#include <chrono>
#include <limits>
#include <span>
#include <utility>
#include <vector>

namespace attd::adaptation {

/// `adaptive_model::adapt_batch` for backends that want much work at once: inputs take their steps
/// in lockstep, each with fast weights, controller, rejections and report of its own.
///
/// A round takes one step of every input that wants one: their gradients from one backward, their
/// candidates' losses from one forward, over these inputs alone, packed end to end. So the cost
/// follows the mean number of steps; where few of the inputs of the last forward go on, theirs is
/// done again before the backward, if that is cheaper. Results are those of adapting to each input
/// alone, to the bit.
/// *Memory*: activations of all inputs that take a step together. With `most_tokens` inputs come in
/// groups, in their order, one group after the other: as many as have no more tokens in all, at
/// least one.
/// *Budget*: seconds count from the beginning of the call, for all inputs, and so do those of the
/// reports; only there the results differ from adapting alone.
/// *Errors*: those of `adaptive_model::adapt`, and inputs or targets of different channels in a
/// group; groups before it are adapted to then. Inputs that a loss makes several sequences of
/// (`consistency`) are adapted to one after the other.
template <class Adaptive>
class lockstep {
 public:
  using T = typename Adaptive::scalar;
  using session = typename Adaptive::session;

  /// Refers to the model, which must stay where it is.
  explicit lockstep(const Adaptive& model,
                    index_t most_tokens = std::numeric_limits<index_t>::max())
      : model_(&model),
        most_tokens_(most_tokens),
        alone_(model.make_workspace()),
        together_(model.frozen(), model.loss(), model.backend()) {}

  /// Adapts to each observation on its own, from psi_0.
  void adapt(std::span<const observation<T>> inputs, std::vector<session>& sessions,
             std::vector<report>& reports, const budget& limit = {}) {
    const auto began = std::chrono::steady_clock::now();
    const auto elapsed = [&] {
      return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    };
    sessions.resize(inputs.size());
    reports.resize(inputs.size());
    model_->refresh(alone_);  // theta may be another since the last call
    together_.take_base();
    for (std::size_t first = 0; first < inputs.size();) {
      const std::size_t count = group_at(inputs.subspan(first));
      sessions_ = std::span(sessions).subspan(first, count);
      reports_ = std::span(reports).subspan(first, count);
      adapt_group(inputs.subspan(first, count), limit, elapsed);
      first += count;
    }
  }

 private:
  using weights = typename Adaptive::weights;
  using rules = detail::step_rules<Adaptive>;
  using list = std::vector<std::size_t>;
  using Backend = typename Adaptive::backend_type;

  // One input on its way.
  struct course {
    prepared_input<T> input;
    detail::course_state state;
    weights gradient, candidate;
    typename Adaptive::optimizer_state candidate_state;
    inner_value<T> value;
    double margin = 0, forward = 0;
  };

  rules rule() const { return {*model_}; }
  session& session_of(std::size_t i) { return sessions_[i]; }
  report& report_of(std::size_t i) { return reports_[i]; }

  // How many inputs the first group has.
  std::size_t group_at(std::span<const observation<T>> inputs) const {
    std::size_t count = 1;
    index_t tokens = inputs.front().length();
    while (count < inputs.size() && inputs[count].length() <= most_tokens_ - tokens) {
      tokens += inputs[count++].length();
    }
    return count;
  }

  template <class Elapsed>
  void adapt_group(std::span<const observation<T>> inputs, const budget& limit, Elapsed elapsed) {
    courses_.resize(std::max(courses_.size(), inputs.size()));  // with the memory that they have
    running_.clear();
    packed_.clear();
    for (std::size_t i = 0; i < inputs.size(); ++i) prepare(i, inputs[i], limit);
    begin(limit);
    while (!running_.empty()) round(limit, elapsed);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      report_of(i).clamped_share = alone_.inner.clamped_share(session_of(i).psi);
      report_of(i).seconds = elapsed();
    }
  }

  // Puts an input on its way, unless there is nothing to do together with others.
  void prepare(std::size_t i, const observation<T>& input, const budget& limit) {
    session& s = session_of(i);
    report& r = report_of(i);
    model_->restart(s);
    r.clear(16);
    if (!alone_.inner.prepare(std::span(&input, 1), {model_->options().guard_fraction})) {
      rule().begin(rule().too_short(s.psi, alone_), false, limit, r);
    } else if (alone_.inner.data().batch.count() > 1) {
      model_->adapt(input, s, alone_, r, limit);
    } else {
      course& c = courses_[i];
      c.input = alone_.inner.own_input();
      c.state = {};
      operations::bring(model_->backend(), s.psi);
      operations::bring(model_->backend(), s.state);
      expect_like_the_others(c.input.data);
      c.forward = model_->model().forward_flops(double(c.input.data.batch.tokens()));
      running_.push_back(i);
    }
  }

  // Rows of inputs that are packed end to end are equally long.
  void expect_like_the_others(const losses::inner_data<T>& one) const {
    if (running_.empty()) return;
    const losses::inner_data<T>& first = courses_[running_.front()].input.data;
    const auto columns = [](const tensor<T>& t) { return t.empty() ? 0 : t.shape().columns(); };
    expect_equal("lockstep", "the number of input channels of an observation", columns(one.input),
                 columns(first.input));
    expect_equal("lockstep", "the number of target channels of an observation", columns(one.target),
                 columns(first.target));
  }

  void begin(const budget& limit) {
    evaluate(
        running_, [&](std::size_t i) -> const weights& { return session_of(i).psi; },
        rules::first(limit));
    keep_running([&](std::size_t i) {
      course& c = courses_[i];
      alone_.inner.apply(session_of(i).psi);
      const auto start = rule().judge(c.value, rule().margin_of(alone_), c.forward);
      rule().begin(start, !c.input.guard.empty(), limit, report_of(i));
      c.state.best = double(start.value.guard);
      return start.status == attd::status::ok;
    });
  }

  template <class Elapsed>
  void round(const budget& limit, Elapsed elapsed) {
    keep_running([&](std::size_t i) {
      const auto stop = rule().stops(report_of(i), limit, elapsed());
      return !stop || end(i, *stop);
    });
    gradients();
    keep_running([&](std::size_t i) {
      course& c = courses_[i];
      if (c.state.fresh_gradient) return true;
      report_of(i).flops += 2.0 * c.forward;
      c.state.fresh_gradient = true;
      return operations::all_finite(backend(), c.gradient) ||
             end(i, attd::status::non_finite_gradient);
    });
    trial_.clear();
    keep_running([&](std::size_t i) {
      course& c = courses_[i];
      if (rule().propose(session_of(i), c.gradient, c.state.rate_factor, alone_, report_of(i),
                         c.margin)) {
        std::swap(c.candidate, alone_.candidate);
        std::swap(c.candidate_state, alone_.candidate_state);
        trial_.push_back(i);
        return true;
      }
      return counted(i, false);
    });
    const bool go_on = std::any_of(trial_.begin(), trial_.end(), [&](std::size_t i) {
      const report& r = report_of(i);
      return rule().next(r.attempted + 1, r, limit) == followed_by::gradient;
    });
    evaluate(
        trial_, [&](std::size_t i) -> const weights& { return courses_[i].candidate; },
        go_on ? followed_by::gradient : followed_by::nothing);
    for (const std::size_t i : trial_) {
      course& c = courses_[i];
      report_of(i).flops += c.forward;
      const bool accepted = rule().settle(c.value, c.margin, session_of(i), c.candidate,
                                          c.candidate_state, c.state.best, report_of(i));
      if (!counted(i, accepted)) std::erase(running_, i);
    }
  }

  bool counted(std::size_t i, bool accepted) {
    return rule().count(accepted, session_of(i), courses_[i].state, report_of(i)) ||
           end(i, attd::status::stopped_by_rejections);
  }
  bool end(std::size_t i, attd::status how) {
    rule().end(how, report_of(i));
    return false;
  }
  template <class F>
  void keep_running(F f) {
    std::erase_if(running_, [&](std::size_t i) { return !f(i); });
  }

  // Losses of some inputs, at the fast weights that psi_of(i) gives.
  template <class F>
  void evaluate(const list& who, F psi_of, followed_by next) {
    evaluated_ = who;
    if (who.empty()) return;
    pack(who, psi_of);
    together_.evaluate(psi_, next);
    index_t first = 0;
    for (const std::size_t i : who) {
      courses_[i].value = together_.value_of(courses_[i].input, first);
      first += courses_[i].input.data.weight.size();
    }
  }

  // Gradients of those that have taken the last candidate over, or have had none yet.
  void gradients() {
    needed_.clear();
    for (const std::size_t i : running_) {
      if (!courses_[i].state.fresh_gradient) needed_.push_back(i);
    }
    if (needed_.empty()) return;
    if (3 * needed_.size() < 2 * evaluated_.size()) {  // a forward and a backward of them cost less
      evaluate(
          needed_, [&](std::size_t i) -> const weights& { return session_of(i).psi; },
          followed_by::gradient);
    }
    give_sets(gradient_, static_cast<index_t>(evaluated_.size()));
    together_.gradient(psi_, gradient_);
    for (std::size_t at = 0; at < evaluated_.size(); ++at) {
      course& c = courses_[evaluated_[at]];
      if (c.state.fresh_gradient) continue;
      give_sets(c.gradient, 1);
      operations::copy_set(backend(), gradient_, static_cast<index_t>(at), c.gradient, 0);
    }
  }

  // The inputs as one batch, a sequence each, and their fast weights with one sample for each. The
  // same inputs again stay where they are, with what was recorded of them.
  template <class F>
  void pack(const list& who, F psi_of) {
    if (who != packed_) {
      packed_.clear();
      pack_inputs(who);
      packed_ = who;
    }
    give_sets(psi_, static_cast<index_t>(who.size()));
    for (std::size_t at = 0; at < who.size(); ++at) {
      operations::copy_set(backend(), psi_of(who[at]), 0, psi_, static_cast<index_t>(at));
    }
  }
  void pack_inputs(const list& who) {
    losses::inner_data<T>& all = together_.own_input().data;
    all.batch.clear();
    all.ids.clear();
    all.target_ids.clear();
    for (const std::size_t i : who) {
      const losses::inner_data<T>& one = courses_[i].input.data;
      all.batch.append(one.batch.tokens());
      all.ids.insert(all.ids.end(), one.ids.begin(), one.ids.end());
      all.target_ids.insert(all.target_ids.end(), one.target_ids.begin(), one.target_ids.end());
    }
    join(who, all.input, [](const auto& d) -> const tensor<T>& { return d.input; });
    join(who, all.target, [](const auto& d) -> const tensor<T>& { return d.target; });
    join(who, all.weight, [](const auto& d) -> const tensor<T>& { return d.weight; });
    join(who, all.guard_weight, [](const auto& d) -> const tensor<T>& { return d.guard_weight; });
    together_.own_input().find_runs();
  }
  // Leaves with so many sets, in the backend's memory; their numbers are unspecified.
  void give_sets(weights& w, index_t sets) {
    const weights& one = model_->initial_weights();
    if (w.count() != one.count()) zeros_like(one, w);
    for_each_leaf(
        [&](auto& leaf, const auto& like) {
          if (like.empty()) return;
          shape s = like.shape();
          s.extents[0] *= sets;
          if (!(leaf.shape() == s)) operations::resize(backend(), leaf, s);
          operations::bring(backend(), leaf);
        },
        w, one);
  }
  Backend& backend() { return together_.backend(); }
  // Tensors of rows, one below the other; a vector's numbers are its rows.
  template <class F>
  void join(const list& who, tensor<T>& all, F part_of) {
    const tensor<T>& first = part_of(courses_[who.front()].input.data);
    if (first.empty()) {
      all = tensor<T>();
      return;
    }
    index_t rows = 0;
    for (const std::size_t i : who) rows += part_of(courses_[i].input.data).extent(0);
    shape s = first.shape();
    s.extents[0] = rows;
    all.resize(s);
    T* to = all.data();
    for (const std::size_t i : who) {
      const tensor<T>& part = part_of(courses_[i].input.data);
      to = std::copy_n(part.data(), part.size(), to);
    }
  }

  const Adaptive* model_;
  index_t most_tokens_;
  typename Adaptive::workspace alone_;
  typename Adaptive::problem together_;
  std::vector<course> courses_;
  std::span<session> sessions_;  ///< of the group
  std::span<report> reports_;
  list running_, trial_, evaluated_, needed_;
  list packed_;  ///< whose inputs `together_` holds
  weights psi_, gradient_;
};

}  // namespace attd::adaptation
