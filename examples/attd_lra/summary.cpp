// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Methods from courses: how many steps each gives an input, and what that buys.
#include <algorithm>
#include <attd/controllers/calibration.hpp>
#include <attd/core/math.hpp>
#include <cmath>
#include <functional>
#include <map>
#include <utility>

#include "../support/table.hpp"
#include "report.hpp"

namespace lra {
namespace {

using attd::controllers::threshold;
/// How many steps an input gets.
using plan = std::function<index_t(const course&)>;

/// A method of one trained model.
struct applied {
  const trained* model;
  plan steps;
  bool reads_signal;
};

/// What a method got of each test sample.
struct outcome {
  std::vector<double> right, losses, steps, flops;
  double adapted = 0;
};

outcome apply(const applied& method) {
  outcome o;
  for (const course& c : method.model->test) {
    const index_t k = method.steps(c);
    const auto at = static_cast<std::size_t>(k);
    o.right.push_back(c.right[at] ? 1 : 0);
    o.losses.push_back(c.losses[at]);
    o.steps.push_back(double(c.taken(k)));
    o.flops.push_back(c.flops(k, method.reads_signal));
    o.adapted += (k > 0 ? 1.0 : 0.0) / double(method.model->test.size());
  }
  return o;
}

std::vector<double> signals_of(const std::vector<course>& courses) {
  std::vector<double> s;
  for (const course& c : courses) {
    if (attd::is_finite(c.signal)) s.push_back(c.signal);
  }
  return s;
}

/// All steps above one level of s, none below; the level with the least loss and price on
/// validation samples.
threshold fit_gate(const trained& m, index_t most, double price) {
  std::vector<double> signals;
  std::vector<std::vector<double>> ends;
  for (const course& c : m.validation) {
    if (!attd::is_finite(c.signal)) continue;
    signals.push_back(c.signal);
    ends.push_back({c.losses.front(), c.losses.back()});
  }
  return attd::controllers::fit_thresholds(signals, ends, price * double(most));
}

index_t planned(const threshold& t, const course& c) {
  return attd::is_finite(c.signal) ? t.plan(c.signal) : index_t{0};
}

applied method_of(const settings& s, const trained& m, const std::string& method) {
  const index_t most = s.size.inner;
  if (method == "never") return {&m, [](const course&) { return index_t{0}; }, false};
  if (method == "full") return {&m, [most](const course&) { return most; }, false};
  if (method == "gate") {
    const threshold level = fit_gate(m, most, s.price);
    return {&m,
            [level, most](const course& c) { return planned(level, c) > 0 ? most : index_t{0}; },
            true};
  }
  return {&m, [&m](const course& c) { return planned(m.learned, c); }, true};
}

const char* model_of(const std::string& method) {
  if (method == "gate") return "full";
  return method == "never" ? "never" : method == "full" ? "full" : "attd";
}

std::vector<const trained*> models_named(const experiment& e, const std::string& name) {
  std::vector<const trained*> found;
  for (const trained& m : e.models) {
    if (m.model == name) found.push_back(&m);
  }
  return found;
}

/// Each test sample's mean over the seeds.
std::vector<double> mean_over_seeds(const std::vector<outcome>& all,
                                    std::vector<double> outcome::* what) {
  std::vector<double> mean((all.front().*what).size(), 0.0);
  for (const outcome& o : all) {
    for (std::size_t i = 0; i < mean.size(); ++i) mean[i] += (o.*what)[i] / double(all.size());
  }
  return mean;
}

/// A setting of a method, the same for the models of all seeds, as points of both curves.
void add_point(const std::string& method, const std::string& setting,
               const std::vector<applied>& of_seeds, summary& r) {
  std::vector<outcome> all;
  for (const applied& a : of_seeds) all.push_back(apply(a));
  const auto right = mean_over_seeds(all, &outcome::right);
  const double accuracy = attd::metrics::mean(right);
  const auto interval = attd::metrics::bootstrap_mean(right);
  const auto add = [&](std::vector<support::method_curve>& curves, double compute) {
    auto found = std::find_if(curves.begin(), curves.end(),
                              [&](const auto& curve) { return curve.method == method; });
    if (found == curves.end()) found = curves.insert(found, support::method_curve{method, {}});
    found->points.push_back({compute, accuracy, interval.low, interval.high, setting});
  };
  add(r.by_steps, attd::metrics::mean(mean_over_seeds(all, &outcome::steps)));
  add(r.by_flops, attd::metrics::mean(mean_over_seeds(all, &outcome::flops)));
}

void add_curves(const settings& s, const experiment& e, summary& r) {
  const index_t most = s.size.inner;
  const auto has = [&](const char* method) {
    return std::find(s.methods.begin(), s.methods.end(), method) != s.methods.end();
  };
  const auto over = [&](const char* model, auto make) {
    std::vector<applied> all;
    for (const trained* m : models_named(e, model)) all.push_back(make(*m));
    return all;
  };
  if (has("never")) {
    add_point("never", "trained without adaptation",
              over("never", [&](const trained& m) { return method_of(s, m, "never"); }), r);
  }
  for (index_t k = 0; has("full") && k <= most; ++k) {
    const auto at = [k](const trained& m) {
      return applied{&m, [k](const course&) { return k; }, false};
    };
    add_point("full", "K = " + std::to_string(k), over("full", at), r);
  }
  for (int share = 1; has("gate") && share < 4; ++share) {
    const auto at = [&](const trained& m) {
      const auto signals = signals_of(m.validation);
      const double level = signals.empty() ? 0 : attd::metrics::quantile(signals, share / 4.0);
      return applied{&m, [=](const course& c) { return c.signal > level ? most : index_t{0}; },
                     true};
    };
    add_point("gate", "level at " + std::to_string(25 * share) + " %", over("full", at), r);
  }
  if (!has("attd")) return;
  for (index_t half = 1; half < 2 * most; ++half) {
    const auto at = [&](const trained& m) {
      const threshold t = attd::controllers::calibrate_to_budget(signals_of(m.validation),
                                                                 0.5 * double(half), most);
      return applied{&m, [t](const course& c) { return planned(t, c); }, true};
    };
    add_point("attd, calibrated", "budget " + support::format_number(0.5 * double(half)),
              over("attd", at), r);
  }
  add_point("attd", "learned thresholds",
            over("attd", [&](const trained& m) { return method_of(s, m, "attd"); }), r);
}

}  // namespace

summary summarize(const settings& s, const experiment& e) {
  summary r;
  std::vector<attd::metrics::score> scores;
  for (const std::string& method : s.methods) {
    std::vector<outcome> all;
    for (const trained* m : models_named(e, model_of(method))) {
      const outcome o = all.emplace_back(apply(method_of(s, *m, method)));
      method_row row;
      row.method = method;
      row.seed = m->seed;
      row.accuracy = attd::metrics::mean(o.right);
      row.accuracy_interval = attd::metrics::bootstrap_mean(o.right);
      row.loss = attd::metrics::mean(o.losses);
      row.mean_steps = attd::metrics::mean(o.steps);
      row.flops = attd::metrics::mean(o.flops);
      row.adapted_share = o.adapted;
      r.rows.push_back(row);
      scores.push_back({method, static_cast<index_t>(m->seed), row.accuracy});
    }
    method_summary one;
    one.method = method;
    const auto right = mean_over_seeds(all, &outcome::right);
    one.accuracy = attd::metrics::mean(right);
    one.over_samples = attd::metrics::bootstrap_mean(right);
    one.loss = attd::metrics::mean(mean_over_seeds(all, &outcome::losses));
    one.mean_steps = attd::metrics::mean(mean_over_seeds(all, &outcome::steps));
    one.flops = attd::metrics::mean(mean_over_seeds(all, &outcome::flops));
    r.methods.push_back(one);
  }
  attd::metrics::comparison_options o;
  o.baseline = s.methods.front();
  r.tests = attd::metrics::compare(scores, o);
  for (std::size_t i = 0; i < r.methods.size(); ++i) r.methods[i].over_seeds = r.tests[i].student;
  add_curves(s, e, r);
  return r;
}

}  // namespace lra
