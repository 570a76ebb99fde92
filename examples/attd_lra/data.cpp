// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Generators and loaders of the three tasks, and what is taken where no sizes are given.
#include "data.hpp"

#include <algorithm>
#include <attd/core/random.hpp>
#include <attd/error.hpp>
#include <attd/tasks/listops.hpp>
#include <attd/tasks/listops_baseline.hpp>
#include <attd/tasks/listops_file.hpp>
#include <attd/tasks/pathfinder.hpp>
#include <attd/tasks/pathfinder_file.hpp>
#include <attd/tasks/text_classification.hpp>
#include <filesystem>
#include <iterator>
#include <memory>
#include <span>

namespace lra {
namespace {

namespace tasks = attd::tasks;
using path = std::filesystem::path;

/// The first `count` (0: all) in an order of the seed.
examples shuffled(examples all, std::uint64_t seed, index_t count) {
  attd::random_stream random{seed, 0x73687566};
  for (std::size_t i = all.size(); i > 1; --i) {
    std::swap(all[i - 1], all[static_cast<std::size_t>(random.index(index_t(i)))]);
  }
  if (count > 0 && index_t(all.size()) > count) all.resize(static_cast<std::size_t>(count));
  return all;
}

/// Takes the last `count` away from `all`, at most a third of it.
examples take_last(examples& all, index_t count) {
  const auto n = std::min<std::size_t>(std::size_t(count), all.size() / 3);
  if (n == 0) attd::fail("attd-lra: ", all.size(), " samples, expected at least 3 to divide them");
  examples last(std::make_move_iterator(all.end() - std::ptrdiff_t(n)),
                std::make_move_iterator(all.end()));
  all.resize(all.size() - n);
  return last;
}

/// Training samples in an order of the seed, validation taken from them; the test from its own file
/// or from them as well. Duplicates in a file are left as they are.
void divide(const settings& s, examples all, examples test, task_data& d) {
  d.train = shuffled(std::move(all), s.data_seed, 0);
  d.test = test.empty() ? take_last(d.train, s.size.test)
                        : shuffled(std::move(test), s.data_seed, s.size.test);
  d.validation = take_last(d.train, s.size.validation);
  if (s.size.train > 0 && index_t(d.train.size()) > s.size.train) {
    d.train.resize(std::size_t(s.size.train));
  }
}

/// The file for training and, if there is one, that for testing: of a folder those of these names.
std::pair<path, path> files(const settings& s, const char* train, const char* test) {
  if (!std::filesystem::is_directory(s.data)) return {s.data, s.test_data};
  return {path(s.data) / train, s.test_data.empty() ? path(s.data) / test : path(s.test_data)};
}

void listops(const settings& s, task_data& d) {
  d.vocabulary = tasks::listops_vocabulary;
  d.classes = tasks::listops_classes;
  if (s.data.empty()) {
    tasks::listops_options o;
    o.seed = s.data_seed;
    o.max_depth = s.list_depth;
    o.max_args = s.list_arguments;
    o.min_length = s.length[0] - 1;  // the generator's bounds are exclusive
    o.max_length = s.length[1] + 1;
    auto all = tasks::generate_listops<number>(o, {s.size.train, s.size.validation, s.size.test});
    d.train = std::move(all.train);
    d.validation = std::move(all.validation);
    d.test = std::move(all.test);
    d.description = "ListOps, generated: " + std::to_string(s.length[0]) + " to " +
                    std::to_string(s.length[1]) + " tokens, depth " + std::to_string(s.list_depth) +
                    ", up to " + std::to_string(s.list_arguments) + " arguments";
  } else {
    const auto [train, test] = files(s, "basic_train.tsv", "basic_test.tsv");
    tasks::listops_file_options o;
    o.max_tokens = s.max_tokens;
    divide(s, tasks::read_listops<number>(train, o),
           test.empty() ? examples{} : tasks::read_listops<number>(test, o), d);
    d.description = "ListOps from " + train.filename().string();
  }
  const auto bars = tasks::listops_baseline_of(d.train, d.test);
  d.baselines = {{"majority", bars.majority},
                 {"root_operator", bars.root_operator},
                 {"root_and_digits", bars.root_and_digits}};
}

/// Of a file the records, of a folder the published layout.
examples read_pathfinder(const settings& s, const path& from) {
  tasks::pathfinder_file_options o;
  o.side = s.side;
  o.drop_blank = true;
  const auto images = std::filesystem::is_directory(from) ? tasks::read_pathfinder_folder(from, o)
                                                          : tasks::read_pathfinder_records(from, o);
  return tasks::pathfinder_examples<number>(std::span(images), tasks::pathfinder_input::ids);
}

void pathfinder(const settings& s, task_data& d) {
  d.vocabulary = 256;
  d.classes = 2;
  const std::string shown = std::to_string(s.side) + " x " + std::to_string(s.side) + " pixels";
  if (!s.data.empty()) {
    divide(s, read_pathfinder(s, s.data),
           s.test_data.empty() ? examples{} : read_pathfinder(s, s.test_data), d);
    d.description = "Pathfinder from " + path(s.data).filename().string() + ", " + shown;
    return;
  }
  const auto difficulty = s.difficulty == "easy"   ? tasks::pathfinder_difficulty::easy
                          : s.difficulty == "hard" ? tasks::pathfinder_difficulty::hard
                                                   : tasks::pathfinder_difficulty::intermediate;
  auto o = tasks::pathfinder_parameters(difficulty, s.side);
  o.seed = s.data_seed;
  constexpr auto ids = tasks::pathfinder_input::ids;
  d.validation = tasks::pathfinder_examples<number>(o, 0, s.size.validation, ids);
  d.test = tasks::pathfinder_examples<number>(o, s.size.validation, s.size.test, ids);
  // Training images are drawn as they are used, each once: of ranges that begin far behind those.
  const auto generator = std::make_shared<tasks::pathfinder_generator>(o);
  const index_t count = s.size.batch;
  d.batch = [generator, count](std::uint64_t seed, index_t step) {
    examples batch;
    const index_t first = (index_t(seed % 100000) + 1) * 100000000 + step * count;
    for (index_t i = first; i < first + count; ++i) {
      batch.push_back(tasks::pathfinder_example<number>((*generator)(i), ids, i));
    }
    return batch;
  };
  d.description = "Pathfinder (" + s.difficulty + "), generated, " + shown;
}

void text(const settings& s, task_data& d) {
  d.vocabulary = 256;
  d.classes = 2;
  if (s.data.empty()) {
    attd::fail("attd-lra: the task text has no generator; hint: --data with a table of label, ",
               "rating, id and text, or a folder with train.tsv and test.tsv");
  }
  tasks::text_classification_options o;
  o.max_length = s.max_tokens;
  o.seed = s.data_seed;
  const auto [train, test] = files(s, "train.tsv", "test.tsv");
  divide(s, tasks::read_text_classification<number>(train, o),
         test.empty() ? examples{} : tasks::read_text_classification<number>(test, o), d);
  d.description = "Text from " + train.filename().string() + ", up to " +
                  std::to_string(s.max_tokens) + " bytes";
}

/// Share of the test samples that are of the most frequent class of training (of validation where
/// training samples are drawn as they are used).
double majority(const task_data& d) {
  std::vector<index_t> counts(std::size_t(d.classes), 0);
  for (const auto& e : d.train.empty() ? d.validation : d.train) ++counts[std::size_t(e.label)];
  const index_t best = std::max_element(counts.begin(), counts.end()) - counts.begin();
  double right = 0;
  for (const auto& e : d.test) right += e.label == best ? 1 : 0;
  return right / double(d.test.size());
}

}  // namespace

task_data make_data(const settings& s) {
  task_data d;
  if (s.task == "listops") {
    listops(s, d);
  } else if (s.task == "pathfinder") {
    pathfinder(s, d);
  } else {
    text(s, d);
  }
  if (d.baselines.empty()) d.baselines = {{"majority", majority(d)}};
  if (!d.batch) {
    const auto pool = std::make_shared<examples>(std::move(d.train));
    const index_t count = s.size.batch;
    d.batch = [pool, count](std::uint64_t seed, index_t step) {
      attd::random_stream random =
          attd::random_stream{seed, 0x6c7261}.split(static_cast<std::uint64_t>(step));
      examples batch;
      for (index_t i = 0; i < count; ++i) {
        batch.push_back((*pool)[std::size_t(random.index(index_t(pool->size())))]);
      }
      return batch;
    };
    d.train = {};
  }
  return d;
}

sizes preset(const std::string& task, bool quick) {
  if (task == "listops") {
    if (quick) return {30000, 200, 1000, 48, 8, 2, 800, 16, 2, 0.012};
    return {96000, 2000, 2000, 128, 64, 6, 5000, 32, 4, 3e-3};
  }
  if (task == "pathfinder") {
    if (quick) return {4000, 100, 400, 32, 16, 2, 300, 8, 2, 4e-3};
    return {160000, 2000, 2000, 128, 64, 6, 20000, 32, 4, 2e-3};
  }
  if (quick) return {2000, 100, 400, 32, 16, 2, 300, 8, 2, 4e-3};
  return {0, 1000, 2000, 128, 64, 4, 5000, 16, 4, 2e-3};
}

void complete(settings& s) {
  const sizes p = preset(s.task, s.quick);
  const auto fill = [](auto& value, auto standard) {
    if (value == 0) value = standard;
  };
  fill(s.size.train, p.train);
  fill(s.size.validation, p.validation);
  fill(s.size.test, p.test);
  fill(s.size.width, p.width);
  fill(s.size.state, p.state);
  fill(s.size.layers, p.layers);
  fill(s.size.updates, p.updates);
  fill(s.size.batch, p.batch);
  fill(s.size.inner, p.inner);
  fill(s.size.rate, p.rate);
  fill(s.seeds, 3);
  fill(s.list_depth, s.quick ? 3 : 10);
  fill(s.list_arguments, s.quick ? 5 : 10);
  fill(s.side, s.quick && s.data.empty() ? 16 : 32);
  if (s.length.empty()) {
    s.length = s.quick ? std::vector<index_t>{10, 40} : std::vector<index_t>{501, 1999};
  }
  if (s.task == "text") fill(s.max_tokens, s.quick ? 256 : 4096);
}

}  // namespace lra
