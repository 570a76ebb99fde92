// expect: attd: StateSpaceBlock needs base_dynamics\(parameters, dynamics& out\) const; see
// docs/concepts/block.md#base_dynamics
//
// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// A state-space block that returns its dynamics.
#include <attd/testing/archetypes.hpp>

using namespace attd;

struct mine : testing::archetypes::state_space_block {
  dynamics<double> base_dynamics(const parameters<double>& p) const;
};

static_assert(check_block<mine>());
