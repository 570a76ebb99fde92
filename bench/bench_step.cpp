// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// One token at a time: latency of a step of a small model, decoding with a large one.
#include <attd/core/leaves.hpp>
#include <attd/core/sequences.hpp>
#include <attd/models/sequence_model.hpp>
#include <cmath>
#include <span>
#include <string>
#include <support/allocations.hpp>
#include <support/backend.hpp>
#include <support/main.hpp>
#include <support/report.hpp>
#include <utility>
#include <vector>

namespace {

using namespace attd;
using namespace attd_bench;

template <class A>
double numbers_of(const A& aggregate) {
  double n = 0;
  for_each_leaf([&](const auto& leaf) { n += double(leaf.size()); }, aggregate);
  return n;
}

// A model on `count` streams, a token of each at a time.
template <class Model>
class stream {
 public:
  stream(const Model& model, index_t count)
      : model_(model), tokens_(sequences::equal(count, 1)), backend_(make_backend()) {
    model_.initialize(random_stream{9, 1}, parameters_);
    model_.base_dynamics(parameters_, base_);
    model_.reset_states(count, cache_);
    ids_.assign(std::size_t(count), 1);
    if constexpr (!Model::reads_tokens) {
      x_.assign({count, model_.encoder.input}, 0.3f);
    }
  }
  stream(const stream&) = delete;

  void step() {
    const sequence_input<float> in{Model::reads_tokens ? view<const float>{} : read(), ids_};
    model_.forward(backend_, tokens_, parameters_, base_, in, cache_);
    std::swap(cache_.initial, cache_.final);
    // The next token depends on this one, as in decoding.
    if constexpr (Model::reads_tokens) {
      for (index_t& id : ids_) id = (id * 7919 + 1) % model_.encoder.vocabulary;
    } else {
      x_(0, 0) = std::tanh(cache_.result(0, 0));
    }
  }
  /// Bytes of weights that a step reads: all but `A_log`, whose place the dynamics take, and the
  /// rows of an embedding that are not asked for. States come on top and do not count.
  double bytes() const {
    double n = numbers_of(parameters_) + numbers_of(base_);
    for (index_t l = 0; l < model_.depth; ++l) {
      n -= double(parameters_.backbone.layers[l].mixer.a_log.size());
    }
    if constexpr (Model::reads_tokens) {
      n -= double(parameters_.backbone.encoder.weight.size()) -
           double(tokens_.count() * model_.encoder.width);
    }
    return n * sizeof(float);
  }

 private:
  view<const float> read() const { return std::as_const(x_).view(); }

  Model model_;
  sequences tokens_;
  eigen backend_;
  typename Model::template parameters<float> parameters_;
  layers<dynamics<float>> base_;
  typename Model::template cache<float> cache_;
  std::vector<index_t> ids_;
  tensor<float> x_;
};

// share_of_limit: the time to read the weights once, at the bandwidth measured for an array of
// their size, or to do the step's operations at the processor's peak if that is longer.
template <class Model>
void add(const std::string& name, const Model& model, index_t count) {
  benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
    stream<Model> s(model, count);
    for (int i = 0; i < 3; ++i) s.step();
    const work w{.flops = model.forward_flops(double(count)), .bytes = s.bytes()};
    const long before = allocations;
    for (auto _ : state) s.step();
    // The library of benchmarks allocates nothing between the iterations of a loop.
    if (counts_allocations && allocations != before) {
      attd_bench::fail(state, "a step has allocated memory");
    }
    report(state, double(count * model.depth * model.block.inner() * model.block.state_size), w);
    report_time(state, "ns_per_token", double(count));
    state.counters["tokens_per_second"] =
        benchmark::Counter(double(count) * double(state.iterations()), benchmark::Counter::kIsRate);
    state.counters["weights_mib"] = s.bytes() / (1 << 20);
  })->Unit(benchmark::kMicrosecond);
}

models::forecaster<> plain_mamba(index_t width, index_t layers) {
  models::forecaster<> m;
  m.encoder = {1, width};
  m.block.width = width;
  m.head = {width, 1};
  m.depth = layers;
  return m;
}

models::language_model<> mamba_of(index_t width, index_t layers, index_t vocabulary) {
  models::language_model<> m;
  m.encoder = {vocabulary, width};
  m.block.width = width;
  m.head = {width, vocabulary, false};
  m.depth = layers;
  return m;
}

}  // namespace

int main(int argc, char** argv) {
  return run_benchmarks(argc, argv, [](bool short_pass) {
    if (short_pass) {
      add("step/mamba/d_model:32/layers:2/B:1", plain_mamba(32, 2), 1);
      add("decode/mamba_small", mamba_of(32, 2, 64), 1);
      return;
    }
    for (const index_t count : {1, 8}) {
      add("step/mamba/d_model:128/layers:3" + axes({{"B", count}}), plain_mamba(128, 3), count);
    }
    add("step/mamba_lm/d_model:128/layers:2/vocabulary:256/B:1", mamba_of(128, 2, 256), 1);
    add("decode/mamba_130m", mamba_of(768, 24, 50280), 1);
  });
}
