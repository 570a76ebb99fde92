// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Time of an adaptation step, of prediction, of one streamed token, and what K steps cost.
#include <attd/adaptation/adaptive_model.hpp>
#include <attd/adaptation/parallel.hpp>
#include <attd/adapters/low_rank.hpp>
#include <attd/controllers/simple.hpp>
#include <attd/losses/next_value.hpp>
#include <attd/models/dynamics_net.hpp>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <support/backend.hpp>
#include <support/language_model.hpp>
#include <support/least_squares.hpp>
#include <support/main.hpp>
#include <support/memory.hpp>
#include <utility>
#include <vector>

namespace {

using namespace attd;
using namespace attd_bench;

// Inner steps of a batch in which every sample has its own psi: forward, gradient of U and V,
// descent. Samples are shared out to threads, each with its own workspace.
class batch_step {
 public:
  batch_step(const lm_shape& s, index_t threads, blocks::activation_storage keep,
             index_t loss_chunk)
      : frozen_(make_frozen(s)) {
    frozen_.model.block.keep = keep;
    frozen_.model.head.loss_chunk = loss_chunk;
    for (index_t t = 0; t < threads; ++t) {
      workers_.push_back(std::make_unique<worker>(frozen_, loss_));
    }
    inputs_.resize(std::size_t(s.batch));
    for (index_t i = 0; i < s.batch; ++i) {
      const token_sequence x(s, s.length + 1, std::uint64_t(i));
      const auto seen = x.seen();
      auto& input = inputs_[std::size_t(i)];
      loss_.prepare(std::span<const observation<float>>(&seen, 1), {0.0}, input.data);
      input.find_runs();
      psi_.push_back(make_weights(frozen_, std::uint64_t(i)));
    }
  }
  batch_step(const batch_step&) = delete;

  void step() {
    adaptation::parallel_for(
        index_t(workers_.size()), index_t(psi_.size()), [&](index_t thread, index_t i) {
          worker& w = *workers_[std::size_t(thread)];
          auto& psi = psi_[std::size_t(i)];
          w.problem.share_input(inputs_[std::size_t(i)]);
          auto value = w.problem.evaluate(psi, adaptation::followed_by::gradient);
          benchmark::DoNotOptimize(value);
          w.problem.gradient(psi, w.gradient);
          descent_.step(0, 1.0, w.gradient, psi, none_kept_);
        });
  }

 private:
  using problem = adaptation::inner_problem<language_model, lm_adapter, lm_loss, eigen, float>;
  struct worker {
    worker(const lm_frozen& f, const lm_loss& loss) : problem(f, loss, make_backend()) {
      zeros_like(make_weights(f, 0), gradient);
    }
    batch_step::problem problem;
    lm_weights gradient;
  };

  lm_frozen frozen_;
  lm_loss loss_;
  optimizers::gradient_descent descent_{.rate = 1e-6};
  optimizers::no_state<lm_weights> none_kept_;
  std::vector<std::unique_ptr<worker>> workers_;
  std::vector<adaptation::prepared_input<float>> inputs_;
  std::vector<lm_weights> psi_;
};

// What a layer keeps, as part of a name; nothing for the default.
std::string kept(blocks::activation_storage keep) {
  return keep == blocks::activation_storage::all         ? ""
         : keep == blocks::activation_storage::recompute ? "/keep:recompute"
                                                         : "/keep:recompute_bfloat16";
}

void add_batch_step(const lm_shape& s, index_t threads,
                    blocks::activation_storage keep = blocks::activation_storage::all,
                    index_t loss_chunk = 0) {
  const std::string name = "inner_step/mamba_lm" + s.name() + kept(keep) +
                           (loss_chunk > 0 ? axes({{"loss_chunk", loss_chunk}}) : "") +
                           axes({{"threads", threads}});
  auto* b = benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
    const double bound = lm_bound_seconds(s, {1, 1}, int(threads));
    const peak_memory memory;
    batch_step work(s, threads, keep, loss_chunk);
    work.step();  // takes its memory
    for (auto _ : state) work.step();
    report(state, s.tokens() * double(s.layers * 2 * s.width * s.states), bound);
    report_time(state, "ns_per_token", s.tokens());
    memory.report(state);
  });
  b->Unit(benchmark::kMillisecond);
  if (threads > 1) b->UseRealTime();
}

// A linear plant model of 16 states on a series.
struct net_case {
  using model = models::dynamics_net<>;
  using adapter = adapters::low_rank;
  using loss = losses::next_value<>;
  static constexpr const char* name = "dynamics_net/N:16/rank:4";

  tensor<float> x;
  explicit net_case(index_t length, index_t sample = 1) : x({length, 1}) {
    random_stream random{3, std::uint64_t(sample)};
    for (index_t t = 0; t < length; ++t) {
      x(t, 0) = float(std::sin(0.31 * double(t)) + 0.1 * random.normal());
    }
  }
  static model make() { return {}; }
  observation<float> seen() const {
    observation<float> o;
    o.input = x.view();
    return o;
  }
  sequence_input<float> first(index_t length) const { return {x.view().row_range(0, length), {}}; }
};

// The byte language model of two Mamba layers.
struct mamba_case {
  using model = language_model;
  using adapter = lm_adapter;
  using loss = losses::next_token;
  static constexpr const char* name = "mamba_lm/width:128/layers:2/N:16/rank:4";

  token_sequence tokens;
  explicit mamba_case(index_t length, index_t sample = 1)
      : tokens({}, length, std::uint64_t(sample)) {}
  static model make() { return make_language_model({}); }
  observation<float> seen() const { return tokens.seen(); }
  sequence_input<float> first(index_t length) const {
    return {{}, std::span<const index_t>(tokens.ids).first(std::size_t(length))};
  }
};

// The engine on a batch, with at most `most` steps for an input.
template <class Case>
struct engine {
  using model = typename Case::model;
  using adaptive = adaptive_model<float, model, typename Case::adapter, typename Case::loss,
                                  controllers::fixed, optimizers::gradient_descent, eigen>;

  std::vector<Case> inputs;
  adaptive composed;
  typename adaptive::workspace work;
  typename adaptive::session session;
  adaptation::report report;

  engine(index_t batch, index_t length, index_t most)
      : composed(make(most)), work(composed.make_workspace()) {
    for (index_t i = 0; i < batch; ++i) inputs.emplace_back(length, i + 1);
    session = composed.start();
    composed.adapt(inputs[0].seen(), session, work, report);  // takes its memory
  }
  engine(const engine&) = delete;

  static adaptive make(index_t steps) {
    const model m = Case::make();
    typename model::template parameters<float> p;
    m.initialize(random_stream{3, 3}, p);
    adaptation::options options;
    // Every step is taken over, so that each measurement is of the same work.
    options.least_improvement = -std::numeric_limits<double>::infinity();
    return adaptive(m, {}, {}, controllers::fixed{steps},
                    optimizers::gradient_descent{.rate = 1e-6}, p, options, make_backend());
  }
  void adapt(std::size_t i, index_t steps) {
    composed.restart(session);
    composed.adapt(inputs[i].seen(), session, work, report, {.steps = steps});
  }
};

template <class Case>
void add_engine(index_t length) {
  const std::string tail = std::string("/") + Case::name + "/L:" + std::to_string(length);
  // K = 0 is the forward that decides; the cost of one step is the slope over K.
  for (const index_t steps : {0, 1, 2, 4, 8}) {
    benchmark::RegisterBenchmark(("adapt" + tail + "/K:" + std::to_string(steps)).c_str(),
                                 [=](benchmark::State& state) {
                                   engine<Case> e(1, length, steps);
                                   for (auto _ : state) e.adapt(0, steps);
                                   report_time(state, "ns_per_token", double(length));
                                   state.counters["accepted"] = double(e.report.accepted);
                                 })
        ->Unit(benchmark::kMicrosecond);
  }
  // The parts of a step that compute with the sequence, without certificate and acceptance.
  benchmark::RegisterBenchmark(("inner_step" + tail).c_str(), [=](benchmark::State& state) {
    engine<Case> e(1, length, 1);
    auto psi = e.session.psi, gradient = psi;
    optimizers::no_state<decltype(psi)> none_kept;
    const optimizers::gradient_descent descent{.rate = 1e-6};
    for (auto _ : state) {
      auto value = e.work.inner.evaluate(psi);
      benchmark::DoNotOptimize(value);
      e.work.inner.gradient(psi, gradient);
      descent.step(0, 1.0, gradient, psi, none_kept);
    }
    report_time(state, "ns_per_token", double(length));
  })->Unit(benchmark::kMicrosecond);
  benchmark::RegisterBenchmark(("predict" + tail).c_str(), [=](benchmark::State& state) {
    engine<Case> e(1, length, 1);
    const sequences batch = sequences::single(length);
    for (auto _ : state) {
      auto y = e.composed.predict(batch, e.inputs[0].first(length), e.session.psi, e.work);
      benchmark::DoNotOptimize(y);
    }
    report_time(state, "ns_per_token", double(length));
  })->Unit(benchmark::kMicrosecond);
  benchmark::RegisterBenchmark((std::string("one_token/") + Case::name).c_str(),
                               [=](benchmark::State& state) {
                                 engine<Case> e(1, length, 1);
                                 const sequences one = sequences::single(1);
                                 auto states = e.composed.initial_states();
                                 for (auto _ : state) {
                                   auto y = e.composed.predict_from(
                                       states, one, e.inputs[0].first(1), e.session.psi, e.work);
                                   benchmark::DoNotOptimize(y);
                                 }
                                 report_time(state, "ns_per_token", 1);
                               })
      ->Unit(benchmark::kMicrosecond);
}

// Three ways to spread a mean number of steps over a batch of eight inputs.
enum spread { equal, bimodal, uniform };
constexpr const char* spread_names[] = {"equal", "bimodal", "uniform"};

// Steps of input i for a point of the fit; the means of the points are 0, 1, 2, 4 (and 8).
index_t steps_of(spread s, index_t point, index_t i) {
  constexpr index_t means[] = {0, 1, 2, 4, 8};
  const index_t mean = means[point];
  if (s == equal) return mean;
  if (s == bimodal) return i < mean ? 8 : 0;
  return point == 4 ? 8 : i * (2 * mean + 1) / 8;  // evenly over 0 .. 2 mean
}

// Adapts a batch under each distribution of K, interleaved in one run, and fits each one's time as
// a + b * mean K: b, the cost of a step of one input, must not depend on the distribution.
template <class Case>
void add_distributions(index_t length) {
  const std::string name = std::string("adapt_distribution/") + Case::name +
                           axes({{"B", 8}, {"L", length}, {"threads", 1}});
  benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
    constexpr index_t batch = 8;
    engine<Case> e(batch, length, 8);
    std::vector<double> times[3][5];
    for (auto _ : state) {
      for (index_t point = 0; point < 5; ++point) {
        for (const spread s : {equal, bimodal, uniform}) {
          const double began = cpu_seconds();
          for (index_t i = 0; i < batch; ++i) e.adapt(std::size_t(i), steps_of(s, point, i));
          times[s][point].push_back(cpu_seconds() - began);
        }
      }
    }
    double least = 1e300, most = 0;
    for (const spread s : {equal, bimodal, uniform}) {
      std::vector<double> mean_steps, seconds;
      for (index_t point = 0; point < 5; ++point) {
        double mean = 0;
        for (index_t i = 0; i < batch; ++i) mean += double(steps_of(s, point, i)) / double(batch);
        mean_steps.push_back(mean);
        seconds.push_back(median(times[s][point]) / double(batch));
      }
      const line l = fit_line(mean_steps, seconds);
      least = std::min(least, l.b);
      most = std::max(most, l.b);
      state.counters[std::string("us_per_step_") + spread_names[s]] = 1e6 * l.b;
      state.counters[std::string("us_without_steps_") + spread_names[s]] = 1e6 * l.a;
    }
    state.counters["largest_over_smallest"] = most / least;
  })->Unit(benchmark::kMillisecond);
}

}  // namespace

int main(int argc, char** argv) {
  return run_benchmarks(argc, argv, [](bool short_pass) {
    if (short_pass) {
      for (const index_t threads : {1, 2}) add_batch_step({.batch = 2, .length = 32}, threads);
      add_engine<net_case>(32);
      add_engine<mamba_case>(32);
      add_distributions<net_case>(32);
      return;
    }
    for (const index_t threads : {1, 2}) add_batch_step({}, threads);
    for (const index_t batch : {1, 32}) add_batch_step({.batch = batch}, 1);
    for (const index_t rank : {1, 16}) add_batch_step({.rank = rank}, 1);
    for (const index_t states : {8, 32, 64}) add_batch_step({.states = states}, 1);
    add_batch_step({.batch = 32}, 2);
    for (const auto keep : {blocks::activation_storage::all, blocks::activation_storage::recompute,
                            blocks::activation_storage::recompute_bfloat16}) {
      add_batch_step({.batch = 1, .length = 2048, .width = 256, .layers = 8}, 1, keep);
    }
    for (const index_t loss_chunk : {0, 1024, 256, 64}) {
      add_batch_step({.batch = 1, .length = 2048, .width = 256, .vocabulary = 16384}, 1,
                     blocks::activation_storage::all, loss_chunk);
    }
    add_engine<net_case>(512);
    add_engine<mamba_case>(256);
    add_distributions<net_case>(512);
    add_distributions<mamba_case>(256);
  });
}
