// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// ListOps of the Long Range Arena: nested list operations over digits, generated and evaluated.
#pragma once

#include <algorithm>
#include <array>
#include <attd/config.hpp>
#include <attd/core/random.hpp>
#include <attd/error.hpp>
#include <attd/tasks/example.hpp>
#include <cstdint>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace attd::tasks {

/// The symbols of ListOps other than digits; a digit 0 .. 9 is its own id. The first four and
/// `close` are those of the Long Range Arena, the others stand in the original data only.
enum class listops_symbol : index_t {
  min = 10,
  max = 11,
  median = 12,   ///< truncated: of an even number of values the mean of the middle two, cut off
  sum_mod = 13,  ///< sum modulo 10
  close = 14,
  first = 15,
  last = 16,
  product_mod = 17  ///< product modulo 10
};

inline constexpr index_t listops_classes = 10;
inline constexpr index_t listops_vocabulary = 15;           ///< ids 0 .. 14: Long Range Arena
inline constexpr index_t listops_extended_vocabulary = 18;  ///< with FIRST, LAST and PM

/// What stands in files for each id.
inline constexpr std::array<std::string_view, 18> listops_texts = {
    "0", "1",    "2",    "3",    "4",   "5", "6",      "7",     "8",
    "9", "[MIN", "[MAX", "[MED", "[SM", "]", "[FIRST", "[LAST", "[PM"};

/// What the generator draws. The defaults are those of the Long Range Arena; shorter lengths make
/// the same task for a smaller machine.
struct listops_options {
  index_t max_depth = 10;     ///< a node this deep is a digit; the root has depth 1
  index_t max_args = 10;      ///< an operator has 2 .. max_args arguments
  index_t min_length = 500;   ///< tokens; a sample is longer than this
  index_t max_length = 2000;  ///< tokens; a sample is shorter than this
  double operator_probability = 0.25;
  std::vector<listops_symbol> operators = {listops_symbol::min, listops_symbol::max,
                                           listops_symbol::median, listops_symbol::sum_mod};
  std::uint64_t seed = 0;
};

/// How many samples each part gets; the defaults are those of the Long Range Arena.
struct listops_counts {
  index_t train = 96000, validation = 2000, test = 2000;
};

/// Samples in three parts; none stands twice in all of them together.
template <class T>
struct listops_task {
  std::vector<example<T>> train, validation, test;
};

/// Throws where options contradict each other.
inline void validate(const listops_options& o) {
  if (o.max_depth < 1 || o.max_depth > 1000) {
    fail("listops: max_depth is ", o.max_depth, ", expected 1 .. 1000");
  }
  if (o.max_args < 2) fail("listops: max_args is ", o.max_args, ", expected at least 2");
  if (o.min_length < 0 || o.max_length < o.min_length + 2) {
    fail("listops: lengths are ", o.min_length, " and ", o.max_length,
         ", expected 0 <= min_length and at least 2 more for max_length; hint: both are exclusive");
  }
  if (!(o.operator_probability >= 0 && o.operator_probability <= 1)) {
    fail("listops: operator_probability is ", o.operator_probability, ", expected 0 .. 1");
  }
  if (o.operators.empty()) fail("listops: no operator; hint: name at least one");
  for (listops_symbol symbol : o.operators) {
    const auto id = static_cast<index_t>(symbol);
    if (id < 10 || id >= listops_extended_vocabulary || symbol == listops_symbol::close) {
      fail("listops: symbol ", id, " is no operator; hint: see listops_symbol");
    }
  }
}

namespace detail {

/// A value, or what is wrong and at which token.
struct listops_result {
  index_t value = 0;
  index_t token = 0;
  std::string_view fault;
};

/// The value of one operator; reorders its arguments. Values are below 10 and stay there, so that
/// no product overflows.
inline index_t apply_listops(index_t id, std::span<index_t> values) {
  switch (static_cast<listops_symbol>(id)) {
    case listops_symbol::min:
      return *std::min_element(values.begin(), values.end());
    case listops_symbol::max:
      return *std::max_element(values.begin(), values.end());
    case listops_symbol::median: {
      std::sort(values.begin(), values.end());
      const std::size_t n = values.size();
      return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
    }
    case listops_symbol::sum_mod: {
      index_t sum = 0;
      for (index_t value : values) sum = (sum + value) % 10;
      return sum;
    }
    case listops_symbol::product_mod: {
      index_t product = 1;
      for (index_t value : values) product = product * value % 10;
      return product;
    }
    case listops_symbol::first:
      return values.front();
    default:
      return values.back();
  }
}

/// Evaluates with a stack of its own: text from a file may be nested to any depth.
inline listops_result evaluate_listops(std::span<const index_t> ids) {
  std::vector<index_t> values;
  std::vector<std::pair<index_t, std::size_t>> open;  // operator, where its arguments start
  for (std::size_t t = 0; t < ids.size(); ++t) {
    const index_t id = ids[t];
    const auto at = static_cast<index_t>(t);
    if (id < 0 || id >= listops_extended_vocabulary) return {0, at, "is not in the vocabulary"};
    if (open.empty() && !values.empty()) return {0, at, "follows a complete expression"};
    if (id < 10) {
      values.push_back(id);
    } else if (id != static_cast<index_t>(listops_symbol::close)) {
      open.emplace_back(id, values.size());
    } else {
      if (open.empty()) return {0, at, "closes an operator that was never opened"};
      const auto [op, start] = open.back();
      open.pop_back();
      if (start == values.size()) return {0, at, "closes an operator without arguments"};
      const index_t value = apply_listops(op, std::span(values).subspan(start));
      values.resize(start);
      values.push_back(value);
    }
  }
  const auto end = static_cast<index_t>(ids.size());
  if (!open.empty()) return {0, end, "is missing: an operator is not closed"};
  if (values.empty()) return {0, end, "is missing: there is no expression"};
  return {values.front(), end, {}};
}

/// Draws one tree as ids, depth first; false as soon as it is known to be too long.
struct listops_writer {
  const listops_options& options;
  random_stream random;
  std::vector<index_t>& ids;

  bool write(index_t depth) {
    // At the greatest depth nothing is drawn here: the node is a digit whatever the probability.
    const bool leaf = depth >= options.max_depth || random.uniform() > options.operator_probability;
    if (leaf) {
      ids.push_back(random.index(10));
      return static_cast<index_t>(ids.size()) < options.max_length;
    }
    const std::size_t place = ids.size();
    ids.push_back(0);
    const index_t count = 2 + random.index(options.max_args - 1);
    for (index_t i = 0; i < count; ++i) {
      if (!write(depth + 1)) return false;
    }
    const index_t chosen = random.index(static_cast<index_t>(options.operators.size()));
    ids[place] = static_cast<index_t>(options.operators[static_cast<std::size_t>(chosen)]);
    ids.push_back(static_cast<index_t>(listops_symbol::close));
    return static_cast<index_t>(ids.size()) < options.max_length;
  }
};

inline std::uint64_t listops_fingerprint(std::span<const index_t> ids) {
  std::uint64_t hash = 14695981039346656037u;
  for (index_t id : ids) hash = (hash ^ static_cast<std::uint64_t>(id)) * 1099511628211u;
  return hash;
}

}  // namespace detail

/// The value, 0 .. 9, of one expression. *Errors*: ids that are none, naming the token.
inline index_t evaluate_listops(std::span<const index_t> ids) {
  const detail::listops_result result = detail::evaluate_listops(ids);
  if (!result.fault.empty()) fail("listops: token ", result.token, " ", result.fault);
  return result.value;
}

/// The tokens as text, one space between them, no parentheses: "[MAX 2 [SM 3 4 ] ]".
/// *Errors*: an id outside of the vocabulary.
inline std::string listops_text(std::span<const index_t> ids) {
  std::string text;
  for (index_t id : ids) {
    if (id < 0 || id >= listops_extended_vocabulary) {
      fail("listops: id is ", id, ", expected 0 .. ", listops_extended_vocabulary - 1);
    }
    if (!text.empty()) text += ' ';
    text += listops_texts[static_cast<std::size_t>(id)];
  }
  return text;
}

/// A sequence of tokens with its class: adaptation sees all of the input, never the label.
/// *Errors*: ids that are no expression.
template <class T>
example<T> listops_example(std::vector<index_t> ids, index_t cluster = 0) {
  example<T> e;
  e.label = evaluate_listops(ids);
  e.split = static_cast<index_t>(ids.size());
  e.cluster = cluster;
  e.ids = std::move(ids);
  return e;
}

/// The first `count` different samples of the seed.
///
/// *Rules*: a node of depth d < max_depth is an operator with `operator_probability`, otherwise a
/// uniform digit; at max_depth it is a digit. An operator has uniformly 2 .. max_args arguments,
/// and is itself drawn after them, uniformly. A tree is kept where min_length < length < max_length
/// and where it has not been drawn before; the length counts digits, operators and brackets. With
/// the defaults about one draw in twelve is kept and all samples reach the greatest depth.
/// *Randomness*: draw i is a function of (seed, i), so fewer samples are the first of more.
/// *Cost*: about 10 bytes a token. *Errors*: a million draws one after the other that are not kept.
/// *Source*: [Tay2020], after [Nangia2018]. *Differs from the source*: samples come in the order of
/// their draws; there they are in the order of a hash set, which no seed fixes.
template <class T>
std::vector<example<T>> listops_examples(const listops_options& o, index_t count) {
  validate(o);
  if (count < 0) fail("listops: count is ", count, ", expected at least 0");
  const random_stream root{o.seed, 0};
  std::vector<example<T>> examples;
  std::unordered_multimap<std::uint64_t, std::size_t> seen;
  std::vector<index_t> ids;
  index_t in_vain = 0;
  for (std::uint64_t draw = 0; static_cast<index_t>(examples.size()) < count; ++draw) {
    ids.clear();
    bool kept = detail::listops_writer{o, root.split(draw), ids}.write(1) &&
                static_cast<index_t>(ids.size()) > o.min_length;
    const std::uint64_t key = kept ? detail::listops_fingerprint(ids) : 0;
    if (kept) {
      const auto [first, last] = seen.equal_range(key);
      kept =
          std::none_of(first, last, [&](const auto& e) { return examples[e.second].ids == ids; });
    }
    if (kept) {
      seen.emplace(key, examples.size());
      examples.push_back(listops_example<T>(ids, static_cast<index_t>(examples.size())));
      in_vain = 0;
    } else if (++in_vain == 1000000) {
      fail("listops: ", examples.size(), " of ", count, " samples found, then none in ", in_vain,
           " draws; hint: max_depth ", o.max_depth, " and max_args ", o.max_args,
           " leave few trees with ", o.min_length, " < length < ", o.max_length);
    }
  }
  return examples;
}

/// Three parts of one list of different samples: training first, then validation, then test.
template <class T>
listops_task<T> generate_listops(const listops_options& o, const listops_counts& counts = {}) {
  if (counts.train < 0 || counts.validation < 0 || counts.test < 0) {
    fail("listops: counts are ", counts.train, ", ", counts.validation, " and ", counts.test,
         ", expected at least 0");
  }
  auto all = listops_examples<T>(o, counts.train + counts.validation + counts.test);
  const auto end_of_train = std::make_move_iterator(all.begin() + counts.train);
  const auto end_of_validation = end_of_train + counts.validation;
  listops_task<T> task;
  task.train.assign(std::make_move_iterator(all.begin()), end_of_train);
  task.validation.assign(end_of_train, end_of_validation);
  task.test.assign(end_of_validation, std::make_move_iterator(all.end()));
  return task;
}

}  // namespace attd::tasks
