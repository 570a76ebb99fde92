// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The engine holds a model's weights constant: products in bf16 round them once, until they change.
#include <adaptation/wide_model.hpp>
#include <attd/adaptation/lockstep.hpp>
#include <vector>

#include "rounding_system.hpp"

using namespace attd_test;

namespace {

using rounding_each_time = attd::thrust<rounding_system_that<false>>;

bool same(const std::vector<tensor<float>>& x, const std::vector<tensor<float>>& y) {
  index_t different = x.size() == y.size() ? 0 : 1;
  for (std::size_t i = 0; i < x.size() && different == 0; ++i) different += differences(x[i], y[i]);
  return different == 0;
}

}  // namespace

TEST_CASE("frozen weights: are rounded once for all inputs, to the bits of rounding every time") {
  const rounding backend;
  const rounding_each_time other;
  const auto m = wide::adaptive(5, backend);
  const auto plain = wide::adaptive(5, other);
  auto w = m.make_workspace();
  auto v = plain.make_workspace();
  std::vector<index_t> rounded, each_time;
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    const wide::text x(seed, 40);
    backend.system().log->rounded = other.system().log->rounded = 0;
    CHECK(same(wide::adapted(m, w, x), wide::adapted(plain, v, x)));
    rounded.push_back(backend.system().log->rounded);
    each_time.push_back(other.system().log->rounded);
  }
  // in_proj, dt_weight, out_proj of both layers, the head, and where the gradient goes through the
  // upper layer, its x_proj, whose 10 results a token are too few to round for.
  const index_t weights = 2 * (128 * 32 + 64 * 2 + 32 * 64) + 40 * 32 + 10 * 64;
  CHECK(rounded[0] - rounded[1] == weights);
  CHECK(rounded[1] == rounded[2]);
  CHECK(each_time[0] == each_time[1]);
  CHECK(each_time[1] - rounded[1] >= 4 * (weights - 10 * 64));  // in every forward
}

TEST_CASE("frozen weights: a model that is given other ones adapts as a new one") {
  const wide::text x(1, 40);
  auto m = wide::adaptive(5, rounding());
  auto w = m.make_workspace();
  const auto before = wide::adapted(m, w, x);
  for (const std::uint64_t seed : {6u, 7u}) {
    m.set_parameters(parameters_of<float>(wide::model(), seed));
    m.refresh(w);
    const auto other = wide::adaptive(seed, rounding());
    auto fresh = other.make_workspace();
    const auto found = wide::adapted(m, w, x);
    CHECK(same(found, wide::adapted(other, fresh, x)));
    CHECK_FALSE(same(found, before));
  }
}

TEST_CASE("frozen weights: no memory is taken or given back for them once they have been factors") {
  auto m = wide::adaptive(5, rounding());
  const wide::text x(1, 40), y(2, 36);
  auto w = m.make_workspace();
  auto s = m.start();
  attd::adaptation::report r;
  const std::vector<attd::observation<float>> both{x.seen(), y.seen()};
  std::vector<decltype(m)::session> sessions;
  std::vector<attd::adaptation::report> reports;
  attd::adaptation::lockstep together(m);
  const auto theta = parameters_of<float>(wide::model(), 6);
  int given = 0, taken = 0;
  for (int i = 0; i < 4; ++i) {
    if (i == 2) {
      given = given_out();
      taken = taken_back();
    }
    m.set_parameters(theta);
    m.refresh(w);
    m.restart(s);
    m.adapt(x.seen(), s, w, r);
    CHECK(r.accepted > 0);
    together.adapt(both, sessions, reports);
    CHECK(reports[1].accepted > 0);
  }
  CHECK(given_out() == given);
  CHECK(taken_back() == taken);
}
