// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Windows from the columns of a table: forecasting, and simulation of a plant from its inputs.
#pragma once

#include <algorithm>
#include <attd/config.hpp>
#include <attd/core/tensor.hpp>
#include <attd/error.hpp>
#include <attd/io/csv.hpp>
#include <attd/tasks/detail/series_gaps.hpp>
#include <attd/tasks/example.hpp>
#include <attd/tasks/series_scaling.hpp>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace attd::tasks {

/// Which columns of a table form a task, and how it is cut.
struct series_options {
  std::vector<std::string> inputs;   ///< exogenous columns u; may be empty when forecasting
  std::vector<std::string> outputs;  ///< measured columns y, at least one
  /// false: forecast, token t holds (y, u) of row t, its target is y of row t + 1.
  /// true: simulate, token t holds u of row t, its target is y of row t.
  bool simulate = false;
  index_t window = 128;  ///< tokens
  index_t split = 64;    ///< tokens of the context
  index_t stride = 128;  ///< rows from the start of one window to the next
  double train_fraction = 0.7;
  double validation_fraction = 0.1;  ///< 0: no validation part; the test part is what is left
  /// Rows of the parts; where one is not 0 all three are taken from here, not from the fractions.
  index_t train_rows = 0, validation_rows = 0, test_rows = 0;
  index_t max_gap = 3;  ///< longest run of missing values that is filled
  /// Windows that start within the same so many rows form a cluster for the bootstrap; 0: as many
  /// rows as a window has tokens.
  index_t cluster_rows = 0;
};

/// The windows of one stretch of rows, and how many had to go.
template <class T>
struct series_part {
  std::vector<example<T>> examples;
  index_t windows = 0;          ///< cut, the dropped ones included
  index_t dropped_gaps = 0;     ///< a gap too long or without a known neighbour
  index_t dropped_targets = 0;  ///< a value missing that would have been scored
  index_t clusters = 0;         ///< ids from `first_cluster` on that are in use
};

/// A table split by time.
template <class T>
struct series_task {
  series_scaling scaling;
  series_part<T> train, validation, test;
};

/// Throws where options contradict each other; what depends on the data is checked with it.
inline void validate(const series_options& o) {
  expect_split("series", o.split, o.window);
  if (o.outputs.empty()) fail("series: no output column; hint: name what is to be predicted");
  if (o.simulate && o.inputs.empty()) {
    fail("series: simulation without an input column; hint: name what drives the plant, or ",
         "forecast");
  }
  std::vector<std::string> all = o.outputs;
  all.insert(all.end(), o.inputs.begin(), o.inputs.end());
  std::sort(all.begin(), all.end());
  if (const auto twice = std::adjacent_find(all.begin(), all.end()); twice != all.end()) {
    fail("series: column '", *twice, "' is named twice among inputs and outputs; hint: a column ",
         "that is predicted must not be an input as well");
  }
  if (o.stride < 1) fail("series: stride is ", o.stride, ", expected at least 1 row");
  if (o.max_gap < 0) fail("series: max_gap is ", o.max_gap, ", expected at least 0 rows");
  if (o.cluster_rows < 0) fail("series: cluster_rows is ", o.cluster_rows, ", expected 0 or more");
}

/// Rows that one window covers: forecasting needs one more, the last token's target.
inline index_t series_window_rows(const series_options& o) {
  return o.window + (o.simulate ? 0 : 1);
}

/// Scaling of all columns in use from rows first .. first + count - 1, the training part.
/// *Errors*: see `fit_column_scaling`.
inline series_scaling fit_series_scaling(const io::csv_table& table, const series_options& o,
                                         index_t first, index_t count) {
  validate(o);
  if (first < 0 || count < 1 || first + count > table.rows()) {
    fail("series: training rows ", first, " .. ", first + count - 1, " of '", table.source,
         "', which has ", table.rows(), " rows; hint: the training part must not be empty");
  }
  series_scaling scaling;
  for (const std::string& name : o.outputs) {
    scaling.outputs.push_back(fit_column_scaling(table, name, first, count));
  }
  for (const std::string& name : o.inputs) {
    scaling.inputs.push_back(fit_column_scaling(table, name, first, count));
  }
  return scaling;
}

/// As above, from the whole table: a file of its own for training.
inline series_scaling fit_series_scaling(const io::csv_table& table, const series_options& o) {
  return fit_series_scaling(table, o, 0, table.rows());
}

/// The windows that lie wholly within rows first .. first + count - 1, the first one at `first`,
/// the next `stride` rows on. What does not fill a window at the end is left out.
///
/// *Missing values*: a gap of at most `max_gap` rows is filled. In the context, where all values
/// are known before adaptation starts, by a straight line between its neighbours in the context
/// (or the nearest one at its ends); after it by the last known value, never from the future.
/// Values that are scored are never filled: a window that misses one is dropped, as is one with a
/// longer gap; both are counted. *Shapes*: input [window, inputs] (simulation) or [window, outputs
/// + inputs]; target [window, outputs]; scaled. *Cost*: O(rows columns window / stride).
/// *Errors*: a missing column, fewer rows than a window, every window dropped. `part` names the
/// rows in messages.
template <class T>
series_part<T> cut_series(const io::csv_table& table, const series_options& o,
                          const series_scaling& scaling, index_t first, index_t count,
                          index_t first_cluster = 0, std::string_view part = "data") {
  validate(o);
  if (first < 0 || count < 0 || first + count > table.rows()) {
    fail("series: rows ", first, " .. ", first + count - 1, " of '", table.source, "', which has ",
         table.rows(), " rows");
  }
  expect_equal("series", "number of scaled outputs", static_cast<index_t>(scaling.outputs.size()),
               static_cast<index_t>(o.outputs.size()));
  expect_equal("series", "number of scaled inputs", static_cast<index_t>(scaling.inputs.size()),
               static_cast<index_t>(o.inputs.size()));
  const index_t rows = series_window_rows(o);
  if (count < rows) {
    fail("series: a window of ", o.window, " tokens needs ", rows, " rows, the ", part,
         " part of '", table.source, "' has ", count, " (of ", table.rows(),
         "); hint: use a shorter window or give this part more rows");
  }
  // Outputs first, then inputs: the order of a forecast's input channels.
  std::vector<const std::vector<double>*> columns;
  std::vector<const column_scaling*> scalings;
  for (const column_scaling& s : scaling.outputs) scalings.push_back(&s);
  for (const column_scaling& s : scaling.inputs) scalings.push_back(&s);
  for (const column_scaling* s : scalings) columns.push_back(&table.column(s->name));
  const auto outputs = static_cast<index_t>(o.outputs.size());
  const auto all = static_cast<index_t>(columns.size());
  const index_t first_scored = o.split + (o.simulate ? 0 : 1);
  const index_t cluster_rows = o.cluster_rows == 0 ? o.window : o.cluster_rows;

  series_part<T> result;
  std::vector<double> values(static_cast<std::size_t>(rows * all));  // [column, row]
  for (index_t start = 0; start + rows <= count; start += o.stride) {
    ++result.windows;
    bool whole = true, scored = true;
    for (index_t c = 0; c < all; ++c) {
      const std::span<double> window(values.data() + c * rows, static_cast<std::size_t>(rows));
      std::copy_n(columns[static_cast<std::size_t>(c)]->begin() + first + start, rows,
                  window.begin());
      for (index_t r = first_scored; c < outputs && r < rows; ++r) {
        scored = scored && !std::isnan(window[static_cast<std::size_t>(r)]);
      }
      whole = whole && detail::fill_gaps(window, o.split, o.max_gap);
    }
    if (!whole || !scored) {
      ++(scored ? result.dropped_gaps : result.dropped_targets);
      continue;
    }
    const auto value = [&](index_t row, index_t c) {
      const double raw = values[static_cast<std::size_t>(c * rows + row)];
      return static_cast<T>(scalings[static_cast<std::size_t>(c)]->scaled(raw));
    };
    example<T> e;
    e.split = o.split;
    e.cluster = first_cluster + start / cluster_rows;
    const index_t channel = o.simulate ? outputs : 0;  // the first column that is input
    e.input.resize({o.window, all - channel});
    e.target.resize({o.window, outputs});
    for (index_t t = 0; t < o.window; ++t) {
      for (index_t c = channel; c < all; ++c) e.input(t, c - channel) = value(t, c);
      for (index_t c = 0; c < outputs; ++c) e.target(t, c) = value(t + rows - o.window, c);
    }
    result.clusters = e.cluster - first_cluster + 1;
    result.examples.push_back(std::move(e));
  }
  if (result.examples.empty()) {
    fail("series: all ", result.windows, " windows of the ", part, " part of '", table.source,
         "' were dropped for missing values (", result.dropped_gaps, " for gaps over ", o.max_gap,
         " rows, ", result.dropped_targets, " for values that would be scored)",
         "; hint: use a shorter window or a column with fewer gaps");
  }
  return result;
}

/// As above, from the whole table: a file of its own for training, test, adaptation or evaluation.
template <class T>
series_part<T> cut_series(const io::csv_table& table, const series_options& o,
                          const series_scaling& scaling, index_t first_cluster = 0) {
  return cut_series<T>(table, o, scaling, 0, table.rows(), first_cluster);
}

/// A table split by time into training, validation and test rows, in this order. Scaling is fitted
/// on the training rows alone, and every window lies wholly within one part, so that nothing of
/// the test part reaches training or scaling.
/// *Errors*: fractions or rows that leave a part empty, and those of `cut_series`.
template <class T>
series_task<T> split_series(const io::csv_table& table, const series_options& o) {
  validate(o);
  index_t train = o.train_rows, validation = o.validation_rows, test = o.test_rows;
  const bool by_fraction = train == 0 && validation == 0 && test == 0;
  if (by_fraction) {
    if (!(o.train_fraction > 0 && o.validation_fraction >= 0 &&
          o.train_fraction + o.validation_fraction < 1)) {
      fail("series: train_fraction is ", o.train_fraction, " and validation_fraction ",
           o.validation_fraction, ", expected a training part above 0 and a sum below 1; hint: ",
           "what is left is the test part");
    }
    const auto rows = static_cast<double>(table.rows());
    // A part asked for gets its rows even where the product is a hair below a whole number.
    train = static_cast<index_t>(rows * o.train_fraction + 1e-6);
    validation = static_cast<index_t>(rows * o.validation_fraction + 1e-6);
    test = table.rows() - train - validation;
  }
  if (train < 1 || validation < 0 || test < 1 || train + validation + test > table.rows()) {
    fail("series: ", train, " training, ", validation, " validation and ", test,
         " test rows, expected at least 1, 0 and 1, together at most the ", table.rows(),
         " rows of '", table.source, "'");
  }
  series_task<T> task;
  task.scaling = fit_series_scaling(table, o, 0, train);
  task.train = cut_series<T>(table, o, task.scaling, 0, train, 0, "training");
  index_t cluster = task.train.clusters;
  if (validation > 0 || (by_fraction && o.validation_fraction > 0)) {
    task.validation =
        cut_series<T>(table, o, task.scaling, train, validation, cluster, "validation");
    cluster += task.validation.clusters;
  }
  task.test = cut_series<T>(table, o, task.scaling, train + validation, test, cluster, "test");
  return task;
}

}  // namespace attd::tasks
