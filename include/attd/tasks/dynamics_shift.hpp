// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Damped oscillator mixtures of one plant whose time scale, damping or noise changes at test time.
#pragma once

#include <array>
#include <attd/config.hpp>
#include <attd/core/random.hpp>
#include <attd/core/tensor.hpp>
#include <attd/error.hpp>
#include <attd/tasks/example.hpp>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace attd::tasks {

/// What the generator of oscillator mixtures draws. The nominal plant is a function of `seed`,
/// `modes` and the two ranges alone; the three scales and the noise change what it does, so that
/// options that differ in them only describe the same plant before and after a shift.
struct oscillator_options {
  index_t length = 128;         ///< tokens of a sample, context and scored part together
  index_t split = 64;           ///< tokens of the context
  index_t modes = 2;            ///< oscillators added up
  double frequency_low = 0.3;   ///< radians per token
  double frequency_high = 1;    ///< radians per token; three times this is still below aliasing
  double damping_low = 0.002;   ///< decay of the amplitude per token
  double damping_high = 0.006;  ///< decay of the amplitude per token
  double jitter = 0;            ///< each sample's modes differ from the plant's by this share
  double noise = 0.01;          ///< standard deviation of the measurement noise; signal: 1
  double time_scale = 1;        ///< all modes run this many times faster (decay included)
  double time_scale_high = 0;   ///< > time_scale: each sample draws its own, log-uniform
  double damping_scale = 1;     ///< factor on the damping alone
  double noise_scale = 1;       ///< factor on the noise alone
  std::uint64_t seed = 0;       ///< of the plant and of all samples
};

/// One mode of a plant: exp(-damping t) cos(frequency t + phase).
struct oscillator_mode {
  double frequency = 0;  ///< radians per token
  double damping = 0;    ///< per token
};

/// Throws where options contradict each other or would alias.
inline void validate(const oscillator_options& o) {
  expect_split("oscillator", o.split, o.length);
  if (o.modes < 1) fail("oscillator: modes is ", o.modes, ", expected at least 1");
  if (!(o.frequency_low > 0 && o.frequency_low <= o.frequency_high)) {
    fail("oscillator: frequency range is ", o.frequency_low, " .. ", o.frequency_high,
         ", expected 0 < low <= high");
  }
  if (!(o.damping_low >= 0 && o.damping_low <= o.damping_high)) {
    fail("oscillator: damping range is ", o.damping_low, " .. ", o.damping_high,
         ", expected 0 <= low <= high");
  }
  if (!(o.jitter >= 0 && o.jitter < 1)) {
    fail("oscillator: jitter is ", o.jitter, ", expected 0 <= jitter < 1");
  }
  if (!(o.noise >= 0 && o.noise_scale >= 0 && o.damping_scale >= 0 && o.time_scale > 0)) {
    fail("oscillator: noise ", o.noise, ", noise_scale ", o.noise_scale, ", damping_scale ",
         o.damping_scale, " and time_scale ", o.time_scale,
         " must not be negative, time_scale not zero");
  }
  if (o.time_scale_high != 0 && !(o.time_scale_high >= o.time_scale)) {
    fail("oscillator: time_scale_high is ", o.time_scale_high, ", expected 0 or at least ",
         "time_scale ", o.time_scale);
  }
  const double fastest =
      o.frequency_high * (1 + o.jitter) * std::fmax(o.time_scale, o.time_scale_high);
  if (!(fastest < 3.14159265358979)) {
    fail("oscillator: the fastest mode turns ", fastest, " radians per token, expected below ",
         "3.14159; hint: lower frequency_high (", o.frequency_high, ") or the time scale");
  }
}

namespace detail {

// The parts of the generator's randomness; each has a stream of its own, so that changing the
// number of draws of one leaves the others as they were.
enum : std::uint64_t { plant_part = 0, sample_part = 1, noise_part = 2 };

/// Variance of the nominal signal, averaged over time, amplitudes and phases: amplitudes are
/// uniform in [0.5, 1.5], E a^2 = 13/12, and cos^2 has mean 1/2 over the phase.
inline double oscillator_variance(const std::vector<oscillator_mode>& plant, index_t length) {
  double sum = 0;
  for (const oscillator_mode& mode : plant) {
    for (index_t t = 0; t <= length; ++t) {
      sum += std::exp(-2 * mode.damping * static_cast<double>(t));
    }
  }
  return 13.0 / 24.0 * sum / static_cast<double>(length + 1);
}

}  // namespace detail

/// The plant's nominal modes, slowest first: one in each of `modes` equal parts of the frequency
/// range, kept off the parts' borders so that two modes are never too close to tell apart.
inline std::vector<oscillator_mode> oscillator_plant(const oscillator_options& o) {
  validate(o);
  random_stream random = random_stream{o.seed, 0}.split(detail::plant_part);
  std::vector<oscillator_mode> plant;
  const double width = (o.frequency_high - o.frequency_low) / static_cast<double>(o.modes);
  for (index_t m = 0; m < o.modes; ++m) {
    const double place = static_cast<double>(m) + random.uniform(0.25, 0.75);
    plant.push_back(
        {o.frequency_low + width * place, random.uniform(o.damping_low, o.damping_high)});
  }
  return plant;
}

/// Sample `index` of the task "predict the next value of a series".
///
/// *Formula*: x_t = c sum_m a_m exp(-d_m t) cos(w_m t + p_m) + noise, t = 0 .. length, with w_m and
/// d_m the plant's modes times `time_scale` (d_m also times `damping_scale`), amplitudes a_m
/// uniform in [0.5, 1.5] and phases p_m uniform; c makes the variance of nominal noise-free
/// signals 1, and is the same for every shift. Without noise and jitter the nominal series obeys
/// one linear recurrence of order 2 `modes`. *Energy*: the damping is so low that at the end of
/// the default window a nominal mode keeps 46 to 77 % of its amplitude, at twice the speed 22 to
/// 60 %. *Shapes*: input, target [length, 1]. *Randomness*: a function of (seed, index), so sample
/// i is the same whichever others are drawn, and sample i of a shifted set has the amplitudes,
/// phases and noise draws of sample i of the nominal one. *Errors*: see `validate`.
template <class T>
example<T> oscillator_example(const oscillator_options& o, index_t index) {
  const std::vector<oscillator_mode> plant = oscillator_plant(o);
  if (index < 0) fail("oscillator: sample index is ", index, ", expected at least 0");
  const random_stream root{o.seed, 0};
  const auto key = static_cast<std::uint64_t>(index);
  random_stream random = root.split(detail::sample_part).split(key);
  random_stream noise = root.split(detail::noise_part).split(key);

  const double draw = random.uniform();
  double speed = o.time_scale;
  if (o.time_scale_high > o.time_scale) {
    speed *= std::pow(o.time_scale_high / o.time_scale, draw);
  }
  std::vector<double> x(static_cast<std::size_t>(o.length) + 1);
  for (const oscillator_mode& mode : plant) {
    const double amplitude = random.uniform(0.5, 1.5);
    const double phase = 6.283185307179586477 * random.uniform();
    const double frequency = speed * mode.frequency * (1 + o.jitter * random.uniform(-1, 1));
    const double damping =
        speed * o.damping_scale * mode.damping * (1 + o.jitter * random.uniform(-1, 1));
    for (std::size_t t = 0; t < x.size(); ++t) {
      const auto time = static_cast<double>(t);
      x[t] += amplitude * std::exp(-damping * time) * std::cos(frequency * time + phase);
    }
  }
  const double scale = 1 / std::sqrt(detail::oscillator_variance(plant, o.length));
  for (double& value : x) value = scale * value + o.noise * o.noise_scale * noise.normal();

  example<T> e;
  e.split = o.split;
  e.cluster = index;
  e.input.resize({o.length, 1});
  e.target.resize({o.length, 1});
  for (index_t t = 0; t < o.length; ++t) {
    e.input(t, 0) = static_cast<T>(x[static_cast<std::size_t>(t)]);
    e.target(t, 0) = static_cast<T>(x[static_cast<std::size_t>(t) + 1]);
  }
  return e;
}

/// Samples first .. first + count - 1. Ranges that do not overlap are independent of each other:
/// training, validation and test sets are ranges.
template <class T>
std::vector<example<T>> oscillator_examples(const oscillator_options& o, index_t first,
                                            index_t count) {
  std::vector<example<T>> examples;
  for (index_t i = 0; i < count; ++i) examples.push_back(oscillator_example<T>(o, first + i));
  return examples;
}

/// The sets that `oscillator_set` knows, in the order of a report.
inline constexpr std::array<std::string_view, 5> oscillator_set_names = {
    "in", "shift_x2", "shift_x0.5", "shift_damping", "shift_noise"};

/// The nominal options changed as the named set says: `in` nothing, `shift_x2` twice as fast,
/// `shift_x0.5` half as fast, `shift_damping` four times the damping, `shift_noise` ten times the
/// noise. *Errors*: an unknown name; the known ones are listed.
inline oscillator_options oscillator_set(oscillator_options nominal, std::string_view name) {
  if (name == "shift_x2") {
    nominal.time_scale *= 2;
    nominal.time_scale_high *= 2;
  } else if (name == "shift_x0.5") {
    nominal.time_scale *= 0.5;
    nominal.time_scale_high *= 0.5;
  } else if (name == "shift_damping") {
    nominal.damping_scale *= 4;
  } else if (name == "shift_noise") {
    nominal.noise_scale *= 10;
  } else if (name != "in") {
    fail("oscillator: no set is named '", name,
         "'; hint: available are 'in', 'shift_x2', 'shift_x0.5', 'shift_damping', 'shift_noise'");
  }
  return nominal;
}

}  // namespace attd::tasks
