// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The inner problem: internal loss of an input as a function of the fast weights, and its gradient.
#pragma once

#include <attd/adaptation/adapted_dynamics.hpp>
#include <attd/adaptation/frozen_model.hpp>
#include <attd/adaptation/output_loss.hpp>
#include <attd/adaptation/prepared_input.hpp>
#include <attd/core/dynamics.hpp>
#include <attd/core/leaves.hpp>
#include <attd/losses/from_formula.hpp>
#include <attd/operations/constants.hpp>
#include <attd/operations/memory.hpp>
#include <attd/operations/numbers.hpp>
#include <attd/operations/replay.hpp>
#include <vector>

namespace attd::adaptation {

/// What follows an evaluation: nothing, or its gradient, of which a part is then made on the way
/// where that saves work.
enum class followed_by { nothing, gradient };

/// The inner problem of one input at a time, with all memory that it needs (one per thread).
///
/// *Formula*: L(theta, psi) = sum_r w_r loss_r(model(x; theta, adapter(A_0, psi))). T is the number
/// type of theta, D that of psi: T, or a dual of it for directional derivatives, where the
/// tangents of the gradients are d/de grad L(theta, psi + e v), products with second
/// derivatives. `Loss` is an internal loss, or a row loss whose data was prepared elsewhere.
/// *Cost*: `evaluate` one forward, `gradient` one backward down to the lowest adapted system, or
/// through the whole model where gradients of theta are asked for by type: at test time no code
/// for them exists. Neither allocates once it has seen the sizes. What a function has computed can
/// be read when it returns.
template <class Model, class Adapter, class Loss, class Backend, class T, class D = T>
class inner_problem {
 public:
  using scalar = promote_t<T, D>;
  using real = primal_t<T>;  ///< of inputs and what the loss makes of them
  using dynamics_type = adapted_dynamics<Model, Adapter, Backend, T, D>;
  using weights = fast_weights<Adapter, D>;
  using gradient_type = fast_weights<Adapter, scalar>;
  using frozen = frozen_model<Model, Adapter, T>;
  using output_type = output_loss<Model, Loss, real, scalar>;

  inner_problem(const frozen& f, const Loss& loss, Backend backend)
      : frozen_(&f), loss_(&loss), backend_(std::move(backend)), dynamics_(f) {
    take_base();
  }

  /// Reads the base dynamics anew; to be called when theta has changed.
  void take_base() {
    forget();
    operations::hold_constant(backend_, frozen_->parameters);
    dynamics_.take_base(backend_);
  }

  /// Takes an input: what follows is about it. Returns false, and there is then nothing to
  /// evaluate, where an observation is too short for the loss or no row is scored.
  /// *Errors*: an empty group, observations of different channels, and what the loss throws.
  bool prepare(std::span<const observation<real>> group, const losses::guard_split& split) {
    if (group.empty()) fail("adapt: the group has no observation, expected at least 1");
    bool long_enough = true;
    for (const auto& o : group) {
      expect_equal("adapt", "the number of input channels of an observation", channels(o.input),
                   channels(group.front().input));
      expect_equal("adapt", "the number of measured channels of an observation",
                   channels(o.measured), channels(group.front().measured));
      long_enough = long_enough && o.length() >= losses::detail::least_length(*loss_, o);
    }
    shared_ = nullptr;
    forget();
    if (!long_enough) return false;
    loss_->prepare(group, split, own_.data);
    own_.find_runs();
    return own_.data.has_scored();
  }

  /// What was prepared; may be filled by others, who then call `find_runs` on it.
  prepared_input<real>& own_input() {
    shared_ = nullptr;
    forget();
    return own_;
  }
  /// From now on evaluates an input that another problem has prepared, and keeps; a copy of it
  /// where the backend cannot read it.
  void share_input(const prepared_input<real>& input) {
    shared_ = &input;
    forget();
    if constexpr (requires { backend_.memory(); }) {
      if (input.data.weight.memory() != backend_.memory()) {
        own_ = input;
        shared_ = nullptr;
      }
    }
  }

  /// Loss at psi. Effective dynamics and activations are kept for `gradient`, which may be called
  /// whatever was expected to follow, with the same results.
  inner_value<scalar> evaluate(const weights& psi, followed_by next = followed_by::nothing) {
    if (!shared_) losses::bring_data(backend_, own_.data);
    const losses::inner_data<real>& data = input().data;
    start_from_zero(data.batch.count());
    if constexpr (dynamics_type::on_backend) {
      if (!dynamics_.stage(backend_, psi)) forget();
    } else {
      apply(psi);
    }
    if (!laid_out_) output_.prepare(frozen_->model, data.batch);
    laid_out_ = true;
    has_output_gradient_ = output_.in_chunks() && next == followed_by::gradient;
    operations::replay(backend_, has_output_gradient_ ? forward_too_ : forward_, [&] {
      if constexpr (dynamics_type::on_backend) dynamics_.apply_staged(backend_);
      output_.forward(backend_, frozen_->model, frozen_->parameters, dynamics_.effective, *loss_,
                      data, cache_, has_output_gradient_, no_parameters_);
    });
    output_.complete(backend_, *loss_, data, std::as_const(cache_));
    expect_equal("internal loss", "the number of weights", data.weight.size(), rows().size());
    return value_of(input(), 0);
  }
  /// Loss and guard loss of one of several inputs that were evaluated together, whose output rows
  /// begin with row `first`.
  inner_value<scalar> value_of(const prepared_input<real>& one, index_t first) const {
    const auto& [data, scored, guard] = one;
    inner_value<scalar> value;
    value.loss = losses::weighted_sum(rows(), data.weight, scored, first);
    value.guard =
        guard.empty() ? value.loss : losses::weighted_sum(rows(), data.guard_weight, guard, first);
    return value;
  }

  /// g = factor d loss / d psi at the psi of the last `evaluate`.
  void gradient(const weights& psi, gradient_type& g, primal_t<scalar> factor = 1) {
    if constexpr (dynamics_type::on_backend) {
      dynamics_.stage(backend_, psi);  // something else may have been since
      if (!dynamics_.clear_staged_gradient(backend_, g)) backward_.forget();
      backward_to_dynamics(no_parameters_, frozen_->adapted, factor,
                           [&] { dynamics_.pull_staged(backend_); });
      if (operations::lies_with(backend_, g)) {
        operations::copy_leaves(backend_, dynamics_.staged_gradient, g);
        operations::finish(backend_);
      } else {
        convert_leaves(dynamics_.staged_gradient, g);
      }
    } else {
      backward_to_dynamics(no_parameters_, frozen_->adapted, factor, [] {});
      zero_leaves(g);
      dynamics_.pull(psi, g);
    }
  }

  /// g = factor d loss / d psi and d_theta += factor d loss / d theta at the psi of the last
  /// `evaluate`. `every` has one true entry per system. Gradients are of `scalar`.
  template <class Parameters>
  void gradient(const weights& psi, gradient_type& g, Parameters& d_theta,
                const std::vector<char>& every, primal_t<scalar> factor = 1) {
    operations::bring(backend_, d_theta);
    backward_to_dynamics(d_theta, every, factor, [] {});
    zero_leaves(g);
    dynamics_.pull(psi, g, d_base_);
    frozen_->model.base_dynamics_backward(frozen_->parameters, d_base_, d_theta);
  }

  /// Makes psi's dynamics the current ones.
  void apply(const weights& psi) { dynamics_.apply(backend_, psi); }

  /// The share of the adapted numbers that the adapter holds at a limit; 0 where it has none. What
  /// `gradient` has computed of the dynamics is lost.
  double clamped_share(const weights& psi) { return dynamics_.clamped_share(backend_, psi); }

  /// Runs the model with the current dynamics from zero states; the output stays in `output()`,
  /// where an `evaluate` need not leave one.
  void run(const sequences& batch, const sequence_input<real>& input) {
    start_from_zero(batch.count());
    run_on(batch, input);
  }
  /// The same from the states in `states()`, which the caller has set.
  void run_from_states(const sequences& batch, const sequence_input<real>& input) {
    zero_states_ = -1;
    operations::bring(backend_, cache_.initial);
    run_on(batch, input);
  }

  const tensor<scalar>& output() const { return cache_.output(); }
  /// What `run_from_states` starts from: the next `evaluate` or `run` makes them zero again.
  auto& states() {
    zero_states_ = -1;
    return cache_.initial;
  }
  auto& final_states() { return cache_.final; }
  const auto& effective() const { return dynamics_.effective; }
  const prepared_input<real>& input() const { return shared_ ? *shared_ : own_; }
  const losses::inner_data<real>& data() const { return input().data; }
  Backend& backend() { return backend_; }
  bool adapts(index_t l) const { return frozen_->adapts(l); }

 private:
  void run_on(const sequences& batch, const sequence_input<real>& input) {
    forget();
    frozen_->model.forward(backend_, batch, frozen_->parameters, dynamics_.effective,
                           brought(input), cache_);
    operations::finish(backend_);
  }
  // Zero states for so many sequences. To forwards they are const, so they are written once.
  void start_from_zero(index_t count) {
    if (count == zero_states_) return;
    zero_states_ = -1;
    frozen_->model.reset_states(count, cache_);
    operations::bring(backend_, cache_.initial);
    zero_states_ = count;
  }
  // What comes is not what was recorded.
  void forget() {
    forward_.forget();
    forward_too_.forget();
    backward_.forget();
    laid_out_ = false;
  }
  const tensor<scalar>& rows() const { return output_.scratch.rows; }
  // An input whose numbers are where the backend computes: the caller's lie anywhere.
  sequence_input<real> brought(const sequence_input<real>& input) {
    if constexpr (requires { backend_.memory(); }) {
      if (input.values.shape().rank > 0) {
        operations::bring(backend_, staged_);
        staged_.resize(input.values.shape());
        losses::detail::copy_rows(input.values, staged_.view());
        return {std::as_const(staged_).view(), input.ids};
      }
    }
    return input;
  }

  // The weights of rows times a factor, where backends read them. What they do is done.
  view<const real> weight_times(real factor) {
    const tensor<real>& weight = input().data.weight;
    if (factor == real(1)) return weight.view();
    operations::resize(backend_, weight_, weight.shape());
    for (index_t r = 0; r < weight.size(); ++r) weight_(r) = real(weight(r)) * factor;
    return std::as_const(weight_).view();
  }

  static index_t channels(view<const real> v) { return v.shape().rank == 0 ? 0 : v.columns(); }

  // factor d loss / d effective dynamics, of the systems that are wanted, and into d_theta; then
  // what there is to do with them.
  template <class Parameters, class Then>
  void backward_to_dynamics(Parameters& d_theta, const std::vector<char>& wanted,
                            primal_t<scalar> factor, const Then& then) {
    constexpr bool of_theta =
        !std::is_same_v<Parameters, typename Model::template parameters<none>>;
    const losses::inner_data<real>& data = input().data;
    const view<const real> weight = weight_times(factor);
    // Gradients of theta go elsewhere every time; which rows have a weight other than 0 decides
    // what is called, and a factor may make more of them 0.
    const bool repeats = !of_theta && factor == primal_t<scalar>(1);
    const bool ready = has_output_gradient_ && repeats;
    if (!ready) has_output_gradient_ = false;  // its memory is taken
    if (repeats && std::exchange(recorded_ready_, ready) != ready) backward_.forget();
    const auto differentiate = [&] {
      output_.differentiate(backend_, *loss_, data, weight, cache_);
    };
    if constexpr (!output_type::of_rows) {
      differentiate();
      operations::finish(backend_);
    }
    dynamics_.clear_gradients(backend_, wanted);
    const auto backward = [&] {
      if constexpr (output_type::of_rows) differentiate();
      output_.backward(backend_, frozen_->model, frozen_->parameters, dynamics_.effective, *loss_,
                       data, weight, cache_, ready, d_theta, dynamics_.d_effective, wanted);
      then();
    };
    if (repeats) {
      operations::replay(backend_, backward_, backward);
    } else {
      backward();
    }
    operations::finish(backend_);
  }

  const frozen* frozen_;
  const Loss* loss_;
  Backend backend_;
  prepared_input<real> own_;
  const prepared_input<real>* shared_ = nullptr;
  dynamics_type dynamics_;
  layers<dynamics<scalar>> d_base_;
  index_t zero_states_ = -1;  ///< for how many sequences there are zero states
  typename Model::template cache<scalar> cache_;
  output_type output_;
  bool laid_out_ = false;                              ///< whether output_ knows the input
  bool has_output_gradient_ = false;                   ///< whether the last evaluation has made it
  bool recorded_ready_ = false;                        ///< whether backward_ was recorded with it
  operations::recording<Backend> forward_, backward_;  ///< of the input, while it stays
  operations::recording<Backend> forward_too_;  ///< of the forward that differentiates the output
  tensor<real> staged_;                         ///< an input in the backend's memory
  tensor<real> weight_;                         ///< the input's weights times a factor
  typename Model::template parameters<none> no_parameters_;
};

}  // namespace attd::adaptation
