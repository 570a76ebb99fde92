# SPDX-FileCopyrightText: 2026 the attd authors
# SPDX-License-Identifier: MIT
# Finds what the targets of attd need; used by the build and, installed, by attdConfig.cmake.
# Each macro sets `out` to an empty text, or to one sentence that says what is missing. A target
# that exists already is taken as it is, so that a parent project can bring its own.

macro(attd_find_core_dependencies out)
  set(${out} "")
  if(NOT TARGET Threads::Threads)
    set(THREADS_PREFER_PTHREAD_FLAG ON)
    find_package(Threads QUIET)
    if(NOT TARGET Threads::Threads)
      set(${out} "no thread library found; hint: install a C++ compiler with pthreads")
    endif()
  endif()
  if(NOT TARGET Boost::headers)
    find_package(Boost 1.81 QUIET CONFIG)
    if(NOT TARGET Boost::headers)
      find_package(Boost 1.81 QUIET MODULE) # headers unpacked by hand have no config file
    endif()
    if(NOT TARGET Boost::headers)
      string(CONCAT ${out} "Boost 1.81 or later not found; hint: install libboost1.81-dev "
                           "(Debian's default libboost-dev is 1.74 and has no Boost.PFR)")
    endif()
  endif()
  if(TARGET Boost::headers AND NOT attd_boost_pfr)
    get_target_property(attd_boost_include Boost::headers INTERFACE_INCLUDE_DIRECTORIES)
    if(NOT attd_boost_include MATCHES "\\$<") # a bare path can be looked into
      find_file(attd_boost_pfr boost/pfr.hpp PATHS ${attd_boost_include} NO_DEFAULT_PATH)
      mark_as_advanced(attd_boost_pfr)
      if(NOT attd_boost_pfr)
        string(CONCAT ${out} "boost/pfr.hpp not found in ${attd_boost_include}; hint: "
                             "Boost.PFR is in Boost 1.75 and later, install libboost1.81-dev")
      endif()
    endif()
  endif()
  if(NOT TARGET nlohmann_json::nlohmann_json)
    find_package(nlohmann_json 3.10 QUIET CONFIG)
    if(NOT TARGET nlohmann_json::nlohmann_json)
      set(${out} "nlohmann_json 3.10 or later not found; hint: install nlohmann-json3-dev")
    endif()
  endif()
endmacro()

macro(attd_find_eigen_dependencies out)
  set(${out} "")
  if(NOT TARGET Eigen3::Eigen)
    find_package(Eigen3 3.4 QUIET CONFIG)
    if(NOT TARGET Eigen3::Eigen)
      set(${out} "Eigen 3.4 not found; hint: install libeigen3-dev")
    endif()
  endif()
endmacro()

# Thrust's headers come with the CUDA Toolkit (no GPU and no nvcc is needed) or with Debian's
# libthrust-dev. ATTD_THRUST_INCLUDE names their folder where it is not found.
macro(attd_find_thrust_dependencies out)
  set(${out} "")
  if(NOT TARGET attd::thrust_headers)
    find_path(
      ATTD_THRUST_INCLUDE thrust/system/cpp/execution_policy.h
      HINTS ENV CUDA_HOME ENV CUDA_PATH
      PATHS /usr/local/cuda
      PATH_SUFFIXES include/cccl include
      DOC "Folder of the headers thrust/...")
    mark_as_advanced(ATTD_THRUST_INCLUDE)
    if(ATTD_THRUST_INCLUDE)
      add_library(attd::thrust_headers INTERFACE IMPORTED)
      # As headers of the system: their warnings are not ours.
      target_include_directories(attd::thrust_headers SYSTEM INTERFACE "${ATTD_THRUST_INCLUDE}")
    else()
      set(${out} "Thrust's headers not found; hint: install libthrust-dev or the CUDA Toolkit, or set ATTD_THRUST_INCLUDE")
    endif()
  endif()
endmacro()

# cuBLAS comes with the CUDA Toolkit, which CMake looks for beside nvcc, in $CUDA_PATH and in
# /usr/local/cuda; CUDAToolkit_ROOT names another folder.
macro(attd_find_cuda_dependencies out)
  attd_find_thrust_dependencies(${out})
  if(NOT ${out} AND NOT TARGET CUDA::cublas)
    if(NOT CUDAToolkit_ROOT AND DEFINED ENV{CUDA_HOME})
      set(CUDAToolkit_ROOT "$ENV{CUDA_HOME}")
    endif()
    find_package(CUDAToolkit QUIET)
    if(NOT TARGET CUDA::cublas)
      set(${out} "cuBLAS not found; hint: install the CUDA Toolkit with libcublas-dev, or set CUDAToolkit_ROOT")
    endif()
  endif()
endmacro()
