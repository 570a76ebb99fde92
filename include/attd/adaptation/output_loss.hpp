// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The loss of a model's output and its gradient, without the whole output where it would be large.
#pragma once

#include <algorithm>
#include <attd/core/none.hpp>
#include <attd/core/sequences.hpp>
#include <attd/losses/row_losses.hpp>
#include <attd/operations/memory.hpp>
#include <concepts>
#include <cstddef>
#include <type_traits>
#include <utility>
#include <vector>

namespace attd::adaptation {

namespace detail {
// A model of which a row of the output is made of its token's features alone, by a head.
template <class Model>
concept HeadOfTokens = requires(const Model& m, const typename Model::template cache<double>& c) {
  // Its own word: a head that is derived from it may be another.
  requires std::same_as<typename std::remove_cvref_t<decltype(Model::head)>::row_of_token,
                        std::remove_cvref_t<decltype(Model::head)>>;
  m.features(c);
};
}  // namespace detail

/// Loss of a model's output, and its gradient with respect to what the head reads, the features.
///
/// A language model's output has a number for every token and every word: for 8 texts of 2048
/// tokens and 50280 words 3.3 GB of floats, and as much for its gradient. Where the head makes each
/// row of one token (`Head::row_of_token` is `Head`) and the loss needs one row at a time
/// (`losses::LossOfRows`), chunks of `head.rows_at_once()` rows are made, scored, differentiated
/// and forgotten. Else, and for outputs of no more rows than that, there is one chunk: all.
/// Which chunks a sequence is cut into depends on its own length alone; its losses and gradients
/// are those of the whole output.
/// *Memory*: a chunk of the output, and another for its gradient where the loss has no
/// `replace_rows`. *Cost*: that of head and loss; a gradient that was not made together with the
/// losses makes the chunk again. Allocates nothing once it has seen the sizes.
template <class Model, class Loss, class T, class S>
class output_loss {
  static_assert(losses::keeps_functions_of_rows<Loss>(),
                "attd: the loss replaces functions of rows of the one that it derives from; derive "
                "from losses::loss_of_rows<your loss>");

 public:
  /// Whether `forward` computes the losses too, by operations alone.
  static constexpr bool of_rows = losses::LossOfRows<Loss>;

  /// Lays the chunks of an input out.
  void prepare(const Model& model, const sequences& batch) {
    count_ = 0;
    if constexpr (may_chunk) {
      const index_t most = model.head.rows_at_once();
      if (batch.tokens() > most) cut(batch, most);
    }
  }
  /// Whether the output is never there as a whole; it is not in the cache then.
  bool in_chunks() const { return count_ > 0; }

  /// Output, or features, in the cache; the losses too where `of_rows`, else `complete` makes them.
  /// `with_gradient`, where
  /// there are chunks: the gradient with the data's own weights as well, in cache.d_features and
  /// added to that of the head's parameters in d_p, where asked for by type.
  template <class Backend, class P, class Dynamics, class Cache, class DP>
  void forward(Backend& backend, const Model& model, const P& p, const Dynamics& dyn,
               const Loss& loss, const losses::inner_data<T>& data, Cache& c, bool with_gradient,
               DP& d_p) {
    if constexpr (may_chunk) {
      if (in_chunks()) {
        const index_t rows = data.batch.tokens();
        expect_equal("internal loss", "the number of weights", data.weight.size(), rows);
        if (!data.target_ids.empty()) {
          expect_equal("internal loss", "the number of target ids",
                       static_cast<index_t>(data.target_ids.size()), rows);
        }
        if (!data.target.empty()) {
          expect_equal("internal loss", "the number of rows of the target",
                       data.target.view().rows(), rows);
        }
        operations::resize(backend, scratch.rows, {rows});
        model.forward_features(backend, data.batch, p, dyn, data.model_input(), c);
        walk(backend, model, p, loss, data, data.weight.view(), c, true, with_gradient, d_p);
        return;
      }
    }
    model.forward(backend, data.batch, p, dyn, data.model_input(), c);
    if constexpr (of_rows) {
      loss.evaluate(backend, std::as_const(c).output().view(), data, scratch);
    }
  }

  /// The losses in scratch.rows, to be read, after `forward` and outside of what is recorded: one
  /// that is not `of_rows` may look at the output on the host.
  template <class Backend, class Cache>
  void complete(Backend& backend, const Loss& loss, const losses::inner_data<T>& data,
                const Cache& c) {
    operations::finish(backend);
    if constexpr (!of_rows) {
      loss.evaluate(backend, c.output().view(), data, scratch);
      operations::finish(backend);
    }
  }

  /// d loss / d parameters and dynamics of what `forward` was of, the loss with these weights, as
  /// `Model::backward`. `has_gradient`: cache.d_features is what `forward` has left there.
  template <class Backend, class P, class Dynamics, class Cache, class DP, class DDynamics>
  void backward(Backend& backend, const Model& model, const P& p, const Dynamics& dyn,
                const Loss& loss, const losses::inner_data<T>& data, view<const T> weight, Cache& c,
                bool has_gradient, DP& d_p, DDynamics& d_dyn, const std::vector<char>& adapted) {
    if constexpr (may_chunk) {
      if (in_chunks()) {
        if (!has_gradient) walk(backend, model, p, loss, data, weight, c, false, true, d_p);
        model.backward_features(backend, data.batch, p, dyn, data.model_input(), c,
                                std::as_const(c.d_features).view(), d_p, d_dyn, adapted);
        return;
      }
    }
    model.backward(backend, data.batch, p, dyn, data.model_input(), c,
                   std::as_const(d_output).view(), d_p, d_dyn, adapted);
  }
  /// d loss / d output, from which `backward` goes on; nothing where there are chunks.
  template <class Backend, class Cache>
  void differentiate(Backend& backend, const Loss& loss, const losses::inner_data<T>& data,
                     view<const T> weight, const Cache& c) {
    if (in_chunks()) return;
    const auto output = c.output().view();
    operations::clear(backend, d_output, output.shape());
    if constexpr (!of_rows) operations::finish(backend);  // such a loss may compute on the host
    loss.backward(backend, output, data, weight, scratch, d_output.view());
  }

  losses::loss_scratch<S> scratch;  ///< the losses in scratch.rows
  tensor<S> made, d_output;         ///< the output of a chunk; the gradient of it or of the whole

 private:
  static constexpr bool may_chunk = of_rows && detail::HeadOfTokens<Model>;
  struct chunk {
    index_t first = 0;
    sequences batch;  ///< whole sequences, or parts of them
  };

  // Parts of a sequence are equally long, but for the last; neighbours share a chunk that has room.
  void cut(const sequences& batch, index_t most) {
    for (index_t s = 0; s < batch.count(); ++s) {
      const index_t length = batch.length(s), parts = (length + most - 1) / most;
      const index_t part = (length + parts - 1) / parts;
      for (index_t t = 0; t < length; t += part) {
        const index_t tokens = std::min(part, length - t);
        if (count_ == 0 || chunks_[count_ - 1].batch.tokens() + tokens > most) {
          if (count_ == chunks_.size()) chunks_.emplace_back();
          chunks_[count_].first = batch.offset(s) + t;
          chunks_[count_].batch.clear();
          ++count_;
        }
        chunks_[count_ - 1].batch.append(tokens);
      }
    }
  }

  // Head and loss of one chunk after the other: losses, the gradient of the features, or both.
  template <class Backend, class P, class Cache, class DP>
  void walk(Backend& backend, const Model& model, const P& p, const Loss& loss,
            const losses::inner_data<T>& data, view<const T> weight, Cache& c, bool with_losses,
            bool with_gradient, DP& d_p) {
    const auto features = model.features(std::as_const(c));
    if (with_gradient) operations::clear(backend, c.d_features, features.shape());
    const losses::row_targets<T> all = losses::targets_of(data);
    const typename Loss::row_loss& rows = loss;
    for (std::size_t k = 0; k < count_; ++k) {
      const sequences& batch = chunks_[k].batch;
      const index_t first = chunks_[k].first, count = batch.tokens();
      const auto own = weight.column_range(first, count);
      const bool differentiate = with_gradient && losses::detail::any_scored(own);
      if (!with_losses && !differentiate) continue;
      const auto x = features.row_range(first, count);
      const auto targets = losses::targets_of(all, first, count);
      operations::resize(backend, made, {count, model.head.outputs()});
      model.head.forward(backend, batch, p.head, x, c.head, made.view());
      const view<S> losses = scratch.rows.view().column_range(first, count);
      if (!differentiate) {
        rows.evaluate_rows(backend, std::as_const(made).view(), targets, scratch, losses);
        continue;
      }
      const view<const S> d_made =
          differentiate_rows(backend, rows, targets, own, losses, with_losses);
      model.head.backward(backend, batch, p.head, x, c.head, d_made,
                          c.d_features.view().row_range(first, count), d_p.head);
    }
  }
  // The gradient of the chunk that was made, and its losses.
  template <class Backend>
  view<const S> differentiate_rows(Backend& backend, const auto& rows,
                                   const losses::row_targets<T>& targets, view<const T> weight,
                                   view<S> losses, [[maybe_unused]] bool with_losses) {
    if constexpr (requires { rows.replace_rows(backend, made.view(), targets, weight, losses); }) {
      rows.replace_rows(backend, made.view(), targets, weight, losses);
      return std::as_const(made).view();
    } else {
      const view<const S> output = std::as_const(made).view();
      if (with_losses) rows.evaluate_rows(backend, output, targets, scratch, losses);
      operations::clear(backend, d_output, output.shape());
      rows.backward_rows(backend, output, targets, weight, scratch, d_output.view());
      return std::as_const(d_output).view();
    }
  }

  std::vector<chunk> chunks_;
  std::size_t count_ = 0;  ///< of the chunks in use; 0: the whole output
};

}  // namespace attd::adaptation
