// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// What the command line says to every benchmark of a program.
#pragma once

namespace attd_bench {

/// `--register_bytes=N`: SIMD registers of the backend (16, 32, 64); 0: what it takes by itself.
/// So that a build that chooses at run time can be compared with one for exactly these registers.
inline int register_bytes = 0;

}  // namespace attd_bench
