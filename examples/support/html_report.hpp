// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// A report as one HTML file: text, tables and plots, no scripts, nothing loaded from elsewhere.
#pragma once

#include <attd/error.hpp>
#include <cstddef>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "svg.hpp"
#include "table.hpp"

namespace support {

/// Builds the page piece by piece, in the order of the calls.
class html_report {
 public:
  explicit html_report(std::string title) : title_(std::move(title)) {}

  /// A section's heading.
  void heading(const std::string& text) { body_ += "<h2>" + escape_xml(text) + "</h2>\n"; }

  /// A paragraph of plain text.
  void paragraph(const std::string& text) { body_ += "<p>" + escape_xml(text) + "</p>\n"; }

  /// A table; its title becomes the caption.
  void add(const table& content) {
    body_ += "<div class=\"scroll\"><table>\n";
    if (!content.title.empty()) body_ += "<caption>" + escape_xml(content.title) + "</caption>\n";
    body_ += "<thead>";
    add_row(content, content.columns, "th");
    body_ += "</thead>\n<tbody>\n";
    for (const auto& row : content.rows) add_row(content, row, "td");
    body_ += "</tbody>\n</table></div>\n";
  }

  /// Plots side by side, as many in a row as the window has room for.
  void add(const std::vector<plot>& plots) {
    body_ += "<div class=\"plots\">\n";
    for (const plot& one : plots) body_ += "<figure>" + render_svg(one) + "</figure>\n";
    body_ += "</div>\n";
  }

  /// The complete page.
  std::string html() const {
    return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
           "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>" +
           escape_xml(title_) + "</title>\n<style>\n" + style() +
           "</style>\n</head>\n<body>\n<h1>" + escape_xml(title_) + "</h1>\n" + body_ +
           "</body>\n</html>\n";
  }

  /// Writes the page. *Errors*: `attd::error` when the file cannot be written.
  void write(const std::string& path) const {
    std::ofstream file(path, std::ios::binary);
    file << html();
    file.close();
    if (!file)
      attd::fail("html_report: cannot write '", path, "' (", html().size(),
                 " bytes); hint: does the folder exist, and is there space?");
  }

 private:
  void add_row(const table& content, const std::vector<std::string>& cells, const char* tag) {
    body_ += "<tr>";
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const bool text = static_cast<attd::index_t>(i) < content.text_columns;
      body_ += std::string("<") + tag + (text ? " class=\"text\">" : ">") + escape_xml(cells[i]) +
               "</" + tag + ">";
    }
    body_ += "</tr>\n";
  }

  static std::string style() {
    return "body{font:15px/1.5 system-ui,'DejaVu Sans',Arial,sans-serif;color:#222;"
           "background:#f6f6f4;max-width:1240px;margin:0 auto;padding:1.5rem}\n"
           "h1{font-size:1.6rem;margin:0 0 .5rem}\nh2{font-size:1.2rem;margin:2rem 0 .5rem}\n"
           "p{max-width:48rem}\n"
           ".plots{display:grid;gap:1rem;margin:1rem 0;"
           "grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr))}\n"
           "figure{margin:0;background:#fff;border:1px solid #ddd;border-radius:6px;"
           "padding:.4rem}\n"
           // Only the outer drawing: a nested one keeps the size it states.
           "figure>svg{display:block;width:100%;height:auto;max-width:760px;margin:auto}\n"
           ".scroll{overflow-x:auto;margin:1rem 0}\n"
           "table{border-collapse:collapse;background:#fff;font-variant-numeric:tabular-nums}\n"
           "caption{text-align:left;font-weight:600;padding:.3rem 0}\n"
           "th,td{padding:.25rem .7rem;border:1px solid #ddd;text-align:right;"
           "white-space:nowrap}\n"
           "th{background:#eeeeec}\n.text{text-align:left}\n"
           "tbody tr:nth-child(even){background:#fafaf8}\n";
  }

  std::string title_;
  std::string body_;
};

}  // namespace support
