// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// One program for CPU and GPU: compiled by nvcc it adapts on a GPU, by any other compiler on the
// CPU. Only the type `my_backend` differs.
#include <attd/core.hpp>
#include <cstdio>

#if defined(__CUDACC__)
#include <attd/backends/cuda.hpp>
using my_backend = attd::cuda;
const char* const where = "GPU";
#else
#include <attd/backends/thrust.hpp>
using my_backend = attd::thrust<attd::systems::cpp>;
const char* const where = "CPU";
#endif

using attd::index_t;

// A formula of yours is a struct whose call operator is marked ATTD_HD: then it runs on both.
struct absolute_error {
  template <class T>
  ATTD_HD T operator()(const T& output, const T& target) const {
    using attd::sqrt;
    const T d = output - target;
    return sqrt(d * d + T(1e-4));  // |d|, with a derivative at 0
  }
};

int main() try {
  // Parameters belong to no backend: these are trained on the CPU's plain loops.
  attd::models::dynamics_net<> model;
  const auto train = attd::tasks::oscillator_examples<float>({}, 0, 64);
  attd::reference host;
  const auto theta =
      attd::training::fit(model, train, {.schedule = {0.01, 20, 120}, .batch = 8}, host);

  const auto adaptive =
      attd::make_adaptive(model, attd::adapters::low_rank{},
                          attd::losses::next_value<absolute_error>{}, attd::controllers::fixed{8},
                          attd::optimizers::gradient_descent{.rate = 0.1}, theta, my_backend{});
  auto workspace = adaptive.make_workspace();
  attd::adaptation::report report;
  const auto shifted = attd::tasks::oscillator_set({}, "shift_x2");
  double before = 0, after = 0;
  for (index_t i = 1000; i < 1010; ++i) {
    // Signals lie in the host's memory; what operations read of them is taken to where they run.
    const auto x = attd::tasks::oscillator_example<float>(shifted, i);
    auto session = adaptive.start();
    before += attd::tasks::scored_error(adaptive, x, session.psi, workspace) / 10;
    adaptive.adapt(attd::tasks::observe(x), session, workspace, report);
    after += attd::tasks::scored_error(adaptive, x, session.psi, workspace) / 10;
  }
  std::printf("on the %s: mean error %.4f -> %.4f\n", where, before, after);
} catch (const attd::error& e) {  // no GPU, say: a sentence with a hint
  std::printf("%s\n", e.what());
  return 1;
}
