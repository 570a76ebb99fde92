// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// How the contours of a Pathfinder image grow: seeds, next paddles, what is taken and what is free.
#pragma once

#include <algorithm>
#include <array>
#include <attd/config.hpp>
#include <attd/core/random.hpp>
#include <attd/tasks/detail/pathfinder_brushes.hpp>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <utility>
#include <vector>

namespace attd::tasks::detail {

using std::numbers::pi;

/// Numbers of one image: contours in intensities, or which cells are taken (0 .. 1).
using layer = std::vector<double>;

/// A contour while it grows.
struct contour {
  layer drawn;
  grid_point pivot;              ///< where the gap before the last paddle starts
  double direction = 0;          ///< of the last paddle, away from the first
  grid_point origin;             ///< the first paddle's free end
  grid_point tip;                ///< the last paddle's free end
  const paddle* last = nullptr;  ///< not yet in the occupied cells
  grid_point last_at;
};

/// The rules that all contours of an image grow by.
struct contour_rules {
  index_t side, padding, seed_distance, length, margin, paddle_retries;
  double continuity;
  const paddle_set& paddles;

  bool inside(grid_point p) const { return p.y >= 0 && p.y < side && p.x >= 0 && p.x < side; }
  std::size_t cell(grid_point p) const { return static_cast<std::size_t>(p.y * side + p.x); }
  static bool taken(double occupancy) { return occupancy - 0.3 > 0; }

  layer blank() const { return layer(static_cast<std::size_t>(side * side)); }
  layer border(index_t width) const {
    layer cells = blank();
    for (index_t y = 0; y < side; ++y) {
      for (index_t x = 0; x < side; ++x) {
        const bool edge = std::min(y, x) < width || std::max(y, x) >= side - width;
        if (edge) cells[cell({y, x})] = 1;
      }
    }
    return cells;
  }

  /// Calls visit(cell, value) for every byte of a square that lies within the image.
  template <class Visit>
  void place(const byte_square& square, grid_point at, Visit visit) const {
    const index_t reach = square.side / 2;
    for (index_t y = 0; y < square.side; ++y) {
      for (index_t x = 0; x < square.side; ++x) {
        const grid_point p{at.y + y - reach, at.x + x - reach};
        if (inside(p)) visit(cell(p), square.at(y, x));
      }
    }
  }
  void draw(layer& onto, const byte_square& square, grid_point at, double contrast) const {
    place(square, at, [&](std::size_t c, std::uint8_t value) {
      // Single precision, as in the published images: it decides how halves are rounded.
      const auto shade = static_cast<float>(value / 255.0 * contrast);
      onto[c] = std::max(onto[c], static_cast<double>(shade));
    });
  }
  void occupy(layer& cells, const contour& one) const {
    draw(cells, one.last->mask, one.last_at, 1);
  }

  /// Whole degrees, as radians.
  static double random_direction(random_stream& random) {
    return static_cast<double>(random.index(360) - 180) * pi / 180;
  }
  static double reversed(double direction) {
    return direction < 0 ? direction + pi : direction - pi;
  }

  /// Puts the first paddle of a contour at a place; false where it or its pivot would leave the
  /// image (nothing is changed then).
  bool start(contour& one, grid_point tail, double direction, double contrast) const {
    const grid_point head = moved(tail, direction, static_cast<double>(length));
    const grid_point pivot = moved(head, reversed(direction), static_cast<double>(length + margin));
    if (!inside(head) || !inside(pivot)) return false;
    one = {blank(), pivot, direction, tail, tail, &paddles.toward(direction), tail};
    draw(one.drawn, one.last->line, tail, contrast);
    return true;
  }

  /// Cells where a paddle in this direction may start: none of the cells that it needs is taken.
  std::vector<grid_point> free_starts(const layer& cells, double direction) const {
    // The square of needed cells is looked at from one cell beside its middle, as published.
    const index_t reach = length + margin;
    const byte_square& mask = paddles.toward(direction).mask;
    std::vector<grid_point> needed, starts;
    for (index_t y = 0; y <= 2 * reach; ++y) {
      for (index_t x = 0; x <= 2 * reach; ++x) {
        if (mask.at(y, x) == 255) needed.push_back({y - reach, x - reach});
      }
    }
    for (index_t y = 0; y < side; ++y) {
      for (index_t x = 0; x < side; ++x) {
        const bool blocked = std::any_of(needed.begin(), needed.end(), [&](grid_point d) {
          const grid_point p{y + d.y, x + d.x};
          return inside(p) && taken(cells[cell(p)]);
        });
        if (!blocked) starts.push_back({y, x});
      }
    }
    return starts;
  }

  /// A start at random among those that are free in `cells`; false where there is none, or where
  /// every try left the image.
  bool seed(contour& one, const layer& cells, double contrast, random_stream& random) const {
    for (index_t attempt = 0; attempt <= paddle_retries; ++attempt) {
      const double direction = random_direction(random);
      const std::vector<grid_point> starts = free_starts(cells, direction);
      if (starts.empty()) return false;
      const auto chosen = static_cast<std::size_t>(random.index(index_t(starts.size())));
      if (start(one, starts[chosen], direction, contrast)) return true;
    }
    return false;
  }

  /// A start at `seed_distance` from the origin of the other one, whatever lies there.
  bool seed_beside(contour& one, grid_point other, double contrast, random_stream& random) const {
    for (index_t attempt = 0; attempt <= paddle_retries; ++attempt) {
      const double direction = random_direction(random);
      const double angle = static_cast<double>(random.index(360)) * pi / 180;
      const auto distance = static_cast<double>(seed_distance);
      const grid_point tail{static_cast<index_t>(std::nearbyint(static_cast<double>(other.y) +
                                                                distance * std::sin(angle))),
                            static_cast<index_t>(std::nearbyint(static_cast<double>(other.x) +
                                                                distance * std::cos(angle)))};
      if (start(one, tail, direction, contrast)) return true;
    }
    return false;
  }

  /// Adds a paddle; false at a dead end.
  bool extend(contour& one, layer& cells, double contrast, random_stream& random) const {
    const grid_point pivot =
        moved(one.pivot, one.direction, static_cast<double>(length + 2 * margin));
    struct candidate {
      grid_point at;
      double direction = 0, sum = 0;
    };
    const auto radius = static_cast<double>(length + margin);
    std::vector<candidate> candidates;
    const double degrees = 360.0 / (2 * radius * pi);  // an arc of one pixel
    for (index_t i = 0; static_cast<double>(i) * degrees < 360; ++i) {
      const double angle = static_cast<double>(i) * degrees * pi / 180;
      const double y = static_cast<double>(pivot.y) + radius * std::sin(angle);
      const double x = static_cast<double>(pivot.x) + radius * std::cos(angle);
      const auto limit = static_cast<double>(side);
      if (y < 0 || y >= limit || x < 0 || x >= limit) continue;
      const grid_point at{static_cast<index_t>(y), static_cast<index_t>(x)};
      const bool known = std::any_of(candidates.begin(), candidates.end(),
                                     [&](const candidate& c) { return c.at == at; });
      if (!known) candidates.push_back({at});
    }
    double total = 0;
    for (candidate& c : candidates) {
      c.direction =
          std::atan2(static_cast<double>(c.at.y - pivot.y), static_cast<double>(c.at.x - pivot.x));
      const double turn = std::abs(c.direction - one.direction);
      const double bend = std::min(std::min(turn, 2 * pi - turn) * continuity, pi / 2);
      const double weight = std::max(std::cos(bend), 0.0);
      total += weight * weight * (1 - neighbourhood(cells, c.at));
      c.sum = total;
    }
    if (total < 1e-4) return false;
    for (index_t attempt = 0; attempt <= paddle_retries; ++attempt) {
      const double draw_at = random.uniform() * total;
      const auto chosen = std::find_if(candidates.begin(), candidates.end() - 1,
                                       [&](const candidate& c) { return c.sum > draw_at; });
      const paddle& next = paddles.toward(reversed(chosen->direction));
      bool crosses = false;
      place(next.mask, chosen->at, [&](std::size_t c, std::uint8_t value) {
        crosses =
            crosses || cells[c] + static_cast<double>(static_cast<float>(value / 255.0)) >= 1.8;
      });
      if (crosses) continue;
      occupy(cells, one);  // the paddle before becomes an obstacle only now
      draw(one.drawn, next.line, chosen->at, contrast);
      one.pivot = pivot;
      one.direction = chosen->direction;
      one.tip = one.last_at = chosen->at;
      one.last = &next;
      return true;
    }
    return false;
  }

 private:
  /// The most occupied cell within the margin.
  double neighbourhood(const layer& cells, grid_point at) const {
    double most = 0;
    for (index_t y = -margin; y <= margin; ++y) {
      for (index_t x = -margin; x <= margin; ++x) {
        const grid_point p{at.y + y, at.x + x};
        if (in_disc(y, x, margin) && inside(p)) most = std::max(most, cells[cell(p)]);
      }
    }
    return most;
  }
};

/// Two targets grown in turns, and what is taken after them. The last paddle of the first one is
/// not: so it is in the published images. False at a dead end.
inline bool grow_targets(const contour_rules& rules, index_t paddles, double contrast,
                         random_stream& random, std::array<contour, 2>& targets, layer& cells) {
  cells = rules.border(rules.padding);
  const layer center = rules.border(2 * rules.seed_distance);  // seeds stay off the border
  if (!rules.seed(targets[0], center, contrast, random)) return false;
  if (!rules.seed_beside(targets[1], targets[0].origin, contrast, random)) return false;
  for (index_t p = 1; p < paddles; ++p) {
    for (contour& one : targets) {
      if (!rules.extend(one, cells, contrast, random)) return false;
    }
  }
  rules.occupy(cells, targets[1]);
  return true;
}

/// One distractor; false where it does not fit, and nothing is changed then.
inline bool add_distractor(const contour_rules& rules, index_t paddles, double contrast,
                           double least_free, random_stream& random, layer& image, layer& cells) {
  const auto free = static_cast<double>(
      std::count_if(cells.begin(), cells.end(), [](double c) { return !contour_rules::taken(c); }));
  if (free / static_cast<double>(cells.size()) < least_free) return false;
  layer seeds = rules.border(1), after = cells;
  for (std::size_t c = 0; c < cells.size(); ++c) seeds[c] = std::max(seeds[c], cells[c]);
  contour one;
  if (!rules.seed(one, seeds, contrast, random)) return false;
  for (index_t p = 1; p < paddles; ++p) {
    if (!rules.extend(one, after, contrast, random)) return false;
  }
  rules.occupy(after, one);
  cells = std::move(after);
  for (std::size_t c = 0; c < image.size(); ++c) image[c] = std::max(image[c], one.drawn[c]);
  return true;
}

}  // namespace attd::tasks::detail
