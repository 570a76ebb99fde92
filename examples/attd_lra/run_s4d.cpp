// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The comparison with S4D run both ways.
#include <attd/backends/eigen.hpp>
#include <attd/blocks/s4d.hpp>

#include "classifier.hpp"

namespace lra {

experiment run_s4d(const settings& s, const task_data& d) {
  attd::blocks::s4d<true> block;
  block.channels = s.size.width;
  block.state_size = s.size.state;
  if (s.quick) {  // sequences of tens of tokens: step sizes to match
    block.dt_min = 0.05;
    block.dt_max = 1;
  }
  return classifier_runs<attd::blocks::s4d<true>, attd::eigen>(block, s, d).run();
}

}  // namespace lra
