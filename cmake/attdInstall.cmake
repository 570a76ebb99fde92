# SPDX-FileCopyrightText: 2026 the attd authors
# SPDX-License-Identifier: MIT
# Install rules: headers, exported targets (one file per component) and the package files.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(attd_package_dir "${CMAKE_INSTALL_DATADIR}/cmake/attd")

# Targets that carry flags and nothing else come with every component.
install(TARGETS ${attd_flag_targets} EXPORT attd_core_targets)

# One export file per component, so that a user of `core` needs neither Eigen nor Thrust.
foreach(component IN ITEMS core eigen thrust cuda)
  if(TARGET attd_${component})
    install(TARGETS attd_${component} EXPORT attd_${component}_targets
            FILE_SET HEADERS DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
            FILE_SET testing DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
    install(EXPORT attd_${component}_targets NAMESPACE attd:: DESTINATION "${attd_package_dir}"
            FILE attd_${component}_targets.cmake)
  endif()
endforeach()

configure_package_config_file(
  "${PROJECT_SOURCE_DIR}/cmake/attdConfig.cmake.in" "${PROJECT_BINARY_DIR}/attdConfig.cmake"
  INSTALL_DESTINATION "${attd_package_dir}" NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(
  "${PROJECT_BINARY_DIR}/attdConfigVersion.cmake" COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES "${PROJECT_BINARY_DIR}/attdConfig.cmake"
              "${PROJECT_BINARY_DIR}/attdConfigVersion.cmake"
              "${PROJECT_SOURCE_DIR}/cmake/attdDependencies.cmake"
        DESTINATION "${attd_package_dir}")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")
