// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Time of the scans per (token, channel, state), and the share of the machine's limit it is.
#include <attd/operations/complex_scan.hpp>
#include <attd/operations/dense_recurrence.hpp>
#include <attd/operations/selective_scan.hpp>
#include <string>
#include <support/backend.hpp>
#include <support/main.hpp>
#include <support/random_tensor.hpp>
#include <support/report.hpp>
#include <vector>

// The bounds (see `bound_seconds`) count per element (token, channel, state) the products and
// multiply-adds that any order of the same sums needs, each as 2 flops:
//   selective scan forward: dt a, (dt u) b, into h, into y: 4, and 1 exponential
//     backward: states again 3 and 1 exponential; c dy into g, e h, b u, a e h + b u, into d_dt,
//     g dt, into d_a, into d_u, into d_b, into d_c, g e: 11. For dynamics (d_dt, d_a) 8 of them.
//   complex scan forward: into re 3, into im 3, into y 2: 8
//     backward: states again 6; into g 2, d_u 2, d_a 4, d_b 2, d_c 2, a* g 4
//   dense recurrence: 1 forward, 2 backward (d_x, d_a).
// In duals each product has two more and each sum one more; the exponential stays one. For doubles
// lanes are half as many. Memory: [token, channel] and [token, state] operands and results once.

namespace {

using namespace attd;
using namespace attd_bench;
namespace ops = attd::operations;

struct size {
  index_t sequences, channels, length, states;
  double tokens() const { return double(sequences * length); }
  double elements() const { return tokens() * double(channels * states); }
  std::string axes(index_t threads) const {
    return attd_bench::axes(
        {{"B", sequences}, {"D", channels}, {"L", length}, {"N", states}, {"threads", threads}});
  }
};

// `products` and `exps` per element, `wide` and `narrow` arrays [token, channel], [token, state].
template <class X>
work least_work(const size& n, double products, double exps, double wide, double narrow) {
  const double lanes = double(sizeof(primal_t<X>)) / sizeof(float);
  const double planes = is_dual_v<X> ? 2 : 1;
  work w;
  w.flops = 2 * n.elements() * products * lanes * (is_dual_v<X> ? 3 : 1);
  w.exps = n.elements() * exps * lanes;
  w.bytes = n.tokens() * (wide * double(n.channels) + narrow * double(n.states)) * sizeof(float) *
            lanes * planes;
  return w;
}

// All operands, results and gradients of a selective scan with Mamba's ranges.
template <class X>
struct selective {
  static constexpr const char* name = "selective_scan";
  eigen backend;
  sequences batch;
  tensor<X> u, dt, a, b, c, d, initial, y, final, d_y, d_u, d_dt, d_a, d_b, d_c, d_d, d_initial;
  ops::selective_scan_scratch<X> scratch;

  selective(const size& n, index_t threads)
      : backend(make_backend(threads)), batch(sequences::equal(n.sequences, n.length)) {
    const shape wide{batch.tokens(), n.channels}, narrow{batch.tokens(), n.states};
    const shape state{n.sequences, n.channels, n.states}, dynamics{1, n.channels, n.states};
    u = random_tensor<X>(wide, 1, -1, 1);
    dt = random_tensor<X>(wide, 2, 0.001, 0.1);
    a = random_tensor<X>(dynamics, 3, -16, -1);
    b = random_tensor<X>(narrow, 4, -1, 1);
    c = random_tensor<X>(narrow, 5, -1, 1);
    d = random_tensor<X>({n.channels}, 6, -1, 1);
    initial = random_tensor<X>(state, 7, -1, 1);
    d_y = random_tensor<X>(wide, 8, -1, 1);
    for (auto* x : {&y, &d_u, &d_dt}) x->assign(wide);
    for (auto* x : {&d_b, &d_c}) x->assign(narrow);
    for (auto* x : {&final, &d_initial}) x->assign(state);
    d_a.assign(dynamics);
    d_d.assign({n.channels});
  }
  void forward() {
    ops::selective_scan(backend, batch, u.view(), dt.view(), a.view(), b.view(), c.view(), d.view(),
                        initial.view(), y.view(), final.view());
  }
  void backward() {
    ops::selective_scan_backward(backend, batch, scratch, u.view(), dt.view(), a.view(), b.view(),
                                 c.view(), d.view(), initial.view(), d_y.view(), view<none>{},
                                 d_u.view(), d_dt.view(), d_a.view(), d_b.view(), d_c.view(),
                                 d_d.view(), d_initial.view());
  }
  void backward_dynamics() {
    const view<none> no;
    ops::selective_scan_backward(backend, batch, scratch, u.view(), dt.view(), a.view(), b.view(),
                                 c.view(), d.view(), initial.view(), d_y.view(), no, no,
                                 d_dt.view(), d_a.view(), no, no, no, no);
  }
  static work forward_work(const size& n) { return least_work<X>(n, 4, 1, 3, 2); }
  static work both_work(const size& n) { return least_work<X>(n, 4 + 14, 2, 8, 6); }
  static work dynamics_work(const size& n) { return least_work<X>(n, 4 + 11, 2, 7, 4); }
};

// The same of a complex scan with S4D's ranges; N counts complex modes.
template <class X>
struct complex_modes {
  static constexpr const char* name = "complex_scan";
  eigen backend;
  sequences batch;
  tensor<X> u, a_re, a_im, b_re, b_im, c_re, c_im, d, h_re, h_im, y, final_re, final_im, d_y, d_u,
      da_re, da_im, db_re, db_im, dc_re, dc_im, d_d, dh_re, dh_im;
  ops::complex_scan_scratch<X> scratch;

  complex_modes(const size& n, index_t threads)
      : backend(make_backend(threads)), batch(sequences::equal(n.sequences, n.length)) {
    const shape wide{batch.tokens(), n.channels}, table{n.channels, n.states};
    const shape state{n.sequences, n.channels, n.states}, dynamics{1, n.channels, n.states};
    u = random_tensor<X>(wide, 1, -1, 1);
    a_re = random_tensor<X>(dynamics, 2, 0.5, 0.7);
    a_im = random_tensor<X>(dynamics, 3, -0.7, 0.7);
    b_re = random_tensor<X>(dynamics, 4, -1, 1);
    b_im = random_tensor<X>(dynamics, 5, -1, 1);
    c_re = random_tensor<X>(table, 6, -1, 1);
    c_im = random_tensor<X>(table, 7, -1, 1);
    d = random_tensor<X>({n.channels}, 8, -1, 1);
    h_re = random_tensor<X>(state, 9, -1, 1);
    h_im = random_tensor<X>(state, 10, -1, 1);
    d_y = random_tensor<X>(wide, 11, -1, 1);
    for (auto* x : {&y, &d_u}) x->assign(wide);
    for (auto* x : {&final_re, &final_im, &dh_re, &dh_im}) x->assign(state);
    for (auto* x : {&da_re, &da_im, &db_re, &db_im}) x->assign(dynamics);
    for (auto* x : {&dc_re, &dc_im}) x->assign(table);
    d_d.assign({n.channels});
  }
  static auto pair(const tensor<X>& re, const tensor<X>& im) {
    return ops::complex_planes(re.view(), im.view());
  }
  static auto pair(tensor<X>& re, tensor<X>& im) {
    return ops::complex_planes(re.view(), im.view());
  }
  void forward() {
    ops::complex_scan(backend, batch, u.view(), pair(a_re, a_im), pair(b_re, b_im),
                      pair(c_re, c_im), d.view(), pair(h_re, h_im), y.view(),
                      pair(final_re, final_im));
  }
  void backward() {
    const ops::complex_view<none> no;
    ops::complex_scan_backward(backend, batch, scratch, u.view(), pair(a_re, a_im),
                               pair(b_re, b_im), pair(c_re, c_im), d.view(), pair(h_re, h_im),
                               d_y.view(), no, d_u.view(), pair(da_re, da_im), pair(db_re, db_im),
                               pair(dc_re, dc_im), d_d.view(), pair(dh_re, dh_im));
  }
  void backward_dynamics() {
    const ops::complex_view<none> no;
    ops::complex_scan_backward(backend, batch, scratch, u.view(), pair(a_re, a_im),
                               pair(b_re, b_im), pair(c_re, c_im), d.view(), pair(h_re, h_im),
                               d_y.view(), no, view<none>{}, pair(da_re, da_im), pair(db_re, db_im),
                               no, view<none>{}, no);
  }
  static work forward_work(const size& n) { return least_work<X>(n, 8, 0, 2, 0); }
  static work both_work(const size& n) { return least_work<X>(n, 8 + 22, 0, 5, 0); }
  static work dynamics_work(const size& n) { return least_work<X>(n, 8 + 18, 0, 4, 0); }
};

template <class Work, class F>
void add(const std::string& name, const size& n, index_t threads, work least, F f) {
  auto* b = benchmark::RegisterBenchmark((Work::name + name + n.axes(threads)).c_str(),
                                         [=](benchmark::State& state) {
                                           Work operands(n, threads);
                                           f(operands);  // first touch of the memory
                                           for (auto _ : state) f(operands);
                                           report(state, n.elements(), least, int(threads));
                                         });
  b->Unit(benchmark::kMillisecond);
  if (threads > 1) b->UseRealTime();
}

template <class Work>
void add_scan(const std::string& type, const std::vector<size>& sizes, index_t threads = 1) {
  for (const size& n : sizes) {
    add<Work>("_forward" + type, n, threads, Work::forward_work(n), [](auto& w) { w.forward(); });
    add<Work>("_forward_backward" + type, n, threads, Work::both_work(n), [](auto& w) {
      w.forward();
      w.backward();
    });
    add<Work>("_forward_backward_dynamics" + type, n, threads, Work::dynamics_work(n), [](auto& w) {
      w.forward();
      w.backward_dynamics();
    });
  }
}

template <class X>
void add_dense(const std::string& type, index_t count, index_t length, index_t states,
               bool backward) {
  const std::string name =
      std::string(backward ? "dense_recurrence_backward" : "dense_recurrence_forward") + type +
      axes({{"B", count}, {"L", length}, {"N", states}, {"threads", 1}});
  benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
    eigen backend = make_backend();
    const sequences batch = sequences::equal(count, length);
    const double bound = 1.0 / double(states);
    const tensor<X> a = random_tensor<X>({1, states, states}, 1, -bound, bound);
    const tensor<X> x = random_tensor<X>({batch.tokens(), states}, 2, -1, 1);
    const tensor<X> initial = random_tensor<X>({count, states}, 3, -1, 1);
    tensor<X> h({batch.tokens(), states}), final({count, states}), d_x({batch.tokens(), states});
    tensor<X> d_a({1, states, states});
    ops::dense_recurrence_scratch<X> scratch;
    const auto forward = [&] {
      ops::dense_recurrence(backend, batch, a.view(), x.view(), initial.view(), h.view(),
                            final.view());
    };
    forward();
    for (auto _ : state) {
      if (backward) {
        ops::dense_recurrence_backward(backend, batch, scratch, a.view(), h.view(), initial.view(),
                                       x.view(), view<none>{}, d_x.view(), d_a.view(),
                                       view<none>{});
      } else {
        forward();
      }
    }
    const size n{count, states, length, states};
    report(state, n.elements(), least_work<X>(n, backward ? 2 : 1, 0, backward ? 3 : 2, 0));
    report_time(state, "ns_per_token", n.tokens());
  });
}

// The exponential that the scans use, alone and in cache.
void exponential(benchmark::State& state) {
  using P = pack<float>;
  std::vector<float> x(2048, -0.7f);
  for (auto _ : state) {
    for (std::size_t i = 0; i < x.size(); i += P::width) {
      exp2(P::load(&x[i]) - P(0.9f)).store(&x[i]);
    }
    benchmark::DoNotOptimize(x.data());
    benchmark::ClobberMemory();
  }
  work w;
  w.exps = double(x.size());
  report(state, double(x.size()), w);
}

}  // namespace

int main(int argc, char** argv) {
  return run_benchmarks(argc, argv, [](bool short_pass) {
    benchmark::RegisterBenchmark("exp2_float_in_cache", exponential);
    const std::vector<size> one =
        short_pass ? std::vector<size>{{2, 32, 64, 16}} : std::vector<size>{{1, 512, 2048, 16}};
    std::vector<size> all = one, modes = one;
    if (!short_pass) {
      all.insert(all.end(), {{8, 256, 512, 16}, {32, 128, 1024, 16}});
      modes = {{1, 512, 2048, 32}, {8, 256, 512, 32}, {32, 128, 1024, 8}};
    }
    add_scan<selective<float>>("", all);
    add_scan<selective<double>>("_double", one);
    add_scan<selective<dual<float>>>("_dual", one);
    add_scan<complex_modes<float>>("", modes);
    add_scan<complex_modes<dual<float>>>("_dual", one);
    const std::vector<size> long_one{{1, 256, short_pass ? 256 : 16384, 16}};
    for (const index_t threads : {1, 2}) add_scan<selective<float>>("", long_one, threads);
    add_scan<complex_modes<float>>("", long_one, 2);
    const index_t length = short_pass ? 32 : 512;
    for (const bool backward : {false, true}) {
      for (const index_t n : {4, 16, 32, 64}) add_dense<float>("", 8, length, n, backward);
      add_dense<double>("_double", 8, length, 16, backward);
      add_dense<dual<float>>("_dual", 8, length, 16, backward);
      add_dense<dual<double>>("_dual_double", 8, length, 16, backward);
    }
  });
}
