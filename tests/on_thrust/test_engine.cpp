// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The engine on Thrust's sequential system: bits in any company, exact gradients, no allocation.
#include <adaptation/bit_exact_suite.hpp>
#include <on_thrust/backend.hpp>

namespace attd_test::bit_exact {

using on_thrust = kind<double, thrust_cpp>;
TEST_CASE_TEMPLATE_INVOKE(dense_layers, on_thrust);
TEST_CASE_TEMPLATE_INVOKE(mamba_layers, on_thrust);

}  // namespace attd_test::bit_exact
