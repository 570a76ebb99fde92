// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The backend that the tests in this folder run on.
#pragma once

#include <attd/backends/thrust.hpp>

namespace attd_test {

using thrust_cpp = attd::thrust<attd::systems::cpp>;

}  // namespace attd_test
