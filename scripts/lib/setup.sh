# SPDX-FileCopyrightText: 2026 the attd authors
# SPDX-License-Identifier: MIT
# Set-up shared by scripts/demo and scripts/test; to be sourced, with `root` set.
# shellcheck shell=bash

jobs=${ATTD_JOBS:-$(nproc 2>/dev/null || echo 2)}

say() { printf '%s\n' "$*"; }
die() {
  printf '%s\n' "$*" >&2
  exit 1
}

# Whether a need is met: by its Debian package, or by what that package brings.
need_is_met() {
  if command -v dpkg >/dev/null && dpkg -s "$1" 2>/dev/null | grep -q '^Status: .* installed$'; then
    return 0
  fi
  case $1 in
    g++) command -v g++ >/dev/null ;;
    cmake) command -v cmake >/dev/null ;;
    ninja-build) command -v ninja >/dev/null || command -v make >/dev/null ;;
    clang-19) command -v clang++-19 >/dev/null ;;
    xz-utils) command -v xz >/dev/null ;;
    python3) command -v python3 >/dev/null ;;
    libeigen3-dev) [ -e /usr/include/eigen3/Eigen/Core ] || [ -e /usr/local/include/eigen3/Eigen/Core ] ;;
    libboost1.81-dev) [ -e /usr/include/boost/pfr.hpp ] || [ -e /usr/local/include/boost/pfr.hpp ] ;;
    doctest-dev) [ -e /usr/include/doctest/doctest.h ] || [ -e /usr/local/include/doctest/doctest.h ] ;;
    nlohmann-json3-dev) [ -e /usr/include/nlohmann/json.hpp ] || [ -e /usr/local/include/nlohmann/json.hpp ] ;;
    libcli11-dev) [ -e /usr/include/CLI/CLI.hpp ] || [ -e /usr/local/include/CLI/CLI.hpp ] ;;
    libthrust-dev)  # comes with the CUDA Toolkit too
      [ -e /usr/include/thrust/version.h ] ||
        [ -e "${CUDA_HOME:-/usr/local/cuda}/include/cccl/thrust/version.h" ] ||
        [ -e "${CUDA_HOME:-/usr/local/cuda}/include/thrust/version.h" ]
      ;;
    libbenchmark-dev) [ -e /usr/include/benchmark/benchmark.h ] || [ -e /usr/local/include/benchmark/benchmark.h ] ;;
    *) return 1 ;;
  esac
}

# install_needs PACKAGE...: installs those that are missing; runs nothing where all is there.
install_needs() {
  local need missing=() admin=()
  for need in "$@"; do
    need_is_met "$need" || missing+=("$need")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  if ! command -v apt-get >/dev/null; then
    say "This system has no apt-get; please install what these Debian packages bring:" \
      "${missing[*]}. Going on with what is there."
    return 0
  fi
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || die "Missing packages: ${missing[*]}. Run as root:" \
      "apt-get install ${missing[*]}"
    admin=(sudo)
  fi
  say "Installing: ${missing[*]}"
  "${admin[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq </dev/null ||
    say "apt-get update failed; trying with the package lists that are there."
  # Releases after Debian 12 have a default Boost that is new enough, and no package 1.81.
  for need in "${!missing[@]}"; do
    if [ "${missing[need]}" = libboost1.81-dev ] &&
      ! apt-cache show libboost1.81-dev >/dev/null 2>&1; then
      missing[need]=libboost-dev
    fi
  done
  # --no-remove: libboost1.81-dev would push out libboost1.74-dev and all that stands on it.
  "${admin[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-remove \
    --no-install-recommends "${missing[@]}" </dev/null ||
    die "Could not install: ${missing[*]}. If the reason is a conflict with libboost1.74-dev," \
      "run 'apt-get install libboost1.81-dev' yourself; it shows what it would remove."
}

# detect_march [widest]: the instruction set for our own programs, x86-64-v3 where the processor has
# it; for comparisons with others, who use all of it, x86-64-v4 as well.
detect_march() {
  local flags flag widest=yes
  flags=" $(sed -n 's/^flags[^:]*: //p' /proc/cpuinfo 2>/dev/null | head -n 1) "
  for flag in avx2 fma bmi1 bmi2 f16c movbe; do
    [[ $flags == *" $flag "* ]] || return 0
  done
  if [ "${1-}" = widest ]; then
    for flag in avx512f avx512bw avx512cd avx512dq avx512vl; do
      [[ $flags == *" $flag "* ]] || widest=no
    done
    [ "$widest" = no ] || { echo x86-64-v4 && return 0; }
  fi
  echo x86-64-v3
}

# configure BUILD [OPTION...]: runs CMake quietly, and shows what it said if it fails.
configure() {
  local build=$1 generator=()
  shift
  mkdir -p "$build"
  if [ ! -e "$build/CMakeCache.txt" ] && command -v ninja >/dev/null; then
    generator=(-G Ninja)
  fi
  if ! cmake -S "$root" -B "$build" "${generator[@]}" "-DATTD_MARCH=$(detect_march)" "$@" \
    >"$build/configure.log" 2>&1 </dev/null; then
    cat "$build/configure.log" >&2
    return 1
  fi
}
