// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The inner problem: internal loss of an input as a function of the fast weights, and its gradient.
#pragma once

#include <attd/adaptation/adapted_dynamics.hpp>
#include <attd/adaptation/frozen_model.hpp>
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

  /// Loss at psi. Effective dynamics and activations are kept for `gradient`.
  inner_value<scalar> evaluate(const weights& psi) {
    if (!shared_) losses::bring_data(backend_, own_.data);
    const losses::inner_data<real>& data = input().data;
    start_from_zero(data.batch.count());
    if constexpr (dynamics_type::on_backend) {
      if (!dynamics_.stage(backend_, psi)) forget();
    } else {
      apply(psi);
    }
    operations::replay(backend_, forward_, [&] {
      if constexpr (dynamics_type::on_backend) dynamics_.apply_staged(backend_);
      forward(data.batch, data.model_input());
    });
    const auto output = std::as_const(cache_).output().view();
    operations::finish(backend_);  // a loss may look at the output
    loss_->evaluate(backend_, output, data, scratch_);
    operations::finish(backend_);
    expect_equal("internal loss", "the number of weights", data.weight.size(),
                 scratch_.rows.size());
    return value_of(input(), 0);
  }
  /// Loss and guard loss of one of several inputs that were evaluated together, whose output rows
  /// begin with row `first`.
  inner_value<scalar> value_of(const prepared_input<real>& one, index_t first) const {
    const auto& [data, scored, guard] = one;
    inner_value<scalar> value;
    value.loss = losses::weighted_sum(scratch_.rows, data.weight, scored, first);
    value.guard = guard.empty()
                      ? value.loss
                      : losses::weighted_sum(scratch_.rows, data.guard_weight, guard, first);
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

  /// Runs the model with the current dynamics from zero states; the output stays in `output()`.
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
    forward(batch, brought(input));
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
    backward_.forget();
  }
  // The input must be where the backend computes.
  void forward(const sequences& batch, const sequence_input<real>& input) {
    frozen_->model.forward(backend_, batch, frozen_->parameters, dynamics_.effective, input,
                           cache_);
  }
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

  static index_t channels(view<const real> v) { return v.shape().rank == 0 ? 0 : v.columns(); }

  // factor d loss / d effective dynamics, of the systems that are wanted, and into d_theta; then
  // what there is to do with them.
  template <class Parameters, class Then>
  void backward_to_dynamics(Parameters& d_theta, const std::vector<char>& wanted,
                            primal_t<scalar> factor, const Then& then) {
    const losses::inner_data<real>& data = input().data;
    const auto output = std::as_const(cache_).output().view();
    operations::clear(backend_, d_output_, output.shape());
    operations::finish(backend_);
    loss_->backward(backend_, output, data, std::as_const(data.weight).view(), scratch_,
                    d_output_.view());
    if (factor != primal_t<scalar>(1)) {
      operations::finish(backend_);
      for (index_t r = 0; r < output.rows(); ++r) {
        for (index_t c = 0; c < output.columns(); ++c) {
          d_output_.view().at(r, c) = scalar(d_output_.view().at(r, c)) * factor;
        }
      }
    }
    dynamics_.clear_gradients(backend_, wanted);
    const auto backward = [&] {
      frozen_->model.backward(backend_, data.batch, frozen_->parameters, dynamics_.effective,
                              data.model_input(), cache_, std::as_const(d_output_).view(), d_theta,
                              dynamics_.d_effective, wanted);
      then();
    };
    constexpr bool of_theta =
        !std::is_same_v<Parameters, typename Model::template parameters<none>>;
    if constexpr (of_theta) {  // which go elsewhere every time
      backward();
    } else {
      operations::replay(backend_, backward_, backward);
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
  losses::loss_scratch<scalar> scratch_;
  tensor<scalar> d_output_;
  operations::recording<Backend> forward_, backward_;  ///< of the input, while it stays
  tensor<real> staged_;                                ///< an input in the backend's memory
  typename Model::template parameters<none> no_parameters_;
};

}  // namespace attd::adaptation
