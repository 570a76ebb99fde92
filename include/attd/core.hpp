// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Everything of the library that needs no backend package: neither Eigen nor CUDA.
#pragma once

#include <attd/adaptation/adaptive_model.hpp>
#include <attd/adaptation/make_adaptive.hpp>
#include <attd/adaptation/walk_back.hpp>
#include <attd/adapters/full.hpp>
#include <attd/adapters/log_low_rank.hpp>
#include <attd/adapters/low_rank.hpp>
#include <attd/adapters/none.hpp>
#include <attd/adapters/timescale.hpp>
#include <attd/backends/reference.hpp>
#include <attd/blocks/linear_ssm.hpp>
#include <attd/blocks/mamba.hpp>
#include <attd/blocks/mlp.hpp>
#include <attd/blocks/s4d.hpp>
#include <attd/blocks/step.hpp>
#include <attd/config.hpp>
#include <attd/controllers/calibration.hpp>
#include <attd/controllers/simple.hpp>
#include <attd/controllers/step_distribution.hpp>
#include <attd/controllers/threshold.hpp>
#include <attd/error.hpp>
#include <attd/io/csv.hpp>
#include <attd/io/parameters.hpp>
#include <attd/losses/consistency.hpp>
#include <attd/losses/from_formula.hpp>
#include <attd/losses/next_token.hpp>
#include <attd/losses/reconstruction.hpp>
#include <attd/metrics/statistics.hpp>
#include <attd/models/dynamics_net.hpp>
#include <attd/models/sequence_model.hpp>
#include <attd/optimizers/adam.hpp>
#include <attd/optimizers/gradient_descent.hpp>
#include <attd/optimizers/learned_rates.hpp>
#include <attd/tasks/dynamics_shift.hpp>
#include <attd/tasks/observe.hpp>
#include <attd/tasks/rlc_circuit.hpp>
#include <attd/tasks/scoring.hpp>
#include <attd/tasks/series.hpp>
#include <attd/tasks/text.hpp>
#include <attd/training/fit.hpp>
#include <attd/training/meta_trainer.hpp>
#include <attd/training/train.hpp>
#include <attd/training/trainer.hpp>
#include <attd/version.hpp>
