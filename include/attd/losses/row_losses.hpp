// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Loss of every output row and its gradient: what internal and training losses are made of.
#pragma once

#include <attd/losses/formulas.hpp>
#include <attd/losses/inner_data.hpp>
#include <attd/operations/cross_entropy.hpp>
#include <attd/operations/memory.hpp>
#include <attd/operations/row_means.hpp>
#include <attd/operations/transform.hpp>
#include <concepts>
#include <cstddef>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

namespace attd::losses {

/// Rows [first, last) that are all scored.
struct row_run {
  index_t first;
  index_t last;
};

namespace detail {

/// The end of the run of rows from `first` that are all scored, or all not.
template <class T>
index_t end_of_run(view<const T> weight, index_t first) {
  constexpr index_t chunk = 32;
  const index_t rows = weight.size();
  const T* w = weight.data();
  const bool scored = w[first] != T(0);
  index_t last = first;
  while (last + chunk <= rows) {  // whole chunks are counted without a branch per row
    int count = 0;
    for (index_t r = last; r < last + chunk; ++r) count += w[r] != T(0) ? 1 : 0;
    if (count != (scored ? chunk : 0)) break;
    last += chunk;
  }
  while (last < rows && (w[last] != T(0)) == scored) ++last;
  return last;
}

/// Throws unless there is one weight a row.
template <class T>
void expect_weights(view<const T> weight, index_t rows) {
  expect_equal("loss", "the number of weights", weight.size(), rows);
}

/// Calls f(row_run) for the runs of rows with a weight other than 0, in order. What stands in the
/// other rows, which may be NaN, is thus never looked at.
template <class T, class F>
void for_each_scored_run(view<const T> weight, F f) {
  for (index_t first = 0, last; first < weight.size(); first = last) {
    last = end_of_run(weight, first);
    if (weight(first) != T(0)) f(row_run{first, last});
  }
}

/// Whether any row has a weight other than 0.
template <class T>
bool any_scored(view<const T> weight) {
  return weight.size() > 0 && (weight(0) != T(0) || end_of_run(weight, 0) < weight.size());
}

/// sum += sum_r weight_r loss_r of a run, in row order; weight 0 is that of row `first`.
template <class S, class T>
void add_weighted(const tensor<S>& rows, const tensor<T>& weight, const row_run& run, S& sum,
                  index_t first = 0) {
  const T* w = weight.data();
  if constexpr (is_dual_v<S>) {
    for (index_t r = run.first; r < run.last; ++r) sum += w[r] * S(rows(first + r));
  } else {
    const S* row = rows.data() + first;
    for (index_t r = run.first; r < run.last; ++r) sum += w[r] * row[r];
  }
}

/// A vector as a matrix of one column.
template <class T>
view<T> as_column(view<T> v) {
  if constexpr (is_dual_v<T>) {
    return {as_column(v.value), as_column(v.tangent)};
  } else {
    return {v.data(), {v.size(), 1}};
  }
}

}  // namespace detail

/// Temporary memory of row losses.
template <class S>
struct loss_scratch {
  tensor<S> elements;  ///< [row, channel]
  tensor<S> rows;      ///< [row]
};

/// What some rows of the output are compared with.
template <class T>
struct row_targets {
  view<const T> values;          ///< [row, channel]; of no rank where there are none
  std::span<const index_t> ids;  ///< one a row, or none
};

/// The targets of all rows.
template <class T>
row_targets<T> targets_of(const inner_data<T>& data) {
  return {data.target.empty() ? view<const T>{} : data.target.view(), data.target_ids};
}
/// Those of `count` rows from `first`.
template <class T>
row_targets<T> targets_of(const row_targets<T>& all, index_t first, index_t count) {
  return {all.values.shape().rank == 0 ? all.values : all.values.row_range(first, count),
          all.ids.empty()
              ? all.ids
              : all.ids.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count))};
}

/// A loss of which a row depends on no other row, made of operations alone. `Rows` gives
///   evaluate_rows(backend, output, targets, scratch, losses): loss of each row, and
///   backward_rows(backend, output, targets, weight, scratch, d_output): adds weight_r d loss_r /
///   d output, without looking at rows of weight 0,
/// and gets of it what an internal loss of all rows needs. It may have a third one, for outputs
/// that nobody reads again:
///   replace_rows(backend, output, targets, weight, losses): both, the gradient in place of the
///   output.
template <class Rows>
struct loss_of_rows {
  using row_loss = Rows;

  /// The loss of each row of the output into scratch.rows.
  template <class Backend, class S, class T>
  void evaluate(Backend& backend, view<const S> output, const inner_data<T>& data,
                loss_scratch<S>& scratch) const {
    operations::resize(backend, scratch.rows, {output.rows()});
    rows().evaluate_rows(backend, output, targets_of(data), scratch, scratch.rows.view());
  }
  /// d_output += weight_r d loss_r / d output_r. Rows of weight 0 are not looked at, so a target
  /// that is not scored may be NaN.
  template <class Backend, class S, class T>
  void backward(Backend& backend, view<const S> output, const inner_data<T>& data,
                view<const T> weight, loss_scratch<S>& scratch, view<S> d_output) const {
    rows().backward_rows(backend, output, targets_of(data), weight, scratch, d_output);
  }

 private:
  const Rows& rows() const { return static_cast<const Rows&>(*this); }
};

/// Elementwise formula, averaged over channels:  loss_r = (1/C) sum_c f(output_rc, target_rc).
template <class Formula = squared_error>
struct elementwise_rows : loss_of_rows<elementwise_rows<Formula>> {
  Formula formula{};

  elementwise_rows() = default;
  elementwise_rows(const Formula& f) : formula(f) {}

  /// The loss of each row of the output [row, channel].
  /// *Errors*: `attd::error` when the targets have another shape.
  template <class Backend, class S, class T>
  void evaluate_rows(Backend& backend, view<const S> output, const row_targets<T>& targets,
                     loss_scratch<S>& scratch, view<S> losses) const {
    expect_shape("elementwise loss", "the target", targets.values.shape(), output.shape());
    if (output.columns() == 1) {  // the mean of one number
      operations::transform(backend, formula, detail::as_column(losses), output, targets.values);
      return;
    }
    operations::resize(backend, scratch.elements, output.shape());
    operations::transform(backend, formula, scratch.elements.view(), output, targets.values);
    operations::row_means(backend, std::as_const(scratch.elements).view(), losses);
  }

  /// d_output += weight_r d loss_r / d output_r.
  template <class Backend, class S, class T>
  void backward_rows(Backend& backend, view<const S> output, const row_targets<T>& targets,
                     view<const T> weight, loss_scratch<S>& scratch, view<S> d_output) const {
    detail::expect_weights(weight, output.rows());
    const auto backward_of = [&](auto d_rows, index_t first, index_t count) {
      operations::transform_backward(backend, formula, d_rows.row_range(first, count),
                                     std::tuple{d_output.row_range(first, count), view<none>{}},
                                     output.row_range(first, count),
                                     targets.values.row_range(first, count));
    };
    const bool single = output.columns() == 1;
    if (!single) {
      operations::resize(backend, scratch.elements, output.shape());
      operations::row_means_backward(backend, weight, scratch.elements.view());
    }
    detail::for_each_scored_run(weight, [&](const row_run& run) {
      if (single) {
        backward_of(detail::as_column(weight), run.first, run.last - run.first);
      } else {
        backward_of(std::as_const(scratch.elements).view(), run.first, run.last - run.first);
      }
    });
  }
};

/// Softmax cross-entropy with the ids of the targets; rows with target -1 count 0.
struct cross_entropy_rows : loss_of_rows<cross_entropy_rows> {
  /// The loss of each row of the logits [row, class], in nats.
  /// *Errors*: `attd::error` for a target that is no class, and for another number of targets.
  template <class Backend, class S, class T>
  void evaluate_rows(Backend& backend, view<const S> output, const row_targets<T>& targets,
                     loss_scratch<S>&, view<S> losses) const {
    operations::cross_entropy(backend, output, targets.ids, losses);
  }

  /// d_output += weight_r d loss_r / d output_r.
  template <class Backend, class S, class T>
  void backward_rows(Backend& backend, view<const S> output, const row_targets<T>& targets,
                     view<const T> weight, loss_scratch<S>&, view<S> d_output) const {
    detail::expect_weights(weight, output.rows());
    expect_equal("cross-entropy loss", "the number of targets",
                 static_cast<index_t>(targets.ids.size()), output.rows());
    detail::for_each_scored_run(weight, [&](const row_run& run) {
      const index_t count = run.last - run.first;
      operations::cross_entropy_backward(
          backend, output.row_range(run.first, count), targets_of(targets, run.first, count).ids,
          weight.column_range(run.first, count), d_output.row_range(run.first, count));
    });
  }

  /// Both at once, the gradient in place of the logits.
  template <class Backend, class S, class T>
  void replace_rows(Backend& backend, view<S> output, const row_targets<T>& targets,
                    view<const T> weight, view<S> losses) const {
    operations::cross_entropy_in_place(backend, output, targets.ids, weight, losses);
  }
};

/// Entropy of the softmax of each row (no target): low when the model is sure of itself.
struct entropy_rows : loss_of_rows<entropy_rows> {
  /// The entropy of each row of the logits [row, class], in nats.
  template <class Backend, class S, class T>
  void evaluate_rows(Backend& backend, view<const S> output, const row_targets<T>&,
                     loss_scratch<S>&, view<S> losses) const {
    operations::softmax_entropy(backend, output, losses);
  }

  /// d_output += weight_r d entropy_r / d output_r.
  template <class Backend, class S, class T>
  void backward_rows(Backend& backend, view<const S> output, const row_targets<T>&,
                     view<const T> weight, loss_scratch<S>&, view<S> d_output) const {
    detail::expect_weights(weight, output.rows());
    detail::for_each_scored_run(weight, [&](const row_run& run) {
      const index_t count = run.last - run.first;
      operations::softmax_entropy_backward(backend, output.row_range(run.first, count),
                                           weight.column_range(run.first, count),
                                           d_output.row_range(run.first, count));
    });
  }
};

namespace detail {
template <class Member>
struct class_of;
template <class C, class F>
struct class_of<F C::*> {
  using type = C;
};
template <class L>
using evaluate_of = typename class_of<
    decltype(&L::template evaluate<operations::plain_loops, double, double>)>::type;
template <class L>
using backward_of = typename class_of<
    decltype(&L::template backward<operations::plain_loops, double, double>)>::type;
template <class L>
using evaluate_rows_of = typename class_of<
    decltype(&L::template evaluate_rows<operations::plain_loops, double, double>)>::type;
template <class L>
using backward_rows_of = typename class_of<
    decltype(&L::template backward_rows<operations::plain_loops, double, double>)>::type;
template <class L>
using replace_rows_of = typename class_of<
    decltype(&L::template replace_rows<operations::plain_loops, double, double>)>::type;
template <class L>
concept HasReplaceRows = requires { typename replace_rows_of<L>; };
}  // namespace detail

/// A loss that the engine may ask for rows of the output one part after the other, and record: one
/// derived from `loss_of_rows` that has replaced neither `evaluate` nor `backward`.
template <class L>
concept LossOfRows = requires { typename L::row_loss; } &&
                     std::same_as<detail::evaluate_of<L>, loss_of_rows<typename L::row_loss>> &&
                     std::same_as<detail::backward_of<L>, loss_of_rows<typename L::row_loss>>;

/// Whether a loss that is derived from a `loss_of_rows` has what that one calls from its own base:
/// a function of rows that it has replaced would not be called. To replace one, derive from
/// `loss_of_rows<mine>`.
template <class L>
constexpr bool keeps_functions_of_rows() {
  if constexpr (requires { typename L::row_loss; }) {
    using Rows = typename L::row_loss;
    if constexpr (!requires {
                    typename detail::evaluate_rows_of<L>;
                    typename detail::backward_rows_of<L>;
                  }) {
      return false;
    } else if constexpr (!std::same_as<detail::evaluate_rows_of<L>, Rows> ||
                         !std::same_as<detail::backward_rows_of<L>, Rows>) {
      return false;
    } else if constexpr (detail::HasReplaceRows<L>) {
      return std::same_as<detail::replace_rows_of<L>, Rows>;
    }
  }
  return true;
}

/// The runs of rows with a weight other than 0, in order.
template <class T>
void find_scored_runs(const tensor<T>& weight, std::vector<row_run>& runs) {
  runs.clear();
  detail::for_each_scored_run(weight.view(), [&](const row_run& run) { runs.push_back(run); });
}

/// sum_r weight_r loss_r over the scored rows, in row order; `runs` are those of `weight`,
/// whose first one belongs to row `first`.
template <class S, class T>
S weighted_sum(const tensor<S>& rows, const tensor<T>& weight, const std::vector<row_run>& runs,
               index_t first = 0) {
  S sum(0);
  for (const row_run& run : runs) detail::add_weighted(rows, weight, run, sum, first);
  return sum;
}

/// The same where nobody keeps the runs.
template <class S, class T>
S weighted_sum(const tensor<S>& rows, const tensor<T>& weight) {
  S sum(0);
  detail::for_each_scored_run(
      weight.view(), [&](const row_run& run) { detail::add_weighted(rows, weight, run, sum); });
  return sum;
}

}  // namespace attd::losses
