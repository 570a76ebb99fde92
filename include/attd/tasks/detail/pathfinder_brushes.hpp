// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// What Pathfinder images are drawn with: paddles and discs, shrunk from twice the resolution.
#pragma once

#include <algorithm>
#include <attd/config.hpp>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <numbers>
#include <vector>

namespace attd::tasks::detail {

/// A square of bytes, row-major.
struct byte_square {
  index_t side = 0;
  std::vector<std::uint8_t> values;

  explicit byte_square(index_t n = 0) : side(n), values(static_cast<std::size_t>(n * n)) {}
  std::uint8_t& at(index_t y, index_t x) { return values[static_cast<std::size_t>(y * side + x)]; }
  std::uint8_t at(index_t y, index_t x) const {
    return values[static_cast<std::size_t>(y * side + x)];
  }
};

struct grid_point {
  index_t y = 0, x = 0;
  friend bool operator==(grid_point, grid_point) = default;
};

/// `distance` from a point in a direction (radians, from the x axis towards larger y), rounded up
/// in both coordinates as the published generator does.
inline grid_point moved(grid_point from, double direction, double distance) {
  return {
      static_cast<index_t>(std::ceil(static_cast<double>(from.y) + distance * std::sin(direction))),
      static_cast<index_t>(
          std::ceil(static_cast<double>(from.x) + distance * std::cos(direction)))};
}

/// Shrinks squares of bytes with a Lanczos kernel of three lobes: along rows, then along columns,
/// rounded to bytes after each, since the published images were made that way.
class lanczos_shrink {
 public:
  lanczos_shrink(index_t from, index_t to) : from_(from), to_(to) {
    const double scale = static_cast<double>(from) / static_cast<double>(to);
    const double reach = 3 * scale;
    for (index_t i = 0; i < to; ++i) {
      const double center = (static_cast<double>(i) + 0.5) * scale;
      tap one;
      one.first = std::max<index_t>(0, static_cast<index_t>(center - reach + 0.5));
      const index_t end = std::min(from, static_cast<index_t>(center + reach + 0.5));
      double sum = 0;
      std::vector<double> weight;
      for (index_t x = one.first; x < end; ++x) {
        weight.push_back(kernel((static_cast<double>(x) - center + 0.5) / scale));
        sum += weight.back();
      }
      for (double w : weight) one.weight.push_back(std::llround(w / sum * fixed_point));
      taps_.push_back(one);
    }
  }

  byte_square operator()(const byte_square& image) const {
    std::vector<std::uint8_t> rows(static_cast<std::size_t>(from_ * to_));
    for (index_t y = 0; y < from_; ++y) {
      for (index_t x = 0; x < to_; ++x) {
        rows[static_cast<std::size_t>(y * to_ + x)] =
            weigh(taps_[static_cast<std::size_t>(x)], [&](index_t i) { return image.at(y, i); });
      }
    }
    byte_square result(to_);
    for (index_t y = 0; y < to_; ++y) {
      for (index_t x = 0; x < to_; ++x) {
        result.at(y, x) = weigh(taps_[static_cast<std::size_t>(y)], [&](index_t i) {
          return rows[static_cast<std::size_t>(i * to_ + x)];
        });
      }
    }
    return result;
  }

 private:
  static constexpr std::int64_t fixed_point = std::int64_t{1} << 22;
  struct tap {
    index_t first = 0;
    std::vector<std::int64_t> weight;  // in units of 1 / fixed_point
  };
  index_t from_, to_;
  std::vector<tap> taps_;

  static double kernel(double x) {
    const auto sinc = [](double z) {
      const double angle = std::numbers::pi * z;
      return z == 0 ? 1.0 : std::sin(angle) / angle;
    };
    return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0.0;
  }

  template <class Pixel>
  static std::uint8_t weigh(const tap& one, Pixel pixel) {
    std::int64_t sum = fixed_point / 2;
    for (std::size_t i = 0; i < one.weight.size(); ++i) {
      sum += one.weight[i] * pixel(one.first + static_cast<index_t>(i));
    }
    // Division would round negative sums up; those are cut off at 0 in any case.
    return static_cast<std::uint8_t>(std::clamp<std::int64_t>(sum, 0, 256 * fixed_point - 1) /
                                     fixed_point);
  }
};

/// The pixels of a straight line between two points, both included (Bresenham).
inline void draw_line(byte_square& image, grid_point from, grid_point to) {
  const index_t dx = std::abs(to.x - from.x), dy = std::abs(to.y - from.y);
  const index_t step_x = to.x < from.x ? -1 : 1, step_y = to.y < from.y ? -1 : 1;
  const bool flat = dx > dy;
  const index_t longer = flat ? dx : dy, shorter = flat ? dy : dx;
  index_t excess = 2 * shorter - longer;
  for (grid_point p = from; !(p == to);) {
    image.at(p.y, p.x) = 255;
    if (excess >= 0 && shorter > 0) {
      (flat ? p.y : p.x) += flat ? step_y : step_x;
      excess -= 2 * longer;
    }
    excess += 2 * shorter;
    (flat ? p.x : p.y) += flat ? step_x : step_y;
  }
  image.at(to.y, to.x) = 255;
}

/// Whether a point lies in the disc of a radius around the origin.
inline bool in_disc(index_t y, index_t x, index_t radius) {
  return y * y + x * x <= radius * radius;
}

/// One paddle in a square around its start, and the cells that it keeps free of others.
struct paddle {
  byte_square line, mask;
};

/// All paddles of a length and margin: there is one for each point where its end can come to lie at
/// twice the resolution.
class paddle_set {
 public:
  paddle_set(index_t length, index_t margin)
      : length_(length), reach_(length + 1 + margin), columns_(4 * length + 1) {
    const lanczos_shrink shrink(4 * reach_ + 1, 2 * reach_ + 1);
    const grid_point center{2 * reach_, 2 * reach_};
    for (index_t y = -2 * length; y <= 2 * length; ++y) {
      for (index_t x = -2 * length; x <= 2 * length; ++x) {
        byte_square line(4 * reach_ + 1);
        draw_line(line, center, {center.y + y, center.x + x});
        paddles_.push_back({shrink(line), shrink(widened(line, 2 * margin))});
      }
    }
  }

  /// Pixels from the start of a paddle to the edge of its square.
  index_t reach() const { return reach_; }

  const paddle& toward(double direction) const {
    const grid_point center{2 * reach_, 2 * reach_};
    const grid_point end = moved(center, direction, static_cast<double>(2 * length_));
    const index_t row = end.y - center.y + 2 * length_, column = end.x - center.x + 2 * length_;
    return paddles_[static_cast<std::size_t>(row * columns_ + column)];
  }

 private:
  index_t length_, reach_, columns_;
  std::vector<paddle> paddles_;

  static byte_square widened(const byte_square& image, index_t radius) {
    byte_square result(image.side);
    for (index_t y = 0; y < image.side; ++y) {
      for (index_t x = 0; x < image.side; ++x) {
        if (image.at(y, x) == 0) continue;
        for (index_t j = std::max<index_t>(0, y - radius);
             j <= std::min(image.side - 1, y + radius); ++j) {
          for (index_t i = std::max<index_t>(0, x - radius);
               i <= std::min(image.side - 1, x + radius); ++i) {
            if (in_disc(j - y, i - x, radius)) result.at(j, i) = 255;
          }
        }
      }
    }
    return result;
  }
};

/// A disc in an image of the given side, at twice the resolution and shrunk.
inline byte_square draw_disc(const lanczos_shrink& shrink, index_t side, grid_point center,
                             double radius) {
  byte_square image(2 * side);
  const double limit = 4 * radius * radius;
  for (index_t y = 0; y < image.side; ++y) {
    for (index_t x = 0; x < image.side; ++x) {
      const auto dy = static_cast<double>(y - 2 * center.y);
      const auto dx = static_cast<double>(x - 2 * center.x);
      if (dy * dy + dx * dx <= limit) image.at(y, x) = 255;
    }
  }
  return shrink(image);
}

}  // namespace attd::tasks::detail
