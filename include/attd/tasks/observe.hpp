// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// What adaptation may see of an example: its context, and nothing beyond.
#pragma once

#include <attd/core/observation.hpp>
#include <attd/tasks/example.hpp>
#include <cstddef>
#include <cstdint>
#include <span>

namespace attd::tasks {

/// The context of an example of a series or of tokens: tokens 0 .. split - 1, no targets.
///
/// Targets are left out on purpose: in forecasting the target of token split - 1 is the series at
/// time `split`, which is scored. `key` says which input this is (see `observation`).
/// *Shapes*: input [split, channel]. The observation refers to the example's memory.
/// *Errors*: a split outside 0 .. length.
template <class T>
observation<T> observe(const example<T>& e, std::uint64_t key = 0) {
  if (e.split < 0 || e.split > e.length()) {
    fail("observe: split is ", e.split, ", expected 0 .. ", e.length(),
         "; hint: split is the number of tokens that adaptation sees");
  }
  observation<T> o;
  if (e.ids.empty()) {
    o.input = e.input.view().row_range(0, e.split);
  } else {
    o.ids = std::span(e.ids).first(static_cast<std::size_t>(e.split));
  }
  o.key = key;
  return o;
}

/// The context of an example of a plant (simulation): also what was measured in it, target rows
/// 0 .. split - 1, each measured at the time of its input. Never for forecasting (see `observe`).
template <class T>
observation<T> observe_plant(const example<T>& e, std::uint64_t key = 0) {
  observation<T> o = observe(e, key);
  expect_equal("observe_plant", "the number of measured rows",
               e.target.empty() ? 0 : e.target.extent(0), e.length());
  o.measured = e.target.view().row_range(0, e.split);
  return o;
}

}  // namespace attd::tasks
