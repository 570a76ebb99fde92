// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Time of whole blocks: forward, with all gradients, and with those of the dynamics alone.
#include <attd/blocks/linear_ssm.hpp>
#include <attd/blocks/mamba.hpp>
#include <attd/blocks/s4d.hpp>
#include <attd/core/dynamics.hpp>
#include <attd/core/leaves.hpp>
#include <attd/core/sequences.hpp>
#include <string>
#include <support/backend.hpp>
#include <support/main.hpp>
#include <support/memory.hpp>
#include <support/random_tensor.hpp>
#include <support/report.hpp>
#include <utility>
#include <vector>

namespace {

using namespace attd;
using namespace attd_bench;

struct size {
  index_t sequences, length, width, states;
  double tokens() const { return double(sequences * length); }
  std::string axes(index_t threads) const {
    return attd_bench::axes(
        {{"B", sequences}, {"L", length}, {"D", width}, {"N", states}, {"threads", threads}});
  }
};

enum pass { forward, all_gradients, dynamics_gradients };
constexpr const char* pass_names[] = {"_forward", "_forward_backward",
                                      "_forward_backward_dynamics"};

// What a token needs at least: multiply-adds and exponentials (see bench_scan.cpp for the scans').
struct least {
  double products;
  double exps;
};
double bound(const least& x, const size& n, int threads) {
  limits& l = limits::get();
  // Added up: both keep the same units busy.
  return 1e-9 * n.tokens() *
         (2 * x.products * l.fma_ns_per_flop(threads) + x.exps * l.exp_ns(threads));
}

blocks::mamba make_block(const blocks::mamba*, const size& n) {
  blocks::mamba b;
  b.width = n.width;
  b.state_size = n.states;
  return b;
}
double elements_per_token(const blocks::mamba& b) { return double(b.inner() * b.state_size); }
least work_of(const blocks::mamba& b, pass p) {
  const double d = double(b.width), e = double(b.inner()), n = double(b.state_size);
  const double below = 2 * d * e + e * (double(b.step_rank()) + 2 * n) + e * double(b.step_rank());
  const double out = d * e, conv = e * double(b.kernel);
  // Exponentials: one a state, and of silu, softplus (two) and the gate; again in the backward.
  const least f{below + out + conv + 4 * e * n, e * (n + 4)};
  if (p == forward) return f;
  if (p == dynamics_gradients) return {f.products + out + 11 * e * n, f.exps + e * (n + 1)};
  return {f.products + 2 * (below + out + conv) + 14 * e * n, 2 * f.exps};
}

blocks::s4d<> make_block(const blocks::s4d<>*, const size& n) {
  blocks::s4d<> b;
  b.channels = n.width;
  b.state_size = n.states;
  return b;
}
double elements_per_token(const blocks::s4d<>& b) { return double(b.channels * b.modes()); }
least work_of(const blocks::s4d<>& b, pass p) {
  const double d = double(b.channels), mix = 2 * d * d, modes = d * double(b.modes());
  const least f{mix + 8 * modes, 2 * d};
  if (p == forward) return f;
  if (p == dynamics_gradients) return {f.products + mix + 18 * modes, 2 * f.exps};
  return {f.products + 2 * mix + 22 * modes, 2 * f.exps};
}

blocks::linear_ssm make_block(const blocks::linear_ssm*, const size& n) {
  return {.input = n.width, .output = n.width, .state_size = n.states};
}
double elements_per_token(const blocks::linear_ssm& b) {
  return double(b.state_size * b.state_size);
}
least work_of(const blocks::linear_ssm& b, pass p) {
  const double d = double(b.input), n = double(b.state_size);
  const double f = n * n + 2 * n * d + d * d;
  if (p == forward) return {f, 0};
  if (p == dynamics_gradients) return {f + 2 * n * n + n * d, 0};
  return {3 * f, 0};
}

// A block with everything that its forward and backward need.
template <class Block>
class operands {
 public:
  operands(const size& n, index_t threads)
      : block_(make_block(static_cast<const Block*>(nullptr), n)),
        batch_(sequences::equal(n.sequences, n.length)),
        backend_(make_backend(threads)) {
    block_.initialize(random_stream{8, 1}, parameters_);
    block_.base_dynamics(parameters_, dynamics_);
    block_.reset_state(n.sequences, initial_);
    x_ = random_tensor<float>({batch_.tokens(), block_.inputs()}, 2, -1, 1);
    d_y_ = random_tensor<float>({batch_.tokens(), block_.outputs()}, 3, -1, 1);
    y_.resize({batch_.tokens(), block_.outputs()});
  }
  operands(const operands&) = delete;

  void run(pass p) {
    block_.forward(backend_, batch_, parameters_, dynamics_, std::as_const(x_).view(), initial_,
                   cache_, y_.view(), final_);
    if (p == forward) return;
    const typename Block::template state<none> no_final;
    typename Block::template state<none> no_initial;
    zeros_like(dynamics_, d_dynamics_);
    if (p == dynamics_gradients) {
      typename Block::template parameters<none> no_parameters;
      backward(no_final, view<none>{}, no_parameters, no_initial);
    } else {
      d_x_.assign(x_.shape());
      zeros_like(parameters_, d_parameters_);
      backward(no_final, d_x_.view(), d_parameters_, no_initial);
      block_.base_dynamics_backward(parameters_, d_dynamics_, d_parameters_);
    }
  }
  double elements() const { return double(batch_.tokens()) * elements_per_token(block_); }
  const Block& block() const { return block_; }

 private:
  template <class DF, class DX, class DP, class DI>
  void backward(const DF& d_final, DX d_x, DP& d_p, DI& d_initial) {
    block_.backward(backend_, batch_, parameters_, dynamics_, std::as_const(x_).view(), initial_,
                    cache_, std::as_const(d_y_).view(), d_final, d_x, d_p, d_dynamics_, d_initial);
  }

  Block block_;
  sequences batch_;
  eigen backend_;
  typename Block::template parameters<float> parameters_, d_parameters_;
  dynamics<float> dynamics_, d_dynamics_;
  typename Block::template state<float> initial_, final_;
  typename Block::template cache<float> cache_;
  tensor<float> x_, y_, d_x_, d_y_;
};

template <class Block>
void add(const char* name, const size& n, index_t threads = 1) {
  for (const pass p : {forward, all_gradients, dynamics_gradients}) {
    const std::string full = std::string("block/") + name + pass_names[p] + n.axes(threads);
    auto* b = benchmark::RegisterBenchmark(full.c_str(), [=](benchmark::State& state) {
      const peak_memory memory;
      operands<Block> work(n, threads);
      work.run(p);  // takes its memory
      for (auto _ : state) work.run(p);
      report(state, work.elements(), bound(work_of(work.block(), p), n, int(threads)));
      report_time(state, "ns_per_token", n.tokens());
      memory.report(state);
    });
    b->Unit(benchmark::kMillisecond);
    if (threads > 1) b->UseRealTime();
  }
}

}  // namespace

int main(int argc, char** argv) {
  return run_benchmarks(argc, argv, [](bool short_pass) {
    if (short_pass) {
      const size n{2, 32, 16, 8};
      add<blocks::mamba>("mamba", n);
      add<blocks::s4d<>>("s4d", n);
      add<blocks::linear_ssm>("linear_ssm", n);
      add<blocks::mamba>("mamba", {1, 512, 32, 8}, 2);
      return;
    }
    for (const size& n : std::vector<size>{{1, 2048, 256, 16},
                                           {8, 512, 128, 16},
                                           {32, 256, 64, 16},
                                           {8, 512, 128, 8},
                                           {8, 512, 128, 64}}) {
      add<blocks::mamba>("mamba", n);
    }
    for (const size& n :
         std::vector<size>{{1, 2048, 256, 64}, {8, 512, 128, 64}, {8, 512, 128, 16}}) {
      add<blocks::s4d<>>("s4d", n);
    }
    for (const size& n : std::vector<size>{{8, 512, 16, 16}, {8, 512, 16, 64}, {1, 2048, 64, 64}}) {
      add<blocks::linear_ssm>("linear_ssm", n);
    }
    for (const index_t threads : {1, 2}) {
      add<blocks::mamba>("mamba", {1, 16384, 128, 16}, threads);
      add<blocks::s4d<>>("s4d", {1, 16384, 128, 64}, threads);
    }
  });
}
