// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Programs for teams of threads, as a CPU plays them: sums over lanes, orders of threads, shared
// memory; and the selective scan in pieces.
#include <on_thrust/backend.hpp>
#include <on_thrust/orders.hpp>
#include <operations/cases.hpp>
#include <parity/scan_output_suite.hpp>
#include <parity/scan_suite.hpp>

namespace attd_test::teams {

using namespace attd;
using namespace attd::testing;
namespace ops = attd::operations;
using attd_test::scans::expect_parity;
using attd_test::scans::expect_parity_in_all_types;
using thrust_detail::registers;

// Every thread's numbers are 1 / (1 + thread + 100 i); the sums come out lane by lane.
template <int Count>
struct sums_program {
  static constexpr int threads = 96;
  view<double> sums;  // [team, thread]

  std::size_t shared_bytes() const { return 0; }
  template <class Team>
  void operator()(Team& team) const {
    typename Team::template own<registers<double, Count>> own(team);
    team.each([&](int thread) {
      for (int i = 0; i < Count; ++i) own[thread][i] = 1.0 / (1 + thread + 100 * i);
    });
    team.lane_sums(own);
    team.each([&](int thread) { sums(team.number(), thread) = own[thread][0]; });
  }
};

template <int Count>
void expect_lane_sums() {
  tensor<double> found({2, 96});
  systems::cpp system;
  thrust_detail::for_each_team(system, 2, sums_program<Count>{found.view()});
  for (int thread = 0; thread < 96; ++thread) {
    const int i = thrust_detail::sum_of_lane(thread % 32, Count), first = thread / 32 * 32;
    double expected = 0;
    for (int other = first; other < first + 32; ++other) expected += 1.0 / (1 + other + 100 * i);
    CAPTURE(thread);
    CHECK(found(0, thread) == doctest::Approx(expected).epsilon(1e-14));
    CHECK(found(1, thread) == found(0, thread));
  }
}

TEST_CASE("teams: lanes add up what each of them holds") {
  expect_lane_sums<1>();
  expect_lane_sums<2>();
  expect_lane_sums<8>();
  expect_lane_sums<16>();
  expect_lane_sums<32>();
}

// Each thread reads its neighbour's number: with `Waits` after it was written, else in the same
// step, which is a race.
template <bool Waits>
struct neighbour_program {
  static constexpr int threads = 64;
  std::size_t announced;
  view<double> seen;

  std::size_t shared_bytes() const { return announced; }
  template <class Team>
  void operator()(Team& team) const {
    double* const at = team.template shared<double>(threads);
    const auto read = [&](int thread) { seen(team.number(), thread) = at[(thread + 1) % threads]; };
    team.each([&](int thread) {
      at[thread] = thread;
      if constexpr (!Waits) read(thread);
    });
    if constexpr (Waits) team.each(read);
  }
};

TEST_CASE("teams: what was written before a wait is read after it; a race shows in other orders") {
  backwards_system backwards;
  systems::cpp forwards;
  const std::size_t bytes = 64 * sizeof(double);
  tensor<double> one({1, 64}), other({1, 64});
  thrust_detail::for_each_team(forwards, 1, neighbour_program<true>{bytes, one.view()});
  thrust_detail::for_each_team(backwards, 1, neighbour_program<true>{bytes, other.view()});
  for (int thread = 0; thread < 64; ++thread) {
    CHECK(one(0, thread) == (thread + 1) % 64);
    CHECK(other(0, thread) == one(0, thread));
  }
  thrust_detail::for_each_team(forwards, 1, neighbour_program<false>{bytes, one.view()});
  CHECK(std::isnan(one(0, 0)));
  thrust_detail::for_each_team(backwards, 1, neighbour_program<false>{bytes, other.view()});
  CHECK(other(0, 0) == 1);
}

TEST_CASE("teams: shared memory beyond what was announced is an error") {
  systems::cpp system;
  tensor<double> seen({1, 64});
  CHECK_THROWS_WITH_AS(
      thrust_detail::for_each_team(system, 1, neighbour_program<true>{504, seen.view()}),
      doctest::Contains("took 512 bytes of shared memory, it had announced 504"), attd::error);
}

// Results and gradients of a case, bit by bit, in other orders of threads.
template <class S, class Case>
void expect_no_order(const Case& op) {
  const auto run = [&](auto backend) {
    const tensors<S> in = scans::inputs_of<S>(op, 3), d_out = scans::random_of<S>(op.outputs(), 4);
    tensors<S> out = zero_tensors<S>(op.outputs()), d_in = zero_tensors<S>(op.inputs());
    op.forward(backend, in, out);
    op.backward(backend, in, d_out, d_in);
    for (auto& d : d_in) out.push_back(d);
    return out;
  };
  const auto plain = run(thrust_cpp{}), backwards = run(thrust_backwards{}),
             scattered = run(thrust_scattered{});
  for (std::size_t i = 0; i < plain.size(); ++i) {
    CHECK(scans::relative_rms(backwards[i], plain[i]) == 0);
    CHECK(scans::relative_rms(scattered[i], plain[i]) == 0);
  }
}

TEST_CASE("selective_scan: the order of a team's threads decides nothing") {
  expect_no_order<float>(cases::selective_scan{.batch = {50, 1, 9}, .channels = 37, .states = 16});
  expect_no_order<dual<double>>(cases::selective_scan{.batch = {21}, .channels = 5, .states = 7});
}

TEST_CASE("selective_scan: any number of channels and states") {
  for (const index_t states : {1, 4, 5, 8, 9, 16, 17, 37}) {
    CAPTURE(states);
    expect_parity<thrust_cpp, double>(
        cases::selective_scan{.batch = {17, 3}, .channels = 33, .states = states});
    expect_parity<thrust_cpp, dual<float>>(
        cases::selective_scan{.batch = {17, 3}, .channels = 3, .states = states});
  }
  expect_parity<thrust_cpp, float>(
      cases::selective_scan{.batch = {130, 1, 64, 7}, .channels = 100, .states = 16});
}

TEST_CASE("selective_scan: sequences that are cut in time give the same") {
  const cases::selective_scan op{.batch = {150, 1, 33, 8}, .channels = 21, .states = 7};
  expect_parity_in_all_types<attd::thrust<cutting_system<2>>>(op);
  expect_parity_in_all_types<attd::thrust<cutting_system<5>>>(op);
  expect_parity<attd::thrust<cutting_system<3>>, double>(
      cases::selective_scan{.batch = {90, 41}, .channels = 40, .states = 18, .dynamics = 2});
}

TEST_CASE("gated_scan: cut in time, in any order of threads, without a row of step sizes") {
  const cases::gated_scan op{.batch = {90, 1, 41}, .channels = 40, .states = 18, .times = 3};
  expect_parity<attd::thrust<cutting_system<3>>, float>(op);
  expect_parity<attd::thrust<cutting_system<3>>, dual<double>>(op);
  expect_no_order<float>(op);
  cases::gated_scan little = op;
  little.output = ops::scan_output::computed_again;
  expect_no_order<float>(little);
  scans::expect_same_without_output<attd::thrust<cutting_system<3>>, float>(op);
  scans::expect_same_without_output<attd::thrust<cutting_system<3>>, dual<double>>(op);
  thrust_cpp backend;
  const auto in = scans::inputs_of<double>(op, 3);
  auto out = zero_tensors<double>(op.outputs());
  ops::gated_scan_cache<double> cache;
  op.forward(backend, in, out, cache);
  CHECK(cache.step.empty());
  CHECK(cache.s.size() == out[0].size());
}

TEST_CASE("silu_convolution: without a row of gradients before the SiLU") {
  const cases::silu_convolution op{};
  thrust_cpp backend;
  const auto in = random_tensors(op.inputs(), 3), d_out = random_tensors(op.outputs(), 4);
  tensors<double> out = zero_tensors<double>(op.outputs()),
                  d_in = zero_tensors<double>(op.inputs());
  tensor<double> v, d_v;
  op.forward(backend, in, out, v);
  ops::silu_convolution_backward(backend, op.batch, d_v, in[0].view(), in[1].view(), in[3].view(),
                                 std::as_const(v).view(), d_out[0].view(), d_out[1].view(),
                                 d_in[0].view(), d_in[1].view(), d_in[2].view(), d_in[3].view());
  CHECK(d_v.empty());
  CHECK(norm(d_in[0]) > 0);
}

TEST_CASE("selective_scan: a rate of minus infinity forgets, and spoils nothing") {
  const sequences batch{3, 2};
  tensor<double> u({5, 1}), dt({5, 1}), a({1, 1, 1}), b({5, 1}), c({5, 1}), y({5, 1}), d_u({5, 1});
  tensor<double> last({2, 1, 1});
  for (tensor<double>* t : {&u, &dt, &b, &c}) t->assign(t->shape(), 1.0);
  a(0, 0, 0) = -std::numeric_limits<double>::infinity();
  thrust_cpp backend;
  const view<none> no;
  ops::selective_scan(backend, batch, u.view(), dt.view(), a.view(), b.view(), c.view(), no, no,
                      y.view(), last.view());
  for (index_t t = 0; t < 5; ++t) CHECK(y(t, 0) == 1);
  CHECK(last(0, 0, 0) == 1);
  CHECK(last(1, 0, 0) == 1);
}

}  // namespace attd_test::teams
