// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The selective scan, matrix products and one adaptation step on a GPU, scans beside what its
// memory allows. Prints one line for each; times are medians of CUDA events. Run by
// scripts/gpu-check.
#include <algorithm>
#include <attd/adaptation/lockstep.hpp>
#include <attd/adapters/log_low_rank.hpp>
#include <attd/backends/cuda.hpp>
#include <attd/core.hpp>
#include <attd/operations/cross_entropy.hpp>
#include <attd/operations/linear.hpp>
#include <attd/operations/selective_scan.hpp>
#include <cstdio>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace {

using attd::index_t;
using attd::tensor;
using attd::view;
namespace ops = attd::operations;

// Median milliseconds of f, after one call that is not timed.
template <class F>
double milliseconds(cudaStream_t stream, int repetitions, const F& f) {
  cudaEvent_t begin, end;
  cudaEventCreate(&begin);
  cudaEventCreate(&end);
  std::vector<float> times;
  for (int i = 0; i <= repetitions; ++i) {
    cudaEventRecord(begin, stream);
    f();
    cudaEventRecord(end, stream);
    cudaEventSynchronize(end);
    float ms = 0;
    cudaEventElapsedTime(&ms, begin, end);
    if (i > 0) times.push_back(ms);
  }
  cudaEventDestroy(begin);
  cudaEventDestroy(end);
  std::nth_element(times.begin(), times.begin() + times.size() / 2, times.end());
  return times[times.size() / 2];
}

// Bytes a second that a copy within the device's memory reads and writes.
double copy_bandwidth(cudaStream_t stream) {
  const std::size_t bytes = std::size_t{1} << 30;
  void *from = nullptr, *to = nullptr;
  attd::cuda_detail::check(cudaMalloc(&from, bytes), "cudaMalloc");
  attd::cuda_detail::check(cudaMalloc(&to, bytes), "cudaMalloc");
  const double ms = milliseconds(
      stream, 10, [&] { cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream); });
  cudaFree(from);
  cudaFree(to);
  return 2.0 * double(bytes) / (ms * 1e-3);
}

tensor<float> on_device(attd::cuda& device, const attd::shape& s, float low, float high,
                        std::uint64_t stream) {
  tensor<float> t(s);
  attd::random_stream random{1, stream};
  for (index_t i = 0; i < t.size(); ++i) t.data()[i] = float(random.uniform(low, high));
  ops::bring(device, t);
  return t;
}

void time_scan(attd::cuda& device, double bandwidth, index_t count, index_t channels,
               index_t states, index_t length, bool short_run) {
  const auto batch = attd::sequences::equal(count, length);
  const index_t tokens = batch.tokens();
  auto u = on_device(device, {tokens, channels}, -1, 1, 1);
  auto dt = on_device(device, {tokens, channels}, 0.001f, 0.1f, 2);
  auto a = on_device(device, {1, channels, states}, -2, -0.5f, 3);
  auto b = on_device(device, {tokens, states}, -1, 1, 4);
  auto c = on_device(device, {tokens, states}, -1, 1, 5);
  auto y = on_device(device, {tokens, channels}, 0, 0, 6);
  auto d_y = on_device(device, {tokens, channels}, -1, 1, 7);
  auto d_a = on_device(device, {1, channels, states}, 0, 0, 8);
  auto d_dt = on_device(device, {tokens, channels}, 0, 0, 9);
  const view<attd::none> no;
  const auto stream = device.system().stream();
  const int repetitions = short_run ? 1 : 5;
  const double forward = milliseconds(stream, repetitions, [&] {
    ops::selective_scan(device, batch, u.view(), dt.view(), a.view(), b.view(), c.view(), no, no,
                        y.view(), no);
  });
  ops::selective_scan_scratch<float> scratch;
  const double backward = milliseconds(stream, repetitions, [&] {
    ops::selective_scan_backward(device, batch, scratch, u.view(), dt.view(), a.view(), b.view(),
                                 c.view(), no, no, d_y.view(), no, no, d_dt.view(), d_a.view(), no,
                                 no, no, no);
  });
  // Operands and results once through memory.
  const double least = 4.0 * double(tokens) * double(3 * channels + 2 * states) / bandwidth * 1e3;
  std::printf(
      "selective_scan/B:%td/D:%td/L:%td/N:%td forward %.3f ms (%.2f of the copy bound), "
      "backward of the dynamics %.3f ms\n",
      count, channels, length, states, forward, least / forward, backward);
}

// y = x W^T of a language model's head, in all precisions.
void time_product(index_t tokens, index_t width, index_t vocabulary, bool short_run) {
  double rate[3];
  const attd::product_precision precisions[] = {
      attd::product_precision::full, attd::product_precision::tf32, attd::product_precision::bf16};
  for (int i = 0; i < 3; ++i) {
    attd::cuda device(attd::systems::cuda(0, {.products = precisions[i]}));
    const auto batch = attd::sequences::equal(1, tokens);
    auto x = on_device(device, {tokens, width}, -1, 1, 1);
    auto w = on_device(device, {vocabulary, width}, -1, 1, 2);
    tensor<float> y;
    ops::clear(device, y, {tokens, vocabulary});
    const double ms = milliseconds(device.system().stream(), short_run ? 1 : 5, [&] {
      ops::linear(device, batch, x.view(), w.view(), view<attd::none>(), y.view());
    });
    rate[i] = 2.0 * double(tokens) * double(width) * double(vocabulary) / (ms * 1e-3) / 1e12;
  }
  std::printf(
      "linear/L:%td/in:%td/out:%td float %.1f TFLOP/s, tf32 %.1f TFLOP/s, "
      "bf16 with its rounding %.1f TFLOP/s\n",
      tokens, width, vocabulary, rate[0], rate[1], rate[2]);
}

// Losses of logits and their gradient in place of them: two readings and a writing, and a writing
// more to begin each time with the same logits, which is timed alone.
void time_cross_entropy(attd::cuda& device, double bandwidth, index_t tokens, index_t vocabulary,
                        bool short_run) {
  const auto source = on_device(device, {tokens, vocabulary}, -5, 5, 1);
  auto weight = on_device(device, {tokens}, 0.1f, 1, 2);
  tensor<float> logits, losses;
  ops::resize(device, logits, source.shape());
  ops::resize(device, losses, {tokens});
  std::vector<index_t> targets(static_cast<std::size_t>(tokens));
  for (std::size_t t = 0; t < targets.size(); ++t) targets[t] = index_t(37 * t) % vocabulary;
  const auto stream = device.system().stream();
  const auto bytes = static_cast<std::size_t>(source.size()) * sizeof(float);
  const auto begin_again = [&] {
    cudaMemcpyAsync(logits.data(), source.data(), bytes, cudaMemcpyDeviceToDevice, stream);
  };
  const int repetitions = short_run ? 1 : 5;
  const double copy = milliseconds(stream, repetitions, begin_again);
  const double both = milliseconds(stream, repetitions, [&] {
    begin_again();
    ops::cross_entropy_in_place(device, logits.view(), std::span<const index_t>(targets),
                                std::as_const(weight).view(), losses.view());
  });
  const double least = 3.0 * double(bytes) / bandwidth * 1e3;
  std::printf("cross_entropy_in_place/L:%td/classes:%td %.3f ms (%.2f of the copy bound)\n", tokens,
              vocabulary, both - copy, least / (both - copy));
}

// What a step of adaptation is made with.
struct step_options {
  index_t width, layers, vocabulary, length, batch;
  attd::product_precision products = attd::product_precision::full;
  attd::blocks::activation_storage keep = attd::blocks::activation_storage::all;
  index_t most_tokens = std::numeric_limits<index_t>::max();
};

// Inner steps of a language model on a batch of sequences in lockstep: milliseconds of one more
// step (forward, backward, accepted or not), and the memory that all of it took.
void time_step(const step_options& o) {
  attd::models::language_model<> model;
  model.encoder = {o.vocabulary, o.width};
  model.block.width = o.width;
  model.block.keep = o.keep;
  model.head = {o.width, o.vocabulary, false};
  model.depth = o.layers;
  attd::models::language_model<>::parameters<float> theta;
  model.initialize(attd::random_stream{1}, theta);
  std::vector<std::vector<index_t>> ids(static_cast<std::size_t>(o.batch));
  std::vector<attd::observation<float>> seen(ids.size());
  attd::random_stream random{2};
  for (std::size_t i = 0; i < ids.size(); ++i) {
    ids[i].resize(static_cast<std::size_t>(o.length));
    for (auto& id : ids[i]) id = index_t(random.uniform(0, double(o.vocabulary)));
    seen[i].ids = ids[i];
  }
  constexpr index_t few = 2, many = 10;
  double seconds[2] = {0, 0}, first = 0;
  std::size_t bytes = 0;
  auto adaptive = attd::make_adaptive(model, attd::adapters::log_low_rank{},
                                      attd::losses::next_token{}, attd::controllers::fixed{few},
                                      attd::optimizers::gradient_descent{.rate = 1e-3}, theta,
                                      attd::cuda(attd::systems::cuda(0, {.products = o.products})));
  attd::adaptation::lockstep together(adaptive, o.most_tokens);
  std::vector<typename decltype(adaptive)::session> sessions;
  std::vector<attd::adaptation::report> reports;
  for (int i = 0; i < 2; ++i) {
    adaptive.set_controller(attd::controllers::fixed{i == 0 ? few : many});
    for (int repetition = 0; repetition < 3; ++repetition) {  // the last one counts
      together.adapt(seen, sessions, reports);
      seconds[i] = reports.back().seconds;
      if (i == 0 && repetition == 0) first = seconds[0];
    }
    bytes = attd::cuda_detail::bytes_in_use;
  }
  const char* const kept = o.keep == attd::blocks::activation_storage::all ? ""
                           : o.keep == attd::blocks::activation_storage::recompute
                               ? "/recompute"
                               : "/recompute_bfloat16";
  const bool groups = o.most_tokens < o.batch * o.length;
  std::printf(
      "adapt/d_model:%td/layers:%td/vocabulary:%td/L:%td/B:%td%s%s%s %.2f ms a step, %.0f MiB in "
      "use "
      "(first call, %td steps: %.0f ms; %td of %td steps accepted)\n",
      o.width, o.layers, o.vocabulary, o.length, o.batch,
      o.products == attd::product_precision::bf16 ? "/products:bf16" : "", kept,
      groups ? "/in groups" : "", (seconds[1] - seconds[0]) * 1e3 / double(many - few),
      double(bytes) / (1 << 20), few, first * 1e3, reports.front().accepted,
      reports.front().attempted);
}

}  // namespace

int main(int argc, char** argv) try {
  const bool short_run = argc > 1 && std::strcmp(argv[1], "--short") == 0;
  attd::cuda device;
  cudaDeviceProp properties{};
  attd::cuda_detail::check(cudaGetDeviceProperties(&properties, device.system().device()),
                           "asking for the device's properties");
  std::printf("%s, %d multiprocessors\n", properties.name, properties.multiProcessorCount);
  const double bandwidth = copy_bandwidth(device.system().stream());
  std::printf("copy %.0f GB/s\n", bandwidth / 1e9);
  time_scan(device, bandwidth, 8, 256, 16, 1024, short_run);
  if (!short_run) {
    time_scan(device, bandwidth, 8, 1536, 16, 1024, false);
    time_scan(device, bandwidth, 8, 1536, 16, 4096, false);
  }
  time_product(2048, 768, short_run ? 5028 : 50280, short_run);
  time_cross_entropy(device, bandwidth, 512, short_run ? 5028 : 50280, short_run);
  time_step({.width = 128, .layers = 2, .vocabulary = 256, .length = 1024, .batch = 2});
  if (!short_run) {
    step_options large{.width = 768, .layers = 24, .vocabulary = 50280, .length = 2048, .batch = 8};
    time_step(large);
    large.products = attd::product_precision::bf16;
    time_step(large);
    large.keep = attd::blocks::activation_storage::recompute_bfloat16;
    time_step(large);
    large.most_tokens = large.batch * large.length / 2;
    time_step(large);
  }
} catch (const attd::error& e) {
  std::printf("%s\n", e.what());
  return 1;
}
