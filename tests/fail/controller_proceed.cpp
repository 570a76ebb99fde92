// expect: attd: Controller needs bool proceed\(const step_view&\) const; see
// docs/concepts/controller.md#proceed
//
// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// A controller that answers with a number.
#include <attd/testing/archetypes.hpp>

using namespace attd;

struct mine : testing::archetypes::controller {
  int proceed(const step_view& v) const { return v.step < 2; }
};

static_assert(check_controller<mine>());
