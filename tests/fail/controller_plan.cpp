// expect: attd: Controller plan\(double s\) must return attd::index_t; see
// docs/concepts/controller.md#plan
//
// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// A controller that plans in int.
#include <attd/testing/archetypes.hpp>

using namespace attd;

struct mine : testing::archetypes::controller {
  int plan(double s) const { return s > 0 ? 2 : 0; }
};

static_assert(check_controller<mine>());
