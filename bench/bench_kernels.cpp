// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Time of the operations around a scan: convolution, norms, gates, matrix products, cross-entropy.
#include <attd/operations/activations.hpp>
#include <attd/operations/convolution.hpp>
#include <attd/operations/cross_entropy.hpp>
#include <attd/operations/matmul.hpp>
#include <attd/operations/normalization.hpp>
#include <attd/operations/transform.hpp>
#include <span>
#include <string>
#include <support/backend.hpp>
#include <support/main.hpp>
#include <support/random_tensor.hpp>
#include <support/report.hpp>
#include <tuple>
#include <vector>

// The bounds (see `bound_seconds`): every array [token, channel] that is read, written or added to
// counts 4 bytes an element, as if reading and writing back went on at once. An exponential counts
// for exp and for log.

namespace {

using namespace attd;
using namespace attd_bench;
namespace ops = attd::operations;

struct size {
  index_t tokens, channels;
  double elements() const { return double(tokens * channels); }
  std::string axes() const {
    return attd_bench::axes({{"L", tokens}, {"D", channels}, {"threads", 1}});
  }
};

// `arrays` of 4 bytes an element, `products` multiply-adds and `exps` exponentials an element.
work least_work(const size& n, double arrays, double products, double exps) {
  return {.flops = 2 * n.elements() * products,
          .exps = n.elements() * exps,
          .bytes = 4 * n.elements() * arrays};
}

template <class F>
void add(const std::string& name, const size& n, const work& least, F make) {
  benchmark::RegisterBenchmark((name + n.axes()).c_str(), [=](benchmark::State& state) {
    auto run = make(n);
    run();  // first touch of the memory
    for (auto _ : state) {
      run();
      benchmark::ClobberMemory();
    }
    report(state, n.elements(), least);
  })->Unit(benchmark::kMicrosecond);
}

tensor<float> wide(const size& n, std::uint64_t stream) {
  return random_tensor<float>({n.tokens, n.channels}, stream, -2, 2);
}

void add_convolution(const size& n) {
  constexpr index_t taps = 4;
  const auto make = [](bool backward) {
    return [=](const size& s) {
      return
          [=, batch = sequences::single(s.tokens), backend = make_backend(), x = wide(s, 1),
           y = wide(s, 2), d_x = wide(s, 3), w = random_tensor<float>({s.channels, taps}, 4, -1, 1),
           bias = random_tensor<float>({s.channels}, 5, -1, 1),
           d_w = random_tensor<float>({s.channels, taps}, 6, -1, 1),
           d_bias = random_tensor<float>({s.channels}, 7, -1, 1)]() mutable {
            const view<none> no;
            if (backward) {
              ops::causal_convolution_backward(backend, batch, x.view(), w.view(), no, y.view(), no,
                                               d_x.view(), d_w.view(), d_bias.view(), no);
            } else {
              ops::causal_convolution(backend, batch, x.view(), w.view(), bias.view(), no, y.view(),
                                      no);
            }
          };
    };
  };
  add("causal_convolution_forward/K:4", n, least_work(n, 2, 4, 0), make(false));
  add("causal_convolution_backward/K:4", n, least_work(n, 3, 8, 0), make(true));
}

void add_norms(const size& n) {
  constexpr double eps = 1e-5;
  const auto make = [](auto f) {
    return [=](const size& s) {
      return [=, backend = make_backend(), x = wide(s, 1), y = wide(s, 2), d_x = wide(s, 3),
              w = random_tensor<float>({s.channels}, 4, -1, 1),
              bias = random_tensor<float>({s.channels}, 5, -1, 1),
              d_w = random_tensor<float>({s.channels}, 6, -1, 1),
              d_bias = random_tensor<float>({s.channels}, 7, -1, 1)]() mutable {
        f(backend, x, y, d_x, w, bias, d_w, d_bias);
      };
    };
  };
  add("rms_norm_forward", n, least_work(n, 2, 3, 0),
      make([](auto& b, auto& x, auto& y, auto&, auto& w, auto&, auto&, auto&) {
        ops::rms_norm(b, x.view(), w.view(), eps, y.view());
      }));
  add("rms_norm_backward", n, least_work(n, 3, 6, 0),
      make([](auto& b, auto& x, auto& y, auto& d_x, auto& w, auto&, auto& d_w, auto&) {
        ops::rms_norm_backward(b, x.view(), w.view(), eps, y.view(), d_x.view(), d_w.view());
      }));
  add("layer_norm_forward", n, least_work(n, 2, 5, 0),
      make([](auto& b, auto& x, auto& y, auto&, auto& w, auto& bias, auto&, auto&) {
        ops::layer_norm(b, x.view(), w.view(), bias.view(), eps, y.view());
      }));
  add("layer_norm_backward", n, least_work(n, 3, 9, 0),
      make([](auto& b, auto& x, auto& y, auto& d_x, auto& w, auto&, auto& d_w, auto& d_bias) {
        ops::layer_norm_backward(b, x.view(), w.view(), eps, y.view(), d_x.view(), d_w.view(),
                                 d_bias.view());
      }));
}

// y = f(x), f of one or two operands, and all its gradients.
template <class F>
void add_function(const std::string& name, F f, const size& n, int operands, double exps) {
  const auto make = [=](bool backward) {
    return [=](const size& s) {
      return [=, backend = make_backend(), x = wide(s, 1), z = wide(s, 2), y = wide(s, 3),
              d_x = wide(s, 4), d_z = wide(s, 5)]() mutable {
        if constexpr (requires { f(1.0f); }) {
          if (backward) {
            ops::transform_backward(backend, f, y.view(), std::tuple{d_x.view()}, x.view());
          } else {
            ops::transform(backend, f, y.view(), x.view());
          }
        } else {
          if (backward) {
            ops::transform_backward(backend, f, y.view(), std::tuple{d_x.view(), d_z.view()},
                                    x.view(), z.view());
          } else {
            ops::transform(backend, f, y.view(), x.view(), z.view());
          }
        }
      };
    };
  };
  add(name + "_forward", n, least_work(n, 1 + operands, 0, exps), make(false));
  add(name + "_backward", n, least_work(n, 1 + 2 * operands, 0, exps), make(true));
}

void add_cross_entropy(const size& n) {
  const auto make = [](bool backward) {
    return [=](const size& s) {
      std::vector<index_t> targets;
      for (index_t t = 0; t < s.tokens; ++t) targets.push_back(t * 37 % s.channels);
      return [=, backend = make_backend(), logits = wide(s, 1), d_logits = wide(s, 2),
              loss = tensor<float>({s.tokens}), weight = tensor<float>({s.tokens}, 0.1f),
              ids = targets]() mutable {
        const std::span<const index_t> wanted(ids);
        if (backward) {
          ops::cross_entropy_backward(backend, logits.view(), wanted, weight.view(),
                                      d_logits.view());
        } else {
          ops::cross_entropy(backend, logits.view(), wanted, loss.view());
        }
      };
    };
  };
  add("cross_entropy_forward", n, least_work(n, 1, 0, 1), make(false));
  add("cross_entropy_backward", n, least_work(n, 2, 0, 1), make(true));
}

// The three products of a linear layer: y = x W^T, d_x += d_y W, d_W += d_y^T x. An element is one
// multiply-add.
enum product { forward, of_input, of_weight };
constexpr const char* product_names[] = {"forward", "d_x", "d_weight"};

void add_matmul(const char* layer, index_t tokens, index_t inputs, index_t outputs, product which,
                product_kernel kernel = product_kernel::packs) {
  const std::string name =
      std::string("linear_") + product_names[which] +
      (kernel == product_kernel::eigen ? "_by_eigen" : "") + "/" + layer +
      axes({{"L", tokens}, {"input", inputs}, {"output", outputs}, {"threads", 1}});
  benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
    using enum ops::transpose;
    eigen backend = make_backend(1, kernel);
    tensor<float> x = random_tensor<float>({tokens, inputs}, 1, -1, 1);
    tensor<float> w = random_tensor<float>({outputs, inputs}, 2, -1, 1);
    tensor<float> y = random_tensor<float>({tokens, outputs}, 3, -1, 1);
    const auto run = [&] {
      if (which == forward) {
        ops::matmul<no, yes, ops::update::assign>(backend, x.view(), w.view(), y.view());
      } else if (which == of_input) {
        ops::matmul<no, no, ops::update::add>(backend, y.view(), w.view(), x.view());
      } else {
        ops::matmul<yes, no, ops::update::add>(backend, y.view(), x.view(), w.view());
      }
      benchmark::ClobberMemory();
    };
    run();
    // What is added to would grow from call to call: numbers stay numbers at any count.
    if (which == of_input) w.zero();
    if (which == of_weight) y.zero();
    for (auto _ : state) run();
    const double adds = double(tokens * inputs * outputs);
    report(
        state, adds,
        work{.flops = 2 * adds,
             .bytes = 4 * (double(tokens) * double(inputs + outputs) + double(inputs * outputs))});
    state.counters["gflops"] =
        benchmark::Counter(2e-9 * adds * double(state.iterations()), benchmark::Counter::kIsRate);
  })->Unit(benchmark::kMicrosecond);
}

void add_mamba_products(index_t tokens, index_t width, index_t states, bool backward) {
  const index_t inner = 2 * width, rank = (width + 15) / 16;
  for (const product which : {forward, of_input, of_weight}) {
    if (which != forward && !backward) return;
    for (const auto kernel : {product_kernel::packs, product_kernel::eigen}) {
      add_matmul("in_proj", tokens, width, 2 * inner, which, kernel);
      add_matmul("x_proj", tokens, inner, rank + 2 * states, which, kernel);
      add_matmul("dt_proj", tokens, rank, inner, which, kernel);
      add_matmul("out_proj", tokens, inner, width, which, kernel);
      add_matmul("head", tokens, width, 256, which, kernel);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  return run_benchmarks(argc, argv, [](bool short_pass) {
    const std::vector<size> sizes =
        short_pass ? std::vector<size>{{16, 48}} : std::vector<size>{{256, 256}, {2048, 512}};
    for (const size& n : sizes) {
      add_convolution(n);
      add_norms(n);
      add_function("silu", ops::silu_function{}, n, 1, 1);
      add_function("gated_silu", ops::gated_silu_function{}, n, 2, 1);
      add_function("softplus", ops::softplus_function{}, n, 1, 2);
      add_function("gelu", ops::gelu_function{}, n, 1, 1);
      add_cross_entropy(n);
    }
    if (short_pass) {
      add_mamba_products(8, 16, 4, true);
      return;
    }
    add_mamba_products(1, 128, 16, false);
    add_mamba_products(1024, 128, 16, true);
    add_mamba_products(512, 768, 16, false);
  });
}
