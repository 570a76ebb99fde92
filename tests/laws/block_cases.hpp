// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The blocks that must obey the laws, with sizes that are all different.
#pragma once

#include <attd/blocks/linear_ssm.hpp>
#include <attd/blocks/mamba.hpp>
#include <attd/blocks/s4d.hpp>
#include <laws/moving_average.hpp>
#include <string>
#include <tuple>

namespace attd_test {

inline const std::tuple block_cases{
    std::pair{"linear_ssm, discrete",
              blocks::basic_linear_ssm<blocks::time_domain::discrete>{
                  .input = 2, .output = 3, .state_size = 4}},
    std::pair{"linear_ssm, continuous",
              blocks::basic_linear_ssm<blocks::time_domain::continuous>{
                  .input = 2, .output = 3, .state_size = 4, .step = 0.5}},
    std::pair{"mamba",
              blocks::mamba{.width = 3, .expand = 2, .state_size = 4, .kernel = 3, .rank = 2}},
    std::pair{"mamba that computes activations again",
              blocks::mamba{.width = 3,
                            .expand = 2,
                            .state_size = 4,
                            .kernel = 3,
                            .rank = 2,
                            .keep = blocks::activation_storage::recompute}},
    std::pair{"s4d", blocks::s4d<>{.channels = 3, .state_size = 4}},
    std::pair{
        "s4d, inverse spectrum",
        blocks::s4d<>{.channels = 3, .state_size = 4, .spectrum = blocks::s4d_spectrum::inverse}},
    std::pair{"s4d, bidirectional", blocks::s4d<true>{.channels = 3, .state_size = 4}},
    std::pair{"a user's moving average", moving_average{.channels = 3}}};

/// Calls f(name, block) for every case.
template <class F>
void for_each_block(F&& f) {
  std::apply([&](const auto&... c) { (f(std::string(c.first), c.second), ...); }, block_cases);
}

}  // namespace attd_test
