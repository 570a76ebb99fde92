// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Compiles only with the flags that one of the targets attd::x86_64_v* is to bring.
#include <attd/core/pack.hpp>

static_assert(attd::simd_bytes == EXPECTED_BYTES);
