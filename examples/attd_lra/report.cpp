// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// What a run found, for people (text, HTML) and for programs (JSON).
#include "report.hpp"

#include <attd/io/bytes.hpp>
#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>

#include "../support/comparison_table.hpp"
#include "../support/html_report.hpp"

namespace lra {
namespace {

using json = nlohmann::ordered_json;

std::string shown(const attd::metrics::interval& range) {
  return std::isnan(range.low) ? "n/a"
                               : "[" + support::format_number(range.low) + ", " +
                                     support::format_number(range.high) + "]";
}

support::table methods_table(const summary& r) {
  support::table t{
      .title = "Held-out accuracy",
      .columns = {"method", "accuracy", "over samples", "over seeds", "nats", "steps", "FLOPs"},
      .rows = {}};
  for (const auto& m : r.methods) {
    t.add({m.method, support::format_number(m.accuracy), shown(m.over_samples), shown(m.over_seeds),
           support::format_number(m.loss), support::format_fixed(m.mean_steps, 2),
           support::format_count(m.flops)});
  }
  return t;
}

support::table seeds_table(const experiment& e, const summary& r) {
  support::table t{.title = "Each seed",
                   .columns = {"method", "seed", "accuracy", "over samples", "nats", "steps",
                               "adapted", "updates", "best"},
                   .rows = {}};
  for (const auto& row : r.rows) {
    const std::string model = row.method == "gate" ? "full" : row.method;
    for (const trained& m : e.models) {
      if (m.model != model || m.seed != row.seed) continue;
      t.add({row.method, std::to_string(row.seed), support::format_number(row.accuracy),
             shown(row.accuracy_interval), support::format_number(row.loss),
             support::format_fixed(row.mean_steps, 2), support::format_share(row.adapted_share),
             std::to_string(m.steps) + (m.early ? " (early)" : ""), std::to_string(m.best_step)});
    }
  }
  return t;
}

support::table baselines_table(const task_data& d) {
  support::table t{
      .title = "Rules that learned nothing", .columns = {"rule", "accuracy"}, .rows = {}};
  for (const auto& [name, value] : d.baselines) t.add({name, support::format_number(value)});
  return t;
}

/// What was trained, in sentences.
std::vector<std::string> notes(const settings& s, const task_data& d, const experiment& e) {
  std::vector<std::string> all;
  all.push_back(d.description + "; " + std::to_string(d.test.size()) + " test samples.");
  all.push_back(std::string("Classifier: ") + (s.block == "s4d" ? "S4D run both ways" : "Mamba") +
                ", width " + std::to_string(s.size.width) + ", state " +
                std::to_string(s.size.state) + ", " + std::to_string(s.size.layers) +
                " layers, mean pooling, " + std::to_string(e.parameters) + " parameters.");
  all.push_back(std::to_string(s.size.updates) + " updates of " + std::to_string(s.size.batch) +
                " samples for every method; at most " + std::to_string(s.size.inner) +
                " steps of adaptation per input; a step costs " + support::format_number(s.price) +
                " nats.");
  return all;
}

json finite(double value) { return std::isfinite(value) ? json(value) : json(); }
json pair(const attd::metrics::interval& range) {
  return json::array({finite(range.low), finite(range.high)});
}

json curves_json(const std::vector<support::method_curve>& curves) {
  json list = json::array();
  for (const auto& curve : curves) {
    for (const auto& p : curve.points) {
      list.push_back({{"method", curve.method},
                      {"setting", p.setting},
                      {"compute", finite(p.compute)},
                      {"accuracy", finite(p.value)},
                      {"interval", json::array({finite(p.low), finite(p.high)})}});
    }
  }
  return list;
}

json settings_json(const settings& s) {
  return {{"quick", s.quick},           {"seeds", s.seeds},
          {"train", s.size.train},      {"validation", s.size.validation},
          {"test", s.size.test},        {"width", s.size.width},
          {"state", s.size.state},      {"layers", s.size.layers},
          {"updates", s.size.updates},  {"batch", s.size.batch},
          {"inner", s.size.inner},      {"rate", s.size.rate},
          {"inner_rate", s.inner_rate}, {"price", s.price},
          {"hidden", s.hidden},         {"guard", s.guard}};
}

}  // namespace

void print(const settings& s, const task_data& d, const experiment& e, const summary& r) {
  for (const auto& note : notes(s, d, e)) std::cout << note << "\n";
  std::cout << "\n";
  support::print(std::cout, baselines_table(d));
  std::cout << "\n";
  support::print(std::cout, methods_table(r));
  std::cout << "\n";
  support::print(std::cout, seeds_table(e, r));
  if (s.seeds > 1) {
    std::cout << "\n";
    support::print(std::cout, support::comparison_table("Against " + s.methods.front() +
                                                            ", over seeds, p after Bonferroni",
                                                        r.tests));
  }
}

void write_json(const std::string& path, const settings& s, const task_data& d, const experiment& e,
                const summary& r) {
  json all = {{"version", 1},
              {"task", s.task},
              {"data", d.description},
              {"block", s.block},
              {"settings", settings_json(s)},
              {"parameters", e.parameters},
              {"baselines", json::object()},
              {"models", json::array()},
              {"rows", json::array()},
              {"methods", json::array()},
              {"tests", json::array()}};
  for (const auto& [name, value] : d.baselines) all["baselines"][name] = value;
  for (const trained& m : e.models) {
    json levels = json::array();
    for (index_t i = 1; m.model == "attd" && i <= m.learned.maximum(); ++i) {
      levels.push_back(finite(m.learned.level(i)));
    }
    all["models"].push_back({{"model", m.model},
                             {"seed", m.seed},
                             {"updates", m.steps},
                             {"best_update", m.best_step},
                             {"skipped", m.skipped},
                             {"stopped_early", m.early},
                             {"validation_loss", finite(m.validation_loss)},
                             {"inner_rate", finite(m.inner_rate)},
                             {"thresholds", levels}});
  }
  for (const auto& row : r.rows) {
    all["rows"].push_back({{"method", row.method},
                           {"seed", row.seed},
                           {"accuracy", finite(row.accuracy)},
                           {"interval", pair(row.accuracy_interval)},
                           {"loss", finite(row.loss)},
                           {"mean_steps", finite(row.mean_steps)},
                           {"adapted_share", finite(row.adapted_share)},
                           {"flops", finite(row.flops)}});
  }
  for (const auto& m : r.methods) {
    all["methods"].push_back({{"method", m.method},
                              {"accuracy", finite(m.accuracy)},
                              {"interval_over_samples", pair(m.over_samples)},
                              {"interval_over_seeds", pair(m.over_seeds)},
                              {"loss", finite(m.loss)},
                              {"mean_steps", finite(m.mean_steps)},
                              {"flops", finite(m.flops)}});
  }
  for (const auto& t : r.tests) {
    if (t.is_baseline) continue;
    all["tests"].push_back({{"method", t.method},
                            {"against", s.methods.front()},
                            {"difference", finite(t.difference)},
                            {"interval", pair(t.difference_interval)},
                            {"paired_t_p", finite(t.corrected_t)},
                            {"signed_rank_p", finite(t.corrected_signed_rank)},
                            {"mann_whitney_p", finite(t.corrected_mann_whitney)}});
  }
  all["by_steps"] = curves_json(r.by_steps);
  all["by_flops"] = curves_json(r.by_flops);
  attd::io::write_file_atomic(path, all.dump(2, ' ', false, json::error_handler_t::replace) + "\n");
}

void write_html(const std::string& path, const settings& s, const task_data& d, const experiment& e,
                const summary& r) {
  support::html_report page("attd: Long Range Arena, " + s.task);
  for (const auto& note : notes(s, d, e)) page.paragraph(note);
  page.paragraph(
      "Accuracy is that of the most probable class on samples that no model was trained or chosen "
      "on. Intervals are at 95 %: over samples by the bootstrap, each sample the mean over its "
      "seeds; over seeds by Student's t. A step is one of adaptation to one input; FLOPs are "
      "counted from shapes, prediction included. The levels of the gate were chosen on validation "
      "samples.");
  page.add(baselines_table(d));
  page.add(methods_table(r));
  support::curve_labels labels;
  labels.value = "held-out accuracy";
  labels.floor = d.baselines.back().second;
  labels.floor_label = d.baselines.back().first;
  support::add_curves(page, "Accuracy against steps", r.by_steps, labels);
  labels.compute = "counted operations per sample";
  support::add_curves(page, "Accuracy against compute", r.by_flops, labels);
  if (s.seeds > 1) {
    page.heading("Tests over seeds");
    page.add(support::comparison_table("Against " + s.methods.front() + ", p after Bonferroni",
                                       r.tests));
  }
  page.add(seeds_table(e, r));
  page.write(path);
}

}  // namespace lra
