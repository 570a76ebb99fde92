// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The comparison with Mamba, which reads from the first token to the last.
#include <attd/backends/eigen.hpp>
#include <attd/blocks/mamba.hpp>

#include "classifier.hpp"

namespace lra {

experiment run_mamba(const settings& s, const task_data& d) {
  attd::blocks::mamba block;
  block.width = s.size.width;
  block.state_size = s.size.state;
  return classifier_runs<attd::blocks::mamba, attd::eigen>(block, s, d).run();
}

}  // namespace lra
