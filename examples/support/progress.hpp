// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Progress of long work on the error stream, with the time left.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <attd/config.hpp>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <iostream>
#include <mutex>
#include <ostream>
#include <string>
#include <utility>

namespace support {

/// How progress is shown: not at all, a line each 10 % (logs), or one line redrawn in place.
enum class progress_mode { silent, lines, bar };

/// `silent` when quiet, `bar` when the error stream is a terminal, else `lines`.
inline progress_mode choose_progress_mode(bool quiet) {
  if (quiet) return progress_mode::silent;
  return isatty(STDERR_FILENO) != 0 ? progress_mode::bar : progress_mode::lines;
}

/// Seconds as a person reads them: "0.4 s", "12 s", "3m05s", "2h07m".
inline std::string format_duration(double seconds) {
  char text[32];
  const long whole = static_cast<long>(std::clamp(seconds, 0.0, 3e8) + 0.5);
  const long minutes = whole / 60;
  if (whole < 10)
    std::snprintf(text, sizeof text, "%.1f s", std::max(seconds, 0.0));
  else if (whole < 60)
    std::snprintf(text, sizeof text, "%ld s", whole);
  else if (whole < 3600)
    std::snprintf(text, sizeof text, "%ldm%02lds", minutes, whole % 60);
  else
    std::snprintf(text, sizeof text, "%ldh%02ldm", minutes / 60, minutes % 60);
  return text;
}

/// Shows how far a known number of work items has come. `advance` may be called by any thread.
/// Ends its line when all is done or when destroyed.
class progress {
 public:
  progress(std::string label, attd::index_t total, progress_mode mode,
           std::ostream& stream = std::cerr)
      : label_(std::move(label)),
        total_(std::max<attd::index_t>(total, 1)),
        mode_(mode),
        stream_(stream) {
    if (label_.size() > 34) label_ = label_.substr(0, 31) + "...";
    if (mode_ == progress_mode::bar) draw(0);
  }
  progress(const progress&) = delete;
  progress& operator=(const progress&) = delete;
  ~progress() {
    if (mode_ == progress_mode::bar && done_ < total_) stream_ << "\n" << std::flush;
  }

  /// Reports `items` more finished; anything beyond the total is ignored.
  void advance(attd::index_t items = 1) {
    if (mode_ == progress_mode::silent) return;
    const std::lock_guard lock(mutex_);
    const attd::index_t before = done_;
    done_ = std::min(total_, done_ + items);
    if (done_ == before) return;
    const double elapsed = seconds_since_start();
    if (mode_ == progress_mode::lines) {
      if (done_ * 10 / total_ > before * 10 / total_)
        stream_ << (label_ + ": " + state(elapsed) + "\n") << std::flush;
    } else if (done_ == total_ || elapsed - drawn_at_ >= 0.1) {  // faster redrawing flickers
      draw(elapsed);
      if (done_ == total_) stream_ << "\n" << std::flush;
    }
  }

 private:
  double seconds_since_start() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

  std::string state(double elapsed) const {
    const std::string percent = std::to_string(done_ * 100 / total_) + " %";
    if (done_ == total_) return percent + ", " + format_duration(elapsed);
    if (done_ == 0) return percent;
    const double left = elapsed * static_cast<double>(total_ - done_) / static_cast<double>(done_);
    return percent + ", " + format_duration(left) + " left";
  }

  void draw(double elapsed) {
    const auto filled = static_cast<std::size_t>(done_ * 20 / total_);
    std::string line = label_ + " [" + std::string(filled, '#') + std::string(20 - filled, '.') +
                       "] " + state(elapsed);
    const std::size_t length = line.size();
    // Spaces over the rest of a longer earlier line; written at once, so nothing is seen half
    // drawn.
    if (length < drawn_length_) line.append(drawn_length_ - length, ' ');
    stream_ << ("\r" + line) << std::flush;
    drawn_length_ = length;
    drawn_at_ = elapsed;
  }

  std::string label_;
  attd::index_t total_;
  progress_mode mode_;
  std::ostream& stream_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::mutex mutex_;
  attd::index_t done_ = 0;
  std::size_t drawn_length_ = 0;
  double drawn_at_ = 0;
};

}  // namespace support
