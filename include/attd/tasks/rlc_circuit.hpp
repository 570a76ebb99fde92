// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// A nonlinear RLC circuit simulated from its equations: a plant whose parameters change.
#pragma once

#include <attd/config.hpp>
#include <attd/core/random.hpp>
#include <attd/error.hpp>
#include <attd/io/csv.hpp>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace attd::tasks {

/// A series circuit of a resistor, an inductor that saturates, and a capacitor, and the voltage
/// that drives it.
struct rlc_options {
  double resistance = 3;        ///< R, ohm
  double capacitance = 270e-9;  ///< C, farad
  double inductance = 50e-6;    ///< L0, henry
  /// L(i) / L0 = (0.9 / pi) atan(-slope (|i| - 5)) + floor, i in ampere. These are the paper's
  /// values; see `rlc_as_recorded` for those that its data were made with.
  double saturation_slope = 5;
  double saturation_floor = 0.6;
  double step = 1e-6;             ///< seconds between rows
  index_t substeps = 32;          ///< Runge-Kutta steps from row to row
  index_t length = 5000;          ///< rows
  double input_bandwidth = 80e3;  ///< corner of the input's low pass, rad/s
  double input_deviation = 80;    ///< standard deviation of the input over the record, volt
  std::uint64_t seed = 0;         ///< of the input
};

/// What an RLC circuit remembers.
struct rlc_state {
  double voltage = 0;  ///< across the capacitor, volt
  double current = 0;  ///< through the inductor, ampere
};

/// A simulated record; row k is the state before the input of row k acts.
struct rlc_record {
  std::vector<double> v_in;  ///< volt
  std::vector<double> v_c;   ///< volt
  std::vector<double> i_l;   ///< ampere
};

/// Throws where the circuit could not exist or an explicit step would not be stable.
inline void validate(const rlc_options& o) {
  if (!(o.resistance >= 0 && o.capacitance > 0 && o.inductance > 0 && o.step > 0 &&
        o.input_bandwidth > 0 && o.input_deviation >= 0 && o.saturation_slope > 0)) {
    fail("rlc: resistance ", o.resistance, ", capacitance ", o.capacitance, ", inductance ",
         o.inductance, ", step ", o.step, ", input_bandwidth ", o.input_bandwidth,
         ", input_deviation ", o.input_deviation, " and saturation_slope ", o.saturation_slope,
         " must be positive (resistance and input_deviation may be zero)");
  }
  if (!(o.saturation_floor > 0.45)) {
    fail("rlc: saturation_floor is ", o.saturation_floor,
         ", expected above 0.45; hint: the inductance tends to floor - 0.45 of L0");
  }
  if (o.substeps < 1) fail("rlc: substeps is ", o.substeps, ", expected at least 1");
  if (o.length < 2) fail("rlc: length is ", o.length, ", expected at least 2 rows");
  // The classic method is stable up to |lambda h| of about 2.7; a safe margin keeps it accurate.
  const double smallest = o.inductance * (o.saturation_floor - 0.45);
  const double fastest = 1 / std::sqrt(smallest * o.capacitance) + o.resistance / smallest;
  const double reach = fastest * o.step / static_cast<double>(o.substeps);
  if (reach > 1) {
    fail("rlc: a substep covers ", reach, " of the fastest time constant, expected at most 1; ",
         "hint: use at least ", std::ceil(reach * static_cast<double>(o.substeps)),
         " substeps (found ", o.substeps, ")");
  }
}

/// L(i), henry.
inline double rlc_inductance(const rlc_options& o, double current) {
  constexpr double share = 0.9 / 3.14159265358979323846;
  return o.inductance *
         (share * std::atan(-o.saturation_slope * (std::fabs(current) - 5)) + o.saturation_floor);
}

/// Energy stored in capacitor and inductor, joule: C v^2 / 2 + integral from 0 to |i| of L(a) a da,
/// in closed form. Its rate is v_in i - R i^2, so without input it never grows.
inline double rlc_energy(const rlc_options& o, rlc_state s) {
  const double k = o.saturation_slope;
  // An antiderivative of a atan(k (a - 5)), with x = a - 5.
  const auto primitive = [k](double a) {
    const double x = a - 5;
    const double w = std::atan(k * x);
    return 0.5 * x * x * w - 0.5 * x / k + 0.5 * w / (k * k) +
           5 * (x * w - 0.5 * std::log1p(k * k * x * x) / k);
  };
  constexpr double share = 0.9 / 3.14159265358979323846;
  const double a = std::fabs(s.current);
  const double inductor =
      o.inductance * (0.5 * o.saturation_floor * a * a - share * (primitive(a) - primitive(0)));
  return 0.5 * o.capacitance * s.voltage * s.voltage + inductor;
}

/// The state one row later, the input held constant meanwhile.
///
/// *Formula*: dv/dt = i / C, di/dt = (v_in - v - R i) / L(i), by `substeps` steps of the classic
/// fourth-order Runge-Kutta method. *Source*: [Forgione2022, Sec. 5.1].
inline rlc_state rlc_step(const rlc_options& o, rlc_state s, double v_in) {
  const auto slope = [&](rlc_state at) {
    return rlc_state{at.current / o.capacitance, (v_in - at.voltage - o.resistance * at.current) /
                                                     rlc_inductance(o, at.current)};
  };
  const auto moved = [](rlc_state from, double h, rlc_state d) {
    return rlc_state{from.voltage + h * d.voltage, from.current + h * d.current};
  };
  const double h = o.step / static_cast<double>(o.substeps);
  for (index_t m = 0; m < o.substeps; ++m) {
    const rlc_state k1 = slope(s);
    const rlc_state k2 = slope(moved(s, h / 2, k1));
    const rlc_state k3 = slope(moved(s, h / 2, k2));
    const rlc_state k4 = slope(moved(s, h, k3));
    s = moved(s, h / 6, k1);
    s = moved(s, h / 3, k2);
    s = moved(s, h / 3, k3);
    s = moved(s, h / 6, k4);
  }
  return s;
}

/// White noise through the low pass 1 / (s / bandwidth + 1)^2, in its steady state, scaled to the
/// standard deviation asked for over the record. The autocorrelation at lag d seconds is
/// (1 + b d) exp(-b d), b the bandwidth.
inline std::vector<double> rlc_input(const rlc_options& o) {
  validate(o);
  random_stream random{o.seed, 0};
  const double pole = std::exp(-o.input_bandwidth * o.step);
  double first = 0, second = 0;
  const auto next = [&] {
    first = pole * first + (1 - pole) * random.normal();
    second = pole * second + (1 - pole) * first;
    return second;
  };
  // Twenty time constants: what is left of the start at rest is below 1e-7.
  for (double t = 0; t < 20; t += o.input_bandwidth * o.step) next();
  std::vector<double> input(static_cast<std::size_t>(o.length));
  double sum = 0, squares = 0;
  for (double& u : input) sum += u = next();
  const double mean = sum / static_cast<double>(o.length);
  for (double u : input) squares += (u - mean) * (u - mean);
  const double scale = o.input_deviation / std::sqrt(squares / static_cast<double>(o.length));
  for (double& u : input) u *= scale;
  return input;
}

/// The circuit's answer to `input` (volt, one value a row), from the state `s`.
inline rlc_record rlc_simulate(const rlc_options& o, std::vector<double> input, rlc_state s = {}) {
  validate(o);
  rlc_record record;
  for (double u : input) {
    record.v_c.push_back(s.voltage);
    record.i_l.push_back(s.current);
    s = rlc_step(o, s, u);
  }
  record.v_in = std::move(input);
  return record;
}

/// The circuit's answer to noise of its own seed.
inline rlc_record rlc_simulate(const rlc_options& o) { return rlc_simulate(o, rlc_input(o)); }

/// The four records of the adaptation task, named and sized as the published ones: `train` and
/// `test` of the nominal circuit (R 3 ohm, C 270 nF), `transfer` and `eval` of the perturbed one
/// (R 4 ohm, C 350 nF). *Input*: 80 krad/s and 80 V for `train`, then 90, 90 and 100 krad/s at
/// 70 V. *Errors*: an unknown name; the known ones are listed.
inline rlc_options rlc_set(std::string_view name, std::uint64_t seed = 0) {
  rlc_options o;
  std::uint64_t part = 0;
  if (name == "test") {
    part = 1;
    o.input_bandwidth = 90e3;
  } else if (name == "transfer") {
    part = 2;
    o.input_bandwidth = 90e3;
  } else if (name == "eval") {
    part = 3;
    o.input_bandwidth = 100e3;
  } else if (name != "train") {
    fail("rlc: no record is named '", name,
         "'; hint: available are 'train', 'test', 'transfer', 'eval'");
  }
  if (part != 0) o.input_deviation = 70;
  if (part >= 2) {
    o.resistance = 4;
    o.capacitance = 350e-9;
  }
  o.seed = random_stream{seed, 0}.split(part).seed;
  return o;
}

/// The same circuit with the saturation that the published records obey: slope 1 instead of 5 and
/// a floor of 0.55 instead of 0.6. Simulated with the recorded input it gives the recorded
/// capacitor voltage with R2 above 0.9997; the printed formula gives 0.98 to 0.99.
inline rlc_options rlc_as_recorded(rlc_options o) {
  o.saturation_slope = 1;
  o.saturation_floor = 0.55;
  return o;
}

/// The record as a table with the columns of the published files, `time`, `V_C`, `I_L`, `V_IN`,
/// scaled as there (V_C / 90, I_L / 3, V_IN / 80; time in seconds), so that files and simulation
/// go through the same code.
inline io::csv_table rlc_table(const rlc_record& record, const rlc_options& o,
                               std::string source = "simulated circuit") {
  io::csv_table table;
  table.names = {"time", "V_C", "I_L", "V_IN"};
  table.columns.resize(4);
  table.faults.resize(4);
  table.source = std::move(source);
  table.row_count = static_cast<index_t>(record.v_c.size());
  for (std::size_t k = 0; k < record.v_c.size(); ++k) {
    table.columns[0].push_back(o.step * static_cast<double>(k));
    table.columns[1].push_back(record.v_c[k] / 90);
    table.columns[2].push_back(record.i_l[k] / 3);
    table.columns[3].push_back(record.v_in[k] / 80);
  }
  return table;
}

}  // namespace attd::tasks
