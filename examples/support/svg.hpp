// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Small plots as SVG text: lines, points with error bars, grouped bars.
#pragma once

#include <algorithm>
#include <array>
#include <attd/config.hpp>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "svg_axis.hpp"

namespace support {

/// How a series is drawn.
enum class mark { line, dashed_line, points, points_and_line, bars };

/// One named series. `low` and `high` (of y's size, or empty) are the ends of error bars.
/// Values that cannot be drawn (non-finite; not positive on a logarithmic axis) are left out, break
/// a line, and are counted in a note below the plot.
struct series {
  std::string name;
  std::vector<double> x;
  std::vector<double> y;
  mark shape = mark::line;
  std::vector<double> low = {};
  std::vector<double> high = {};
  attd::index_t colour = -1;  ///< a place in the palette; -1: the series' own place
  double stroke = 1.8;        ///< width of a line in pixels
  double size = 1;            ///< of the markers, relative
};

/// A straight line across the plot at one value, with a small label at its end.
struct guide {
  double at;
  std::string label = {};
};

/// A whole plot. Series take the palette's colours and the marker shapes in order.
struct plot {
  std::string title;
  axis x;
  axis y;
  std::vector<series> content = {};
  std::vector<guide> vertical = {};
  std::vector<guide> horizontal = {};
  attd::index_t width = 560;
  attd::index_t height = 360;
};

namespace detail {

/// Colours that people with colour-blindness tell apart: six of [Okabe2008], then a purple, a grey.
inline constexpr std::array<const char*, 8> palette = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                       "#e69f00", "#56b4e9", "#6a3d9a", "#999999"};

/// A coordinate with one decimal; the locale has no say.
inline std::string coordinate(double value) {
  std::array<char, 32> text{};
  // Clamped, so that no value a caller passes can overflow the text.
  const auto end = std::to_chars(text.data(), text.data() + text.size(),
                                 std::clamp(value, -1e6, 1e6), std::chars_format::fixed, 1);
  return {text.data(), end.ptr};
}

/// Text width in pixels of a sans-serif font, on average over letters.
inline double text_width(const std::string& text, double size) {
  return 0.54 * size * static_cast<double>(text.size());
}

/// Collects the elements of one plot.
class plot_writer {
 public:
  explicit plot_writer(const plot& from)
      : plot_(from),
        width_(static_cast<double>(from.width)),
        height_(static_cast<double>(from.height)),
        legend_(place_legend()),
        top_(38 + legend_rows_ * 18),
        right_(width_ - 16),
        bottom_(height_ - 64),
        x_(from.x, left_, right_),
        y_(from.y, bottom_, top_) {}

  std::string write() {
    measure();
    const std::string w = std::to_string(plot_.width);
    const std::string h = std::to_string(plot_.height);
    out_ = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + w + "\" height=\"" + h +
           "\" viewBox=\"0 0 " + w + " " + h + "\" role=\"img\" aria-label=\"" +
           escape_xml(plot_.title) +
           "\" font-family=\"system-ui,'DejaVu Sans',Arial,sans-serif\" font-size=\"12\""
           " fill=\"#222\">\n";
    out_ += "<rect width=\"" + w + "\" height=\"" + h + "\" fill=\"#fff\"/>\n";
    text(width_ / 2, 22, plot_.title,
         "text-anchor=\"middle\" font-size=\"14\" font-weight=\"600\"");
    draw_axes();
    draw_legend();
    // A nested drawing cuts off what leaves the frame, without an id that could meet another
    // plot's.
    const std::string w_inner = coordinate(right_ - left_);
    const std::string h_inner = coordinate(bottom_ - top_);
    const std::string x_inner = coordinate(left_);
    const std::string y_inner = coordinate(top_);
    out_ += "<svg x=\"" + x_inner + "\" y=\"" + y_inner + "\" width=\"" + w_inner + "\" height=\"" +
            h_inner + "\" viewBox=\"" + x_inner + " " + y_inner + " " + w_inner + " " + h_inner +
            "\">\n";
    draw_guides();
    std::size_t bar = 0;
    for (std::size_t i = 0; i < plot_.content.size(); ++i) draw_series(i, bar);
    out_ += "</svg>\n";
    label_guides();
    if (drawn_ == 0)
      text((left_ + right_) / 2, (top_ + bottom_) / 2 - 20, "no data",
           "text-anchor=\"middle\" fill=\"#777\"");
    if (left_out_ > 0)
      text(right_, height_ - 8,
           std::to_string(left_out_) + (left_out_ == 1 ? " value" : " values") + " not drawable",
           "text-anchor=\"end\" font-size=\"10\" fill=\"#777\"");
    return out_ + "</svg>\n";
  }

 private:
  std::string colour(std::size_t i) const {
    const attd::index_t own = plot_.content[i].colour;
    return palette[(own < 0 ? i : static_cast<std::size_t>(own)) % palette.size()];
  }

  void text(double x, double y, const std::string& content, const std::string& style) {
    raw_text(x, y, escape_xml(content), style);
  }
  void raw_text(double x, double y, const std::string& content, const std::string& style) {
    out_ += "<text x=\"" + coordinate(x) + "\" y=\"" + coordinate(y) + "\" " + style + ">" +
            content + "</text>\n";
  }
  void line(double x1, double y1, double x2, double y2, const std::string& style) {
    out_ += "<line x1=\"" + coordinate(x1) + "\" y1=\"" + coordinate(y1) + "\" x2=\"" +
            coordinate(x2) + "\" y2=\"" + coordinate(y2) + "\" " + style + "/>\n";
  }

  static std::size_t size_of(const series& one) { return std::min(one.x.size(), one.y.size()); }
  bool drawable(const series& one, std::size_t i) const {
    return x_.drawable(one.x[i]) && y_.drawable(one.y[i]);
  }
  bool has_error_bar(const series& one, std::size_t i) const {
    return i < one.low.size() && i < one.high.size() && y_.drawable(one.low[i]) &&
           y_.drawable(one.high[i]);
  }

  void measure() {
    bool bars = false;
    for (const series& one : plot_.content) {
      if (one.shape == mark::bars) {
        bars = true;
        ++bar_series_;
      }
      for (std::size_t i = 0; i < size_of(one); ++i) {
        if (!drawable(one, i)) {
          ++left_out_;
          continue;
        }
        x_.include(one.x[i]);
        y_.include(one.y[i]);
        if (has_error_bar(one, i)) {
          y_.include(one.low[i]);
          y_.include(one.high[i]);
        }
      }
    }
    for (const guide& one : plot_.vertical) x_.include(one.at);
    for (const guide& one : plot_.horizontal) y_.include(one.at);
    x_.settle(false);
    y_.settle(bars && !plot_.y.logarithmic);
  }

  void draw_axes() {
    for (const auto& one : y_.ticks(6)) {
      const double at = y_.pixel(one.value);
      line(left_, at, right_, at, "stroke=\"#e4e4e4\"");
      raw_text(left_ - 7, at + 4, one.label, "text-anchor=\"end\"");
    }
    for (const auto& one : x_.ticks(plot_.x.categories.empty() ? 8 : 17)) {
      const double at = x_.pixel(one.value);
      if (plot_.x.categories.empty()) line(at, top_, at, bottom_, "stroke=\"#e4e4e4\"");
      line(at, bottom_, at, bottom_ + 4, "stroke=\"#555\"");
      raw_text(at, bottom_ + 18, one.label, "text-anchor=\"middle\"");
    }
    out_ += "<path d=\"M" + coordinate(left_) + " " + coordinate(top_) + "V" + coordinate(bottom_) +
            "H" + coordinate(right_) + "\" fill=\"none\" stroke=\"#555\"/>\n";
    text((left_ + right_) / 2, bottom_ + 38, plot_.x.label, "text-anchor=\"middle\"");
    const std::string x = coordinate(14);
    const std::string y = coordinate((top_ + bottom_) / 2);
    out_ += "<text transform=\"translate(" + x + " " + y +
            ") rotate(-90)\" text-anchor=\"middle\">" + escape_xml(plot_.y.label) + "</text>\n";
  }

  /// Left ends and rows of the legend's entries, wrapped at the right margin.
  std::vector<std::pair<double, double>> place_legend() {
    std::vector<std::pair<double, double>> places;
    double x = left_;
    double row = 0;
    for (const series& one : plot_.content) {
      const double needed = 40 + text_width(one.name, 12);
      if (x > left_ && x + needed > width_ - 16) {
        x = left_;
        row += 1;
      }
      places.emplace_back(x, row);
      x += needed;
    }
    legend_rows_ = places.size() > 1 ? row + 1 : 0;  // a single series is named by the title
    return places;
  }

  void draw_legend() {
    if (legend_rows_ == 0) return;
    for (std::size_t i = 0; i < plot_.content.size(); ++i) {
      const auto [x, row] = legend_[i];
      const double y = 40 + row * 18;
      const mark shape = plot_.content[i].shape;
      if (shape == mark::bars)
        out_ += "<rect x=\"" + coordinate(x + 4) + "\" y=\"" + coordinate(y - 5) +
                "\" width=\"11\" height=\"11\" fill=\"" + colour(i) + "\"/>\n";
      if (shape != mark::bars && shape != mark::points) line(x, y, x + 20, y, line_style(i));
      if (shape == mark::points || shape == mark::points_and_line) marker(x + 10, y, i, 1);
      text(x + 25, y + 4, plot_.content[i].name, "");
    }
  }

  std::string line_style(std::size_t i) const {
    return "stroke=\"" + colour(i) + "\" stroke-width=\"" + coordinate(plot_.content[i].stroke) +
           "\" fill=\"none\"" +
           (plot_.content[i].shape == mark::dashed_line ? " stroke-dasharray=\"6 4\"" : "");
  }

  void marker(double x, double y, std::size_t i, double opacity) {
    const std::string style = " fill=\"" + colour(i) + "\" fill-opacity=\"" + coordinate(opacity) +
                              "\" stroke=\"#fff\" stroke-width=\"0.6\"/>\n";
    const double size = plot_.content[i].size;
    const auto at = [&](double dx, double dy) {
      return coordinate(x + size * dx) + " " + coordinate(y + size * dy);
    };
    switch (i % 4) {  // shape as well as colour, for grey prints
      case 0:
        out_ += "<circle cx=\"" + coordinate(x) + "\" cy=\"" + coordinate(y) + "\" r=\"" +
                coordinate(4.2 * size) + "\"" + style;
        break;
      case 1:
        out_ += "<path d=\"M" + at(-3.8, -3.8) + "L" + at(3.8, -3.8) + "L" + at(3.8, 3.8) + "L" +
                at(-3.8, 3.8) + "Z\"" + style;
        break;
      case 2:
        out_ +=
            "<path d=\"M" + at(0, -5) + "L" + at(4.7, 3.6) + "L" + at(-4.7, 3.6) + "Z\"" + style;
        break;
      default:
        out_ += "<path d=\"M" + at(0, -5.3) + "L" + at(5.3, 0) + "L" + at(0, 5.3) + "L" +
                at(-5.3, 0) + "Z\"" + style;
    }
  }

  void draw_guides() {
    const std::string style = "stroke=\"#777\" stroke-dasharray=\"3 3\"";
    for (const guide& one : plot_.vertical)
      if (x_.drawable(one.at) && x_.inside(one.at))
        line(x_.pixel(one.at), top_, x_.pixel(one.at), bottom_, style);
    for (const guide& one : plot_.horizontal)
      if (y_.drawable(one.at) && y_.inside(one.at))
        line(left_, y_.pixel(one.at), right_, y_.pixel(one.at), style);
  }

  void label_guides() {
    // A halo in the background's colour keeps the words readable over data.
    const std::string style =
        "font-size=\"10\" fill=\"#555\" stroke=\"#fff\" stroke-width=\"3\" paint-order=\"stroke\"";
    for (const guide& one : plot_.vertical)
      if (!one.label.empty() && x_.drawable(one.at) && x_.inside(one.at)) {
        const double at = x_.pixel(one.at);
        const bool fits = at + 4 + text_width(one.label, 10) < right_;
        text(fits ? at + 4 : at - 4, top_ + 11, one.label,
             style + (fits ? "" : " text-anchor=\"end\""));
      }
    for (const guide& one : plot_.horizontal)
      if (!one.label.empty() && y_.drawable(one.at) && y_.inside(one.at))
        text(right_ - 3, y_.pixel(one.at) - 4, one.label, style + " text-anchor=\"end\"");
  }

  void draw_series(std::size_t index, std::size_t& bar) {
    const series& one = plot_.content[index];
    if (one.shape == mark::bars) {
      draw_bars(index, bar++);
      return;
    }
    if (one.shape != mark::points) draw_line(index);
    const bool points = one.shape == mark::points || one.shape == mark::points_and_line;
    const double opacity = size_of(one) > 20 ? 0.6 : 1;
    for (std::size_t i = 0; i < size_of(one); ++i) {
      if (!drawable(one, i)) continue;
      ++drawn_;
      const double x = x_.pixel(one.x[i]);
      if (has_error_bar(one, i)) {
        const double low = y_.pixel(one.low[i]);
        const double high = y_.pixel(one.high[i]);
        const std::string style = "stroke=\"" + colour(index) + "\" stroke-width=\"1.3\"";
        line(x, low, x, high, style);
        line(x - 3, low, x + 3, low, style);
        line(x - 3, high, x + 3, high, style);
      }
      if (points) marker(x, y_.pixel(one.y[i]), index, opacity);
    }
  }

  void draw_line(std::size_t index) {
    const series& one = plot_.content[index];
    std::string path;
    bool open = false;
    for (std::size_t i = 0; i < size_of(one); ++i) {
      if (!drawable(one, i)) {
        open = false;  // a gap in the data stays a gap
        continue;
      }
      path += (open ? "L" : "M") + coordinate(x_.pixel(one.x[i])) + " " +
              coordinate(y_.pixel(one.y[i]));
      open = true;
    }
    if (!path.empty())
      out_ += "<path d=\"" + path + "\" stroke-linejoin=\"round\" " + line_style(index) + "/>\n";
  }

  void draw_bars(std::size_t index, std::size_t bar) {
    const series& one = plot_.content[index];
    const double slot = 0.8 / static_cast<double>(bar_series_);
    for (std::size_t i = 0; i < size_of(one); ++i) {
      if (!drawable(one, i)) continue;
      ++drawn_;
      const double start = one.x[i] - 0.4 + slot * static_cast<double>(bar);
      const double x = x_.pixel(start);
      const double y = y_.pixel(one.y[i]);
      const double base = plot_.y.logarithmic ? bottom_ : y_.pixel(0);
      out_ += "<rect x=\"" + coordinate(x) + "\" y=\"" + coordinate(std::min(y, base)) +
              "\" width=\"" + coordinate(std::max(1.0, x_.pixel(start + slot) - x - 1)) +
              "\" height=\"" + coordinate(std::abs(base - y)) + "\" fill=\"" + colour(index) +
              "\"/>\n";
    }
  }

  const plot& plot_;
  double width_;
  double height_;
  double left_ = 76;
  double legend_rows_ = 0;
  std::vector<std::pair<double, double>> legend_;
  double top_;
  double right_;
  double bottom_;
  scale x_;
  scale y_;
  std::string out_;
  std::size_t bar_series_ = 0;
  attd::index_t drawn_ = 0;
  attd::index_t left_out_ = 0;
};

}  // namespace detail

/// The plot as one complete `<svg>` element, usable as a file and inline in HTML. Every coordinate
/// is a finite number whatever the data; a plot without data says so. *Cost*: O(points). *Errors*:
/// none.
inline std::string render_svg(const plot& content) { return detail::plot_writer(content).write(); }

}  // namespace support
