// expect: attd: Adapter needs static constexpr bool adapts_timescale; see
// docs/concepts/adapter.md#adapts_timescale
//
// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// An adapter that says at run time whether it changes time scales.
#include <attd/testing/archetypes.hpp>

using namespace attd;

struct mine : testing::archetypes::adapter {
  bool adapts_timescale = false;
};

static_assert(check_adapter<mine>());
