# SPDX-FileCopyrightText: 2026 the attd authors
# SPDX-License-Identifier: MIT
# Flags for our own tests, programs and benchmarks; nothing of it reaches a user of the library.

# Plain C++20, as README's command has it. Both compilers fuse products and sums where the
# instruction set can; the laws about equal bits hold within one such build.
set(CMAKE_CXX_EXTENSIONS OFF)

add_library(attd_dev INTERFACE)
target_compile_options(attd_dev INTERFACE -Wall -Wextra -Wconversion -Wshadow)
# g++ 12 sees overlapping copies inside std::string at -O3 that are not there (its bug 105651).
target_compile_options(
  attd_dev
  INTERFACE
    $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-restrict>)
if(ATTD_WERROR)
  target_compile_options(attd_dev INTERFACE -Werror)
endif()
# An unmet concept is then explained down to the requirement that fails.
target_compile_options(attd_dev INTERFACE $<$<CXX_COMPILER_ID:GNU>:-fconcepts-diagnostics-depth=2>)
if(ATTD_MARCH)
  target_compile_options(attd_dev INTERFACE -march=${ATTD_MARCH})
  if(ATTD_MARCH STREQUAL "x86-64-v4")
    # g++ 12 takes the undefined operand of its own AVX-512 functions for a mistake (its bug 105593).
    target_compile_options(
      attd_dev
      INTERFACE
        $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-maybe-uninitialized>
    )
  endif()
endif()
if(ATTD_SANITIZE)
  string(REPLACE ";" "," attd_sanitize "${ATTD_SANITIZE}")
  # null, alignment and vptr checks double the compile time and find what a crash shows anyway.
  target_compile_options(
    attd_dev
    INTERFACE -fsanitize=${attd_sanitize} -fno-sanitize-recover=all -fno-omit-frame-pointer
              $<$<IN_LIST:undefined,${ATTD_SANITIZE}>:-fno-sanitize=null,alignment,vptr>
              # g++ sees uninitialised values that are not there once sanitizers rewrite the code.
              $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  target_link_options(attd_dev INTERFACE -fsanitize=${attd_sanitize})
endif()

if(NOT CMAKE_CXX_COMPILER_LAUNCHER AND PROJECT_IS_TOP_LEVEL)
  find_program(ATTD_CCACHE ccache)
  mark_as_advanced(ATTD_CCACHE)
  if(ATTD_CCACHE)
    set(CMAKE_CXX_COMPILER_LAUNCHER "${ATTD_CCACHE}")
  endif()
endif()

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES AND PROJECT_IS_TOP_LEVEL)
  set(CMAKE_BUILD_TYPE Release)
endif()
