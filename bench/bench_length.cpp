// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Cost against length: one sequence of 1k to 1M tokens read in chunks with carried state.
#include <attd/blocks/mamba.hpp>
#include <attd/blocks/s4d.hpp>
#include <attd/core/dynamics.hpp>
#include <attd/core/sequences.hpp>
#include <attd/models/sequence_model.hpp>
#include <memory>
#include <string>
#include <support/backend.hpp>
#include <support/main.hpp>
#include <support/memory.hpp>
#include <support/random_tensor.hpp>
#include <support/report.hpp>
#include <utility>

namespace {

using namespace attd;
using namespace attd_bench;

// Reads `length` tokens in pieces of `chunk`; the input of every piece is the same memory, so that
// what is measured is the reader.
template <class Block>
class block_reader {
 public:
  block_reader(const Block& block, index_t chunk, index_t threads)
      : block_(block),
        tokens_(sequences::single(chunk)),
        backend_(make_backend(threads)),
        x_(random_tensor<float>({chunk, block.inputs()}, 1, -1, 1)),
        y_({chunk, block.outputs()}) {
    block_.initialize(random_stream{9, 2}, parameters_);
    block_.base_dynamics(parameters_, dynamics_);
    block_.reset_state(1, carried_);
  }
  void read(index_t length) {
    for (index_t t = 0; t < length; t += tokens_.tokens()) {
      block_.forward(backend_, tokens_, parameters_, dynamics_, std::as_const(x_).view(), carried_,
                     cache_, y_.view(), next_);
      std::swap(carried_, next_);
    }
    benchmark::DoNotOptimize(y_.data());
  }

 private:
  Block block_;
  sequences tokens_;
  eigen backend_;
  tensor<float> x_, y_;
  typename Block::template parameters<float> parameters_;
  dynamics<float> dynamics_;
  typename Block::template state<float> carried_, next_;
  typename Block::template cache<float> cache_;
};

// The same with a whole model of two layers.
class model_reader {
 public:
  model_reader(const models::forecaster<>& model, index_t chunk, index_t threads)
      : model_(model),
        tokens_(sequences::single(chunk)),
        backend_(make_backend(threads)),
        x_(random_tensor<float>({chunk, model.encoder.input}, 1, -1, 1)) {
    model_.initialize(random_stream{9, 3}, parameters_);
    model_.base_dynamics(parameters_, base_);
    model_.reset_states(1, cache_);
  }
  void read(index_t length) {
    const sequence_input<float> in{std::as_const(x_).view(), {}};
    for (index_t t = 0; t < length; t += tokens_.tokens()) {
      model_.forward(backend_, tokens_, parameters_, base_, in, cache_);
      std::swap(cache_.initial, cache_.final);
    }
    benchmark::DoNotOptimize(cache_.result.data());
  }

 private:
  models::forecaster<> model_;
  sequences tokens_;
  eigen backend_;
  tensor<float> x_;
  models::forecaster<>::parameters<float> parameters_;
  layers<dynamics<float>> base_;
  models::forecaster<>::cache<float> cache_;
};

// peak_mib and ns_per_token must not grow with L; `over_first` is the time per token over that of
// the first (shortest) length of the run.
template <class Reader, class Part>
void add(const std::string& name, const Part& part, index_t chunk, index_t first, index_t last,
         index_t factor, index_t threads) {
  auto shortest = std::make_shared<double>(0);
  for (index_t length = first; length <= last; length *= factor) {
    const std::string full =
        "length/" + name + axes({{"chunk", chunk}, {"L", length}, {"threads", threads}});
    auto* b = benchmark::RegisterBenchmark(full.c_str(), [=](benchmark::State& state) {
      const peak_memory memory;
      Reader reader(part, chunk, threads);
      reader.read(chunk);  // takes its memory
      const auto now = [&] { return threads > 1 ? wall_seconds() : cpu_seconds(); };
      const double began = now();
      for (auto _ : state) reader.read(length);
      const double each = (now() - began) / (double(state.iterations()) * double(length));
      if (length == first) *shortest = each;
      report_time(state, "ns_per_token", double(length));
      if (*shortest > 0) state.counters["over_first"] = each / *shortest;
      memory.report(state);
    });
    b->Unit(benchmark::kMillisecond);
    if (threads > 1) b->UseRealTime();
  }
}

}  // namespace

int main(int argc, char** argv) {
  return run_benchmarks(argc, argv, [](bool short_pass) {
    blocks::mamba mamba;
    mamba.width = short_pass ? 16 : 128;
    blocks::s4d<> s4d;
    s4d.channels = short_pass ? 16 : 128;
    s4d.state_size = 64;
    models::forecaster<> model;
    model.encoder = {1, mamba.width};
    model.block = mamba;
    model.head = {mamba.width, 1};
    model.depth = 2;
    const index_t chunk = short_pass ? 32 : 1024, last = short_pass ? 128 : 1 << 20;
    add<block_reader<blocks::mamba>>("mamba/D:" + std::to_string(mamba.width), mamba, chunk, chunk,
                                     last, 4, 1);
    add<block_reader<blocks::s4d<>>>("s4d/D:" + std::to_string(s4d.channels), s4d, chunk, chunk,
                                     last, short_pass ? 4 : 32, 1);
    add<model_reader>("mamba_model/layers:2/D:" + std::to_string(mamba.width), model, chunk, chunk,
                      last, short_pass ? 4 : 32, 1);
    // One sequence in one piece, by one thread and by two.
    const index_t whole = short_pass ? 64 : 16384;
    for (const index_t threads : {1, 2}) {
      add<block_reader<blocks::mamba>>("mamba/D:" + std::to_string(mamba.width), mamba, whole,
                                       whole, whole, 2, threads);
    }
  });
}
