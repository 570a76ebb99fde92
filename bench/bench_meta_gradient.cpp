// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Exact second-order gradients through K inner steps, for psi_0 alone and for all parameters.
//   bench_meta_gradient [options of Google Benchmark]
//   bench_meta_gradient --table [repetitions]: the cost in units of what a gradient goes through
#include <attd/adaptation/adaptive_model.hpp>
#include <attd/adaptation/parallel.hpp>
#include <attd/adaptation/walk_back.hpp>
#include <attd/controllers/simple.hpp>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <support/backend.hpp>
#include <support/language_model.hpp>
#include <support/main.hpp>
#include <support/memory.hpp>
#include <support/meta_table.hpp>
#include <utility>
#include <vector>

namespace {

using namespace attd;
using namespace attd_bench;

// Unclipped, so that the step's own derivative is the identity and the rest is the second order; so
// large that the second order is a good part of the gradient of a model with random weights.
constexpr optimizers::gradient_descent descent{.rate = 1000, .clip = 0};

// Each sample adapts to one sequence and is scored by the next-token loss on another.
struct sample {
  token_sequence context, scored;
  sample(const lm_shape& s, index_t i)
      : context(s, s.length + 1, std::uint64_t(2 * i)),
        scored(s, s.length + 1, std::uint64_t(2 * i + 1)) {}
};
void prepare(const lm_loss& loss, const token_sequence& x,
             adaptation::prepared_input<float>& input) {
  const auto seen = x.seen();
  loss.prepare(std::span<const observation<float>>(&seen, 1), {0.0}, input.data);
  input.find_runs();
}

// The gradient with respect to psi_0 alone, composed from inner problems: K steps forward, the task
// loss, then per step back  lambda <- lambda - rate H_k lambda,  H_k lambda the tangent of the
// gradient at psi_k + e lambda. No gradient of theta is computed.
class through_psi {
 public:
  through_psi(const lm_shape& s, index_t steps, index_t threads) : frozen_(make_frozen(s)) {
    psi0_ = make_weights(frozen_, 0);
    for (index_t t = 0; t < threads; ++t) {
      workers_.push_back(std::make_unique<worker>(frozen_, loss_, psi0_, steps));
    }
    for (index_t i = 0; i < s.batch; ++i) {
      const sample x(s, i);
      contexts_.emplace_back();
      tasks_.emplace_back();
      prepare(loss_, x.context, contexts_.back());
      prepare(loss_, x.scored, tasks_.back());
      gradients_.push_back(psi0_);
    }
  }
  through_psi(const through_psi&) = delete;

  /// The gradients of all samples; `gradient` gives their sum.
  void run() {
    adaptation::parallel_for(
        index_t(workers_.size()), index_t(contexts_.size()), [&](index_t thread, index_t i) {
          const auto at = std::size_t(i);
          workers_[std::size_t(thread)]->run(psi0_, contexts_[at], tasks_[at], gradients_[at]);
        });
  }
  lm_weights gradient() const {
    lm_weights sum;
    zeros_like(psi0_, sum);
    for (const auto& g : gradients_) add_leaves(g, sum);
    return sum;
  }
  const lm_frozen& frozen() const { return frozen_; }
  const lm_weights& psi0() const { return psi0_; }

 private:
  using D = dual<float>;
  using plain = adaptation::inner_problem<language_model, lm_adapter, lm_loss, eigen, float>;
  using tangent = adaptation::inner_problem<language_model, lm_adapter, lm_loss, eigen, float, D>;

  struct worker {
    plain inner;
    tangent second;
    std::vector<lm_weights> psi;  // psi_0 .. psi_K
    lm_weights gradient;
    tangent::weights at, product;
    optimizers::no_state<lm_weights> none_kept;

    worker(const lm_frozen& f, const lm_loss& loss, const lm_weights& psi0, index_t steps)
        : inner(f, loss, make_backend()),
          second(f, loss, make_backend()),
          psi(std::size_t(steps + 1), psi0),
          gradient(psi0) {
      zeros_like(psi0, at);
      zeros_like(psi0, product);
    }
    void run(const lm_weights& psi0, const adaptation::prepared_input<float>& context,
             const adaptation::prepared_input<float>& task, lm_weights& lambda) {
      convert_leaves(psi0, psi[0]);
      inner.share_input(context);
      for (std::size_t k = 0; k + 1 < psi.size(); ++k) {
        inner.evaluate(psi[k]);
        inner.gradient(psi[k], gradient);
        convert_leaves(psi[k], psi[k + 1]);
        descent.step(index_t(k), 1.0, gradient, psi[k + 1], none_kept);
      }
      inner.share_input(task);
      inner.evaluate(psi.back());
      inner.gradient(psi.back(), lambda);
      second.share_input(context);
      for (std::size_t k = psi.size() - 1; k-- > 0;) {
        convert_leaves(psi[k], at);
        for_each_leaf([](auto& p, const auto& v) { convert(v, p.tangent); }, at, lambda);
        second.evaluate(at);
        second.gradient(at, product);
        for_each_leaf(
            [](auto& l, const auto& h) {
              for (index_t j = 0; j < l.size(); ++j) {
                l.data()[j] -= float(descent.rate) * h.tangent.data()[j];
              }
            },
            lambda, product);
      }
    }
  };

  lm_frozen frozen_;
  lm_loss loss_;
  lm_weights psi0_;
  std::vector<std::unique_ptr<worker>> workers_;
  std::vector<adaptation::prepared_input<float>> contexts_, tasks_;
  std::vector<lm_weights> gradients_;
};

// The same by the library's walk back, with the gradients of all base parameters.
class through_all {
 public:
  using adaptive = adaptive_model<float, language_model, lm_adapter, lm_loss, controllers::fixed,
                                  optimizers::gradient_descent, eigen>;
  using walk = adaptation::walk_back<adaptive, lm_loss>;

  through_all(const lm_shape& s, index_t steps, index_t threads)
      : steps_(steps), engine_(make(s, steps)) {
    for (index_t t = 0; t < threads; ++t) {
      workers_.push_back(std::make_unique<worker>(engine_, loss_));
      zeros_like(engine_.theta(), workers_.back()->out.theta);
      zeros_like(engine_.initial_weights(), workers_.back()->out.psi0);
    }
    for (index_t i = 0; i < s.batch; ++i) samples_.emplace_back(s, i);
    weights_.task.assign(std::size_t(steps + 1), 0.0);
    weights_.visit.assign(std::size_t(steps + 1), 0);
    weights_.movement.assign(std::size_t(steps), 0.0);
    weights_.task.back() = 1;
    weights_.visit.back() = 1;
  }
  through_all(const through_all&) = delete;

  void run() {
    for (auto& w : workers_) {
      zero_leaves(w->out.theta);
      zero_leaves(w->out.psi0);
    }
    adaptation::parallel_for(index_t(workers_.size()), index_t(samples_.size()),
                             [&](index_t thread, index_t i) {
                               worker& w = *workers_[std::size_t(thread)];
                               const sample& x = samples_[std::size_t(i)];
                               const auto seen = x.context.seen();
                               w.back.adapt(std::span<const observation<float>>(&seen, 1), steps_);
                               prepare(loss_, x.scored, w.back.task_input());
                               w.complete = w.back(weights_, adaptation::chain::exact, 0, w.out,
                                                   [](std::span<const double>) { return 0.0; }) &&
                                            w.back.taken().steps() == steps_ && w.complete;
                             });
  }
  bool complete() const {
    for (const auto& w : workers_) {
      if (!w->complete) return false;
    }
    return true;
  }
  lm_weights gradient() const {
    lm_weights sum;
    zeros_like(engine_.initial_weights(), sum);
    for (const auto& w : workers_) add_leaves(w->out.psi0, sum);
    return sum;
  }

 private:
  struct worker {
    worker(const adaptive& engine, const lm_loss& loss) : back(engine, loss) {}
    walk back;
    typename walk::gradients out;
    bool complete = true;  // every step was taken and walked back
  };
  static adaptive make(const lm_shape& s, index_t steps) {
    lm_frozen f = make_frozen(s);
    adaptation::options options;
    options.guard_fraction = 0;
    options.least_improvement = -std::numeric_limits<double>::infinity();
    adaptive m(f.model, f.adapter, {}, controllers::fixed{steps}, descent, f.parameters, options,
               make_backend());
    m.set_initial_weights(make_weights(f, 0));
    return m;
  }

  index_t steps_;
  adaptive engine_;
  lm_loss loss_;
  std::vector<std::unique_ptr<worker>> workers_;
  std::vector<sample> samples_;
  adaptation::outer_weights weights_;
};

template <class Work>
void add(const char* which, const lm_shape& s, index_t steps, index_t threads) {
  const std::string name = std::string("meta_gradient/mamba_lm/") + which + s.name() +
                           axes({{"K", steps}, {"threads", threads}});
  auto* b = benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
    const double k = double(steps);
    const double bound = lm_bound_seconds(s, {k + 1, k + 1, k, k}, int(threads));
    const peak_memory memory;
    Work work(s, steps, threads);
    work.run();  // takes its memory
    for (auto _ : state) work.run();
    if constexpr (requires { work.complete(); }) {
      if (!work.complete()) attd_bench::fail(state, "a step was rejected or a gradient not finite");
    }
    report(state, s.tokens() * double(s.layers * 2 * s.width * s.states), bound);
    report_time(state, "ns_per_token", s.tokens());
    memory.report(state);
  });
  b->Unit(benchmark::kMillisecond);
  if (threads > 1) b->UseRealTime();
}

// Both ways must give the same gradient of psi_0.
bool ways_agree() {
  const lm_shape small{.batch = 2, .length = 32, .width = 16};
  through_psi psi(small, 3, 1);
  through_all all(small, 3, 1);
  psi.run();
  all.run();
  double difference = 0, norm = 0;
  const lm_weights a = psi.gradient(), b = all.gradient();
  for_each_leaf(
      [&](const auto& x, const auto& y) {
        for (index_t i = 0; i < x.size(); ++i) {
          difference += std::pow(double(x.data()[i]) - double(y.data()[i]), 2);
          norm += std::pow(double(y.data()[i]), 2);
        }
      },
      a, b);
  const double relative = std::sqrt(difference / norm);
  if (all.complete() && relative < 1e-5) return true;
  std::fprintf(stderr, "bench_meta_gradient: the two gradients of psi_0 differ by %g\n", relative);
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  const bool number = argc > 1 && std::atoi(argv[1]) > 0;
  if (number || (argc > 1 && std::strcmp(argv[1], "--table") == 0)) {
    const int given = std::atoi(argv[number ? 1 : argc - 1]);
    meta_table::print(given > 0 ? given : 30);
    return 0;
  }
  bool agree = true;
  const int failed = run_benchmarks(argc, argv, [&](bool short_pass) {
    agree = ways_agree();
    if (short_pass) {
      add<through_psi>("psi_0", {.batch = 2, .length = 16}, 2, 2);
      add<through_all>("all", {.batch = 2, .length = 16}, 2, 1);
      return;
    }
    for (const index_t batch : {8, 1}) {
      add<through_psi>("psi_0", {.batch = batch}, 4, 1);
      add<through_all>("all", {.batch = batch}, 4, 1);
    }
    add<through_psi>("psi_0", {}, 4, 2);
    add<through_all>("all", {}, 4, 2);
  });
  return failed != 0 ? failed : agree ? 0 : 1;
}
