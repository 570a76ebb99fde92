// expect: attd: StateSpaceBlock needs backward\(\.\.\.\) that takes none for every gradient; see
// docs/concepts/block.md#backward
//
// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// A state-space block that cannot leave out any gradient.
#include <attd/testing/archetypes.hpp>

using namespace attd;

struct mine : testing::archetypes::state_space_block {
  template <class Backend>
  void backward(Backend&, const sequences&, const parameters<double>&, const dynamics<double>&,
                view<const double> x, const state<double>& initial, cache<double>&,
                view<const double> d_y, const state<double>& d_final, view<double> d_x,
                parameters<double>& d_p, dynamics<double>& d_dyn, state<double>& d_initial) const;
};

static_assert(check_block<mine>());
