// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The laws of the StateSpaceBlock concept, measured on any block and backend.
#pragma once

#include <attd/blocks/step.hpp>
#include <attd/concepts/block.hpp>
#include <attd/testing/detail/block_point.hpp>
#include <attd/testing/gradient_check.hpp>
#include <attd/testing/laws.hpp>
#include <cmath>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace attd::testing {

/// Limits and settings of `block_laws`.
struct block_law_options {
  double gradient = 1e-7;       ///< L1, relative (see gradient_error)
  double tangent = 1e-6;        ///< L7, relative
  double rounding = 0;          ///< L2, L3: relative; 0 = bit for bit, right for `reference`
  double gradient_sum = 1e-11;  ///< L1 adding, L3 gradients: sums taken in another order, relative
  double jitter = 0.05;         ///< how far parameters and dynamics are moved from where they start
  std::uint64_t seed = 1;
};

namespace detail {

// The laws with and without time scales: shared dynamics without, each sequence's own with.
template <StateSpaceBlock B, class Backend, bool Own>
class block_law_suite {
 public:
  block_law_suite(const B& block, Backend& backend, const block_law_options& options,
                  std::vector<law_measurement>& out)
      : block_(block), backend_(backend), options_(options), out_(out) {}

  void run() {
    gradients();
    if constexpr (B::causal) {
      steps();
      split();
      causality();
    }
    batches();
    asked_gradients();
    tangents();
  }

 private:
  static constexpr bool timescales = Own && B::kind != dynamics_kind::dense_discrete;
  template <class T>
  using tau = std::conditional_t<timescales, T, none>;
  template <class T>
  using point = block_point<B, T, tau<T>>;
  template <class T>
  using result = block_result<B, T>;

  point<double> random_point(const sequences& batch) const {
    const random_stream random{options_.seed, Own ? 2u : 1u};
    point<double> at;
    block_.initialize(random.split(0), at.parameters);
    auto move = at.parameters;
    fill_normal(random.split(1), options_.jitter, move);
    at.parameters = moved(at.parameters, move, 1.0);
    dynamics<double> base;
    block_.base_dynamics(at.parameters, base);
    const auto spread = [&](const tensor<double>& from, tensor<double>& to, random_stream r) {
      if (from.empty()) return;
      shape s = from.shape();
      s.extents[0] = Own ? batch.count() : 1;
      to.resize(s);
      // A factor keeps signs, and so the stability of tables.
      for (index_t i = 0; i < to.size(); ++i) {
        to.data()[i] = from.data()[i % from.size()] * (1.0 + options_.jitter * r.normal());
      }
    };
    spread(base.matrix, at.dynamics.matrix, random.split(2));
    spread(base.imaginary, at.dynamics.imaginary, random.split(3));
    if constexpr (timescales) {
      at.dynamics.log_timescale.resize({batch.count(), block_.layout().timescales});
      fill_normal(random.split(4), 0.2, at.dynamics.log_timescale);
    }
    at.x.resize({batch.tokens(), block_.inputs()});
    fill_normal(random.split(5), 1.0, at.x);
    block_.reset_state(batch.count(), at.initial);
    fill_normal(random.split(6), 0.5, at.initial);
    return at;
  }
  result<double> random_cotangents(const sequences& batch, std::uint64_t part) const {
    result<double> r;
    r.y.resize({batch.tokens(), block_.outputs()});
    block_.reset_state(batch.count(), r.final);
    fill_normal(random_stream{options_.seed, 3}.split(part), 1.0, r);
    return r;
  }

  template <class T>
  result<T> forward(const sequences& batch, const point<T>& at) const {
    typename B::template cache<T> cache;
    return forward(batch, at, cache);
  }
  template <class T>
  result<T> forward(const sequences& batch, const point<T>& at,
                    typename B::template cache<T>& cache) const {
    result<T> r;
    r.y.resize({batch.tokens(), block_.outputs()});
    block_.forward(backend_, batch, at.parameters, at.dynamics, std::as_const(at.x).view(),
                   at.initial, cache, r.y.view(), r.final);
    return r;
  }
  template <class T>
  point<T> gradient_at(const sequences& batch, const point<T>& at,
                       const result<T>& cotangents) const {
    point<T> d;
    zeros_like(at, d);
    add_gradient(batch, at, cotangents, d.x, d.parameters, d.dynamics, d.initial);
    return d;
  }
  template <class T, class DX, class DP, class DM, class DTau, class DI>
  void add_gradient(const sequences& batch, const point<T>& at, const result<T>& cotangents,
                    tensor<DX>& d_x, DP& d_p, dynamics<DM, DTau>& d_dyn, DI& d_initial) const {
    typename B::template cache<T> cache;
    forward(batch, at, cache);
    block_.backward(backend_, batch, at.parameters, at.dynamics, std::as_const(at.x).view(),
                    at.initial, cache, std::as_const(cotangents.y).view(), cotangents.final,
                    d_x.view(), d_p, d_dyn, d_initial);
  }

  void record(const char* law, const std::string& what, double error, double limit) const {
    out_.push_back(
        {law, what + (Own ? ", dynamics of each sequence" : ", shared dynamics"), error, limit});
  }
  template <class A>
  void record_close(const char* law, const char* what, const A& found, const A& expected,
                    double limit) const {
    record(law, what, relative_error(flatten(found), flatten(expected)), limit);
  }
  template <class A>
  void record_equal(const char* law, const char* what, const A& found, const A& expected) const {
    record(law, what, different_numbers(expected, found), 0);
  }

  void gradients() const {
    const sequences batch{1, 4, 2};
    point<double> at = random_point(batch);
    const result<double> weights = random_cotangents(batch, 0);
    const point<double> gradient = gradient_at(batch, at, weights);
    const tensor<double> w = flatten(weights);
    const auto inner = [](const tensor<double>& a, const tensor<double>& b) {
      double sum = 0;
      for (index_t i = 0; i < a.size(); ++i) sum += a.data()[i] * b.data()[i];
      return sum;
    };
    check_leaves("backward", [&] { return inner(w, flatten(forward(batch, at))); }, at, gradient);

    point<double> sum = gradient, start = gradient;
    fill_normal(random_stream{options_.seed, 4}, 1.0, start);
    sum = start;
    add_gradient(batch, at, weights, sum.x, sum.parameters, sum.dynamics, sum.initial);
    record_close("L1", "backward adds to what is there", moved(sum, start, -1.0), gradient,
                 options_.gradient_sum);

    dynamics<double> base, d_base;
    block_.base_dynamics(at.parameters, base);
    d_base = base;
    fill_normal(random_stream{options_.seed, 5}, 1.0, d_base);
    auto d_p = at.parameters;
    zero_leaves(d_p);
    block_.base_dynamics_backward(at.parameters, d_base, d_p);
    const tensor<double> v = flatten(d_base);
    const auto loss = [&] {
      block_.base_dynamics(at.parameters, base);
      return inner(v, flatten(base));
    };
    check_leaves("base_dynamics_backward", loss, at.parameters, d_p);
  }
  template <class F, class A>
  void check_leaves(const std::string& place, F loss, A& at, const A& gradient) const {
    const double whole = norm(flatten(gradient));
    const std::vector<std::string> names = tensor_names(at);
    std::size_t i = 0;
    each_tensor(
        [&](tensor<double>& leaf, const tensor<double>& g) {
          record("L1", place + ", gradient of " + names[i++], gradient_error(loss, leaf, g, whole),
                 options_.gradient);
        },
        at, gradient);
  }

  void steps() const {
    const index_t count = 2, length = 5;
    const sequences batch = sequences::equal(count, length), one = sequences::equal(count, 1);
    const point<double> at = random_point(batch);
    result<double> stepped = forward(batch, at);
    const result<double> whole = stepped;
    typename B::template cache<double> cache;
    typename B::template state<double> next;
    stepped.final = at.initial;
    tensor<double> y({count, block_.outputs()});
    for (index_t t = 0; t < length; ++t) {
      const tensor<double> x = cut(batch, at.x, t, t + 1);
      blocks::step(backend_, block_, one, at.parameters, at.dynamics, x.view(), stepped.final, next,
                   cache, y.view());
      for (index_t s = 0; s < count; ++s) {
        for (index_t c = 0; c < block_.outputs(); ++c) {
          stepped.y(batch.offset(s) + t, c) = y(s, c);
        }
      }
    }
    record_close("L2", "steps against one scan", stepped, whole, options_.rounding);
  }

  void split() const {
    const index_t count = 2, length = 7, middle = 3;
    const sequences batch = sequences::equal(count, length);
    const sequences first = sequences::equal(count, middle);
    const sequences second = sequences::equal(count, length - middle);
    point<double> at = random_point(batch);
    const result<double> whole = forward(batch, at), d_whole = random_cotangents(batch, 1);
    point<double> head = at, tail = at;
    head.x = cut(batch, at.x, 0, middle);
    tail.x = cut(batch, at.x, middle, length);
    const result<double> out_head = forward(first, head);
    tail.initial = out_head.final;
    const result<double> out_tail = forward(second, tail);
    const result<double> halves{out_tail.y, out_tail.final};
    record_close("L3", "outputs before the cut", out_head.y, cut(batch, whole.y, 0, middle),
                 options_.rounding);
    record_close("L3", "outputs and state after the cut", halves,
                 {cut(batch, whole.y, middle, length), whole.final}, options_.rounding);

    const point<double> gradient = gradient_at(batch, at, d_whole);
    const result<double> d_tail{cut(batch, d_whole.y, middle, length), d_whole.final};
    const point<double> g_tail = gradient_at(second, tail, d_tail);
    const result<double> d_head{cut(batch, d_whole.y, 0, middle), g_tail.initial};
    const point<double> g_head = gradient_at(first, head, d_head);
    record_close("L3", "gradient of x before the cut", g_head.x, cut(batch, gradient.x, 0, middle),
                 options_.gradient_sum);
    record_close("L3", "gradient of x after the cut", g_tail.x,
                 cut(batch, gradient.x, middle, length), options_.gradient_sum);
    record_close("L3", "gradient of parameters, summed",
                 moved(g_head.parameters, g_tail.parameters, 1.0), gradient.parameters,
                 options_.gradient_sum);
    record_close("L3", "gradient of dynamics, summed", moved(g_head.dynamics, g_tail.dynamics, 1.0),
                 gradient.dynamics, options_.gradient_sum);
    record_close("L3", "gradient of the initial state", g_head.initial, gradient.initial,
                 options_.gradient_sum);
  }

  void batches() const {
    const sequences batch{5, 1, 3, 2};
    const point<double> at = random_point(batch);
    const result<double> whole = forward(batch, at), weights = random_cotangents(batch, 2);
    const point<double> gradient = gradient_at(batch, at, weights);
    const auto compare = [&](const std::vector<index_t>& which, const char* values,
                             const char* gradients) {
      const sequences part = select(batch, which);
      const point<double> at_part = select(batch, at, which);
      record_equal("L4", values, forward(part, at_part), select(batch, whole, which));
      point<double> found = gradient_at(part, at_part, select(batch, weights, which));
      point<double> expected = select(batch, gradient, which);
      // Sums over sequences cannot be the same for other sequences.
      found.parameters = expected.parameters;
      if constexpr (!Own) found.dynamics = expected.dynamics;
      record_equal("L4", gradients, found, expected);
    };
    compare({3, 0, 2, 1}, "a batch in another order", "gradients in another order");
    for (index_t s = 0; s < batch.count(); ++s) {
      compare({s}, "a sequence alone", "gradients of a sequence alone");
    }
  }

  void causality() const {
    const sequences batch{3, 6};
    const index_t seen = 3 + 2;
    point<double> at = random_point(batch);
    const result<double> before = forward(batch, at);
    for (index_t t = seen; t < batch.tokens(); ++t) {
      for (index_t c = 0; c < block_.inputs(); ++c) at.x(t, c) += 1.0 + double(t);
    }
    const result<double> after = forward(batch, at);
    const auto head = [&](const tensor<double>& y) {
      return select_tokens(sequences{seen, batch.tokens() - seen}, y, {0});
    };
    record_equal("L5", "outputs before changed tokens", head(after.y), head(before.y));
  }

  void asked_gradients() const {
    const sequences batch{2, 3};
    const point<double> at = random_point(batch);
    const result<double> weights = random_cotangents(batch, 3);
    const point<double> all = gradient_at(batch, at, weights);
    tensor<none> no_x;
    typename B::template parameters<none> no_p;
    dynamics<none> no_dyn;
    typename B::template state<none> no_state;
    point<double> d;
    zeros_like(at, d);
    add_gradient(batch, at, weights, d.x, no_p, no_dyn, no_state);
    record_equal("L6", "gradient of x alone", d.x, all.x);
    add_gradient(batch, at, weights, no_x, d.parameters, no_dyn, no_state);
    record_equal("L6", "gradient of parameters alone", d.parameters, all.parameters);
    add_gradient(batch, at, weights, no_x, no_p, d.dynamics, no_state);
    record_equal("L6", "gradient of dynamics alone", d.dynamics, all.dynamics);
    add_gradient(batch, at, weights, no_x, no_p, no_dyn, d.initial);
    record_equal("L6", "gradient of the initial state alone", d.initial, all.initial);
    if constexpr (timescales) {
      dynamics<double> matrix_only;
      zeros_like(dynamics<double>{at.dynamics.matrix, at.dynamics.imaginary, {}}, matrix_only);
      add_gradient(batch, at, weights, no_x, no_p, matrix_only, no_state);
      record_equal("L6", "gradient of the matrix alone", matrix_only.matrix, all.dynamics.matrix);
      dynamics<none, double> tau_only;
      tau_only.log_timescale.assign(at.dynamics.log_timescale.shape());
      add_gradient(batch, at, weights, no_x, no_p, tau_only, no_state);
      record_equal("L6", "gradient of the time scale alone", tau_only.log_timescale,
                   all.dynamics.log_timescale);
    }
  }

  void tangents() const {
    using D = dual<double>;
    const sequences batch{1, 3};
    const point<double> at = random_point(batch);
    point<double> along = at;
    fill_normal(random_stream{options_.seed, 6}, 0.5, along);
    const point<D> moving = with_tangents<point<D>>(at, along);
    record("L7", "tangent of forward",
           directional_error([&](double h) { return flatten(forward(batch, moved(at, along, h))); },
                             flatten_tangents(forward(batch, moving))),
           options_.tangent);
    const result<double> weights = random_cotangents(batch, 4), turn = random_cotangents(batch, 5);
    const auto gradient = [&](double h) {
      return flatten(gradient_at(batch, moved(at, along, h), moved(weights, turn, h)));
    };
    const point<D> second = gradient_at(batch, moving, with_tangents<result<D>>(weights, turn));
    record("L7", "tangent of backward", directional_error(gradient, flatten_tangents(second)),
           options_.tangent);
  }

  const B& block_;
  Backend& backend_;
  const block_law_options& options_;
  std::vector<law_measurement>& out_;
};

}  // namespace detail

/// Measures the laws L1 to L7 of the StateSpaceBlock concept (attd/concepts/block.hpp) on `block`,
/// twice: with dynamics shared by all sequences, and with each sequence's own and, for systems in
/// continuous time, time scales.
///
/// *Units and ranges*: choose small sizes (2 to 4 channels and states) that are all different, so
/// that mixed-up dimensions show. *Cost*: two forwards for each number that has a gradient.
/// *Example*: `for (const auto& text : violated_laws(measure_block_laws(mine, backend)))
/// std::puts(text.c_str());`
template <class B, class Backend>
std::vector<law_measurement> measure_block_laws(const B& block, Backend& backend,
                                                const block_law_options& options = {}) {
  static_assert(attd::check_block<B>());
  static_assert(attd::detail::has_kind<B>, "attd: the laws of blocks need a StateSpaceBlock");
  std::vector<law_measurement> measured;
  detail::block_law_suite<B, Backend, false>(block, backend, options, measured).run();
  detail::block_law_suite<B, Backend, true>(block, backend, options, measured).run();
  return measured;
}

}  // namespace attd::testing
