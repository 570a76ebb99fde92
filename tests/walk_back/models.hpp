// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Small models of every block, with their data: what the walk back is measured on.
#pragma once

#include <attd/blocks/linear_ssm.hpp>
#include <attd/blocks/mamba.hpp>
#include <attd/blocks/s4d.hpp>
#include <attd/models/dynamics_net.hpp>
#include <attd/models/sequence_model.hpp>
#include <walk_back/cases.hpp>

namespace attd_test {

/// Two layers (or `depth`) that read two channels and say two.
template <attd::blocks::time_domain Domain>
auto walk_net(index_t depth = 2) {
  constexpr bool discrete = Domain == attd::blocks::time_domain::discrete;
  attd::models::dynamics_net<Domain> m;
  m.input = m.output = 2;
  m.state = 3;
  m.hidden = 2;
  m.depth = depth;
  m.width = 2;
  m.norm = !discrete;
  return walk_model<decltype(m), walk_values>{
      m, {}, discrete ? 0.02 : 0.05, discrete ? 0.01 : 0.02};
}

namespace detail {
template <class Block>
attd::models::forecaster<Block> reads_values(const Block& block, index_t width) {
  attd::models::forecaster<Block> m;
  m.encoder = {2, width};
  m.block = block;
  m.head = {width, 2};
  m.depth = 2;
  return m;
}
template <class Block>
attd::models::language_model<Block> reads_tokens(const Block& block, index_t width) {
  attd::models::language_model<Block> m;
  m.encoder = {5, width};
  m.block = block;
  m.head = {width, 5};
  m.depth = 2;
  return m;
}
template <class Block>
Block small_linear() {
  Block b;
  b.input = b.output = 3;
  b.state_size = 3;
  return b;
}
template <class Block>
Block small_s4d() {
  Block b;
  b.channels = 3;
  b.state_size = 4;
  b.dt_min = 0.3;  // with small steps so little depends on A that differences are noise
  b.dt_max = 1.0;
  return b;
}
inline attd::blocks::mamba small_mamba() {
  attd::blocks::mamba b{.width = 2, .expand = 2, .state_size = 2, .kernel = 2};
  b.step_min = 0.3;
  b.step_max = 1.0;
  return b;
}
template <class Model>
walk_model<Model, walk_values> on_values(const Model& m, double noise, double distance) {
  return {m, {}, noise, distance};
}
template <class Model>
walk_model<Model, walk_texts> on_texts(const Model& m, double noise, double distance) {
  return {m, {}, noise, distance};
}
}  // namespace detail

inline auto walk_linear() {
  const auto block = detail::small_linear<attd::blocks::linear_ssm>();
  return detail::on_values(detail::reads_values(block, 3), 0.02, 0.01);
}
inline auto walk_linear_tokens() {
  const auto block = detail::small_linear<attd::blocks::continuous_linear_ssm>();
  return detail::on_texts(detail::reads_tokens(block, 3), 0.02, 0.01);
}
inline auto walk_s4d() {
  return detail::on_values(detail::reads_values(detail::small_s4d<attd::blocks::s4d<>>(), 3), 0.2,
                           0.1);
}
inline auto walk_s4d_both_ways() {
  return detail::on_values(detail::reads_values(detail::small_s4d<attd::blocks::s4d<true>>(), 3),
                           0.2, 0.1);
}
// With more noise its steps are chaotic: gradients of 1e7, in which differences drown.
inline auto walk_s4d_tokens() {
  return detail::on_texts(detail::reads_tokens(detail::small_s4d<attd::blocks::s4d<>>(), 3), 0.1,
                          0.1);
}
inline auto walk_mamba() {
  return detail::on_values(detail::reads_values(detail::small_mamba(), 2), 0.4, 0.1);
}
inline auto walk_mamba_tokens() {
  return detail::on_texts(detail::reads_tokens(detail::small_mamba(), 2), 0.4, 0.1);
}

}  // namespace attd_test
