// expect: attd: InternalLoss replaces evaluate_rows, backward_rows or replace_rows of the loss that
// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// A loss that replaces a function of rows of the one it derives from.
#include <attd/backends/reference.hpp>
#include <attd/concepts/internal_loss.hpp>
#include <attd/losses/next_token.hpp>

using namespace attd;

struct mine : losses::next_token {
  template <class Backend, class S, class T>
  void evaluate_rows(Backend&, view<const S>, const losses::row_targets<T>&,
                     losses::loss_scratch<S>&, view<S>) const {}
};

static_assert(check_internal_loss<mine>());
