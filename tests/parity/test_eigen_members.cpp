// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The eigen backend has its own form of the hot operations; a mismatch of arguments would silently
// run the reference loops instead.
#include <doctest/doctest.h>

#include <attd/backends/eigen.hpp>
#include <operations/cases.hpp>
#include <operations/scan_cases.hpp>
#include <parity/parity.hpp>

namespace {

using namespace attd;
using namespace attd::testing;
namespace ops = attd::operations;

// Records that the generic operation found its member, then lets eigen do the work.
#define COUNTED(name)                                      \
  template <class... X>                                    \
    requires requires(eigen& e, X&... x) { e.name(x...); } \
  void name(X&&... x) {                                    \
    ++calls;                                               \
    eigen::name(x...);                                     \
  }
struct counted : eigen {
  int calls = 0;
  COUNTED(transform)
  COUNTED(transform_backward)
  COUNTED(rms_norm)
  COUNTED(rms_norm_backward)
  COUNTED(layer_norm)
  COUNTED(layer_norm_backward)
  COUNTED(causal_convolution)
  COUNTED(causal_convolution_backward)
  COUNTED(cross_entropy)
  COUNTED(cross_entropy_backward)
  COUNTED(cross_entropy_in_place)
  COUNTED(softmax_entropy)
  COUNTED(softmax_entropy_backward)
  COUNTED(selective_scan)
  COUNTED(selective_scan_backward)
  COUNTED(dense_recurrence)
  COUNTED(dense_recurrence_backward)
  template <ops::direction Way, class... X>
    requires requires(eigen& e, X&... x) { e.template complex_scan<Way>(x...); }
  void complex_scan(X&&... x) {
    ++calls;
    eigen::complex_scan<Way>(x...);
  }
  template <ops::direction Way, class... X>
    requires requires(eigen& e, X&... x) { e.template complex_scan_backward<Way>(x...); }
  void complex_scan_backward(X&&... x) {
    ++calls;
    eigen::complex_scan_backward<Way>(x...);
  }
};
#undef COUNTED

template <class S, class Case>
void expect_member_is_called(const Case& op, bool expected) {
  counted backend;
  tensors<S> in = zero_tensors<S>(op.inputs()), d_in = in;
  tensors<S> out = zero_tensors<S>(op.outputs()), d_out = out;
  op.forward(backend, in, out);
  CHECK((backend.calls > 0) == expected);
  backend.calls = 0;
  op.backward(backend, in, d_out, d_in);
  CHECK((backend.calls > 0) == expected);
}

template <class Case>
void expect_member_is_called(const Case& op) {
  expect_member_is_called<float>(op, true);
  expect_member_is_called<dual<double>>(op, true);
}

}  // namespace

TEST_CASE("eigen: its own forms of the operations are the ones that run") {
  expect_member_is_called(cases::unary<ops::silu_function>{});
  expect_member_is_called(cases::binary<ops::sum_function>{.second_rows = 1});
  expect_member_is_called(cases::rms_norm{});
  expect_member_is_called(cases::layer_norm{});
  expect_member_is_called(cases::causal_convolution{});
  expect_member_is_called(cases::cross_entropy{});
  expect_member_is_called(cases::cross_entropy_in_place{});
  expect_member_is_called(cases::softmax_entropy{});
}

TEST_CASE("eigen: its own forms of the scans are the ones that run") {
  expect_member_is_called(cases::selective_scan{});
  expect_member_is_called(cases::dense_recurrence{});
  expect_member_is_called(cases::complex_scan<ops::direction::forward>{});
  expect_member_is_called(cases::complex_scan<ops::direction::backward_in_time>{});
}

TEST_CASE("eigen: number types without packs run the loops") {
  expect_member_is_called<dual<dual<double>>>(cases::rms_norm{}, false);
  expect_member_is_called<dual<dual<double>>>(cases::unary<ops::silu_function>{}, false);
}

TEST_CASE("eigen: the scans through a handle are the same as on reference") {
  for (index_t size : {1, 3, 17}) {
    expect_parity_everywhere<eigen>(cases::selective_scan{.channels = size});
    expect_parity_everywhere<eigen>(cases::dense_recurrence{.states = size});
    expect_parity_everywhere<eigen>(cases::complex_scan<ops::direction::forward>{.channels = size});
  }
}
