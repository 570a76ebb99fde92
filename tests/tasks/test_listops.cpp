// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// ListOps: values by hand, the generator's rules and its statistics against reference data, files.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <attd/tasks/listops.hpp>
#include <attd/tasks/listops_baseline.hpp>
#include <attd/tasks/listops_file.hpp>
#include <attd/tasks/observe.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "support/data.hpp"
#include "tasks/checks.hpp"

namespace tasks = attd::tasks;
using attd::index_t;
using attd_test::contains;
using attd_test::message_of;
using examples_type = std::vector<tasks::example<float>>;

namespace {

std::vector<index_t> ids_of(const std::string& text) {
  tasks::listops_file_options o;
  o.format = tasks::listops_format::original;
  o.check_labels = false;
  return tasks::parse_listops<float>("0\t" + text, o, "test").at(0).ids;
}

index_t value_of(const std::string& text) { return tasks::evaluate_listops(ids_of(text)); }

examples_type parse_table(const std::string& text, tasks::listops_file_options o = {}) {
  return tasks::parse_listops<float>(text, o, "a.tsv");
}

/// What is counted of a set to be compared with another one.
struct statistics {
  double count = 0, mean = 0, deviation = 0, full_depth = 0;
  std::array<double, 10> labels{};     // counts
  std::array<double, 18> tokens{};     // shares of all tokens
  std::array<double, 11> root_args{};  // counts
  std::vector<index_t> lengths;        // sorted
};

statistics statistics_of(const examples_type& examples, index_t full_depth) {
  statistics s;
  double total = 0, squares = 0;
  for (const auto& e : examples) {
    const auto length = static_cast<double>(e.length());
    s.lengths.push_back(e.length());
    total += length;
    squares += length * length;
    ++s.labels[static_cast<std::size_t>(e.label)];
    index_t depth = 0, deepest = 0;
    std::size_t root_args = 0;
    for (index_t id : e.ids) {
      s.tokens[static_cast<std::size_t>(id)] += 1;
      if (id == static_cast<index_t>(tasks::listops_symbol::close)) {
        --depth;
      } else {
        root_args += depth == 1;
        if (id >= 10) deepest = std::max(deepest, ++depth);
      }
    }
    ++s.root_args.at(root_args);
    s.full_depth += deepest == full_depth;
  }
  s.count = static_cast<double>(examples.size());
  s.mean = total / s.count;
  s.deviation = std::sqrt(squares / s.count - s.mean * s.mean);
  for (double& share : s.tokens) share /= total;
  std::sort(s.lengths.begin(), s.lengths.end());
  return s;
}

/// Pearson's statistic of two samples of counts; the cells that both have empty do not count.
template <std::size_t N>
double two_sample_chi_square(const std::array<double, N>& a, const std::array<double, N>& b) {
  double na = 0, nb = 0, sum = 0;
  for (std::size_t i = 0; i < N; ++i) {
    na += a[i];
    nb += b[i];
  }
  for (std::size_t i = 0; i < N; ++i) {
    if (a[i] + b[i] == 0) continue;
    const double difference = std::sqrt(nb / na) * a[i] - std::sqrt(na / nb) * b[i];
    sum += difference * difference / (a[i] + b[i]);
  }
  return sum;
}

/// The largest distance of two distributions of lengths (Kolmogorov and Smirnov).
double largest_distance(const statistics& a, const statistics& b) {
  double most = 0;
  for (index_t length = a.lengths.front(); length <= a.lengths.back(); ++length) {
    const auto below = [&](const statistics& s) {
      const auto end = std::upper_bound(s.lengths.begin(), s.lengths.end(), length);
      return static_cast<double>(end - s.lengths.begin()) / s.count;
    };
    most = std::max(most, std::abs(below(a) - below(b)));
  }
  return most;
}

tasks::listops_options small_options() {
  tasks::listops_options o;
  o.max_depth = 4;
  o.max_args = 5;
  o.min_length = 10;
  o.max_length = 60;
  return o;
}

struct scratch_table {
  std::filesystem::path path;
  explicit scratch_table(const std::string& content)
      : path(std::filesystem::temp_directory_path() / "attd_test_listops.tsv") {
    std::ofstream(path, std::ios::binary) << content;
  }
  ~scratch_table() { std::filesystem::remove(path); }
};

}  // namespace

TEST_CASE("listops: expressions have the values that one computes by hand") {
  CHECK(value_of("7") == 7);
  CHECK(value_of("[MIN 4 2 9 ]") == 2);
  CHECK(value_of("[MAX 4 2 9 ]") == 9);
  CHECK(value_of("[MED 4 2 9 ]") == 4);
  CHECK(value_of("[MED 9 4 2 7 ]") == 5);  // (4 + 7) / 2 = 5.5, truncated
  CHECK(value_of("[MED 2 1 ]") == 1);      // 1.5
  CHECK(value_of("[SM 9 8 7 6 ]") == 0);   // 30
  CHECK(value_of("[PM 9 8 7 ]") == 4);     // 504
  CHECK(value_of("[FIRST 3 8 5 ]") == 3);
  CHECK(value_of("[LAST 3 8 5 ]") == 5);
  CHECK(value_of("[MAX 2 9 [MIN 4 7 ] 0 ]") == 9);
  CHECK(value_of("[SM [MED 1 8 [MAX 3 6 ] ] [MIN 5 [SM 9 9 ] ] 4 ]") == 5);  // 6 + 5 + 4
  CHECK(value_of("( ( ( ( [SM 1 ) ( ( ( [MAX 2 ) 3 ) ] ) ) 4 ) ] )") == 8);
}

TEST_CASE("listops: what is no expression is refused at its token") {
  const auto fault = [](const std::vector<index_t>& ids) {
    return message_of([&] { tasks::evaluate_listops(ids); });
  };
  CHECK(contains(fault({}), "token 0 is missing: there is no expression"));
  CHECK(contains(fault({10, 1}), "token 2 is missing: an operator is not closed"));
  CHECK(contains(fault({10, 14}), "token 1 closes an operator without arguments"));
  CHECK(contains(fault({14}), "token 0 closes an operator that was never opened"));
  CHECK(contains(fault({1, 2}), "token 1 follows a complete expression"));
  CHECK(contains(fault({10, 1, 14, 14}), "token 3 follows a complete expression"));
  CHECK(contains(fault({10, 18, 14}), "token 1 is not in the vocabulary"));
  CHECK(contains(fault({10, -1, 14}), "token 1 is not in the vocabulary"));
}

TEST_CASE("listops: an example shows adaptation every token and keeps the label apart") {
  const auto e = tasks::listops_example<double>(ids_of("[MAX 2 [SM 3 4 ] ]"), 5);
  CHECK(e.ids == std::vector<index_t>{11, 2, 13, 3, 4, 14, 14});
  CHECK(e.label == 7);
  CHECK(e.cluster == 5);
  CHECK(e.target.empty());
  CHECK(tasks::observe(e).ids.size() == 7);
  CHECK(tasks::listops_text(e.ids) == "[MAX 2 [SM 3 4 ] ]");
  for (index_t id = 0; id < tasks::listops_vocabulary; ++id) {
    CHECK(tasks::listops_text(std::vector{id}).find("FIRST") == std::string::npos);
  }
}

TEST_CASE("listops: samples are a function of the seed, fewer are the first of more") {
  const auto o = small_options();
  const auto few = tasks::listops_examples<float>(o, 20);
  const auto more = tasks::listops_examples<double>(o, 50);
  for (std::size_t i = 0; i < few.size(); ++i) {
    CHECK(few[i].ids == more[i].ids);
    CHECK(few[i].label == more[i].label);
  }
  auto other = o;
  other.seed = 1;
  CHECK(tasks::listops_examples<float>(other, 1)[0].ids != few[0].ids);
  // Written down once: the seeds of today draw the same samples tomorrow.
  CHECK(tasks::listops_text(few[0].ids) == "[MAX 3 [SM 4 0 9 ] 2 3 5 ]");
  CHECK(tasks::listops_text(few[1].ids) == "[MIN [MAX 4 [SM 0 3 ] 5 ] 5 4 ]");

  const auto task = tasks::generate_listops<float>(o, {30, 5, 15});
  REQUIRE(task.train.size() == 30);
  REQUIRE(task.validation.size() == 5);
  REQUIRE(task.test.size() == 15);
  CHECK(task.train[29].ids == more[29].ids);
  CHECK(task.validation[0].ids == more[30].ids);
  CHECK(task.test[14].ids == more[49].ids);
}

TEST_CASE("listops: a set and the bars it sets are made in a few lines") {
  attd::tasks::listops_options options;  // the published rules
  options.max_depth = 4;                 // a shorter version
  options.max_args = 5;
  options.min_length = 15;
  options.max_length = 100;
  const auto task = attd::tasks::generate_listops<float>(options, {2000, 0, 1000});
  const auto bars = attd::tasks::listops_baseline_of(task.train, task.test);
  CHECK(bars.majority < 0.15);
  CHECK(bars.root_operator > bars.majority + 0.05);
  CHECK(bars.root_and_digits > bars.root_operator + 0.1);
}

TEST_CASE("listops: lengths are strictly within the bounds, no sample comes twice") {
  auto o = small_options();
  o.max_depth = 2;  // an operator of 2 or 3 digits: lengths 4 and 5
  o.max_args = 3;
  o.min_length = 3;
  o.max_length = 5;
  o.operators = {tasks::listops_symbol::min};
  const auto examples = tasks::listops_examples<float>(o, 100);  // all [MIN a b ]
  std::set<std::vector<index_t>> different;
  for (const auto& e : examples) {
    CHECK(e.length() == 4);
    different.insert(e.ids);
  }
  CHECK(different.size() == 100);
  CHECK(
      contains(message_of([&] { tasks::listops_examples<float>(o, 101); }),
               "listops: 100 of 101 samples found, then none in 1000000 draws; hint: max_depth 2"));
  o.min_length = 0;
  o.max_length = 4;  // digits only
  CHECK(tasks::listops_examples<float>(o, 10).size() == 10);
}

TEST_CASE("listops: trees are drawn by the published rules") {
  tasks::listops_options o;
  o.max_depth = 3;
  o.max_args = 10;
  o.max_length = 1000000;
  const attd::random_stream root{7, 0};
  constexpr int draws = 40000;
  double operators_at_root = 0, operators_below = 0, nodes_below = 0, deeper = 0;
  std::array<double, 11> args{};
  std::array<double, 4> kinds{};
  std::array<double, 10> digits{};
  std::vector<index_t> ids;
  for (int d = 0; d < draws; ++d) {
    ids.clear();
    tasks::detail::listops_writer{o, root.split(static_cast<std::uint64_t>(d)), ids}.write(1);
    if (ids.size() == 1) continue;
    ++operators_at_root;
    ++kinds.at(static_cast<std::size_t>(ids[0] - 10));
    index_t depth = 0;
    std::size_t count = 0;
    for (index_t id : ids) {
      if (id == 14) {
        --depth;
        continue;
      }
      if (depth == 1) {
        ++count;
        ++nodes_below;
        operators_below += id >= 10;
      }
      if (depth == 2) deeper += id >= 10;
      if (id < 10) ++digits[static_cast<std::size_t>(id)];
      depth += id >= 10;
    }
    ++args.at(count);
  }
  const auto within = [](double hits, double n, double p) {
    return std::abs(hits - n * p) < 4 * std::sqrt(n * p * (1 - p));
  };
  CHECK(within(operators_at_root, draws, 0.25));
  CHECK(within(operators_below, nodes_below, 0.25));
  CHECK(deeper == 0);  // depth 3 is the greatest: digits only
  CHECK(args[0] + args[1] == 0);
  for (std::size_t n = 2; n <= 10; ++n) CHECK(within(args[n], operators_at_root, 1.0 / 9));
  for (double hits : kinds) CHECK(within(hits, operators_at_root, 0.25));
  double all = 0;
  for (double hits : digits) all += hits;
  for (double hits : digits) CHECK(within(hits, all, 0.1));
}

TEST_CASE("listops: options that contradict each other are refused with their values") {
  const auto fault = [](auto change) {
    tasks::listops_options o;
    change(o);
    return message_of([&] { tasks::listops_examples<float>(o, 1); });
  };
  CHECK(contains(fault([](auto& o) { o.max_depth = 0; }), "max_depth is 0, expected 1"));
  CHECK(contains(fault([](auto& o) { o.max_args = 1; }), "max_args is 1, expected at least 2"));
  CHECK(contains(fault([](auto& o) { o.min_length = 1999; }), "lengths are 1999 and 2000"));
  CHECK(contains(fault([](auto& o) { o.operator_probability = 1.5; }), "probability is 1.5"));
  CHECK(contains(fault([](auto& o) { o.operators.clear(); }), "no operator"));
  CHECK(contains(fault([](auto& o) { o.operators = {tasks::listops_symbol::close}; }),
                 "symbol 14 is no operator"));
  CHECK(contains(message_of([] { tasks::listops_examples<float>({}, -1); }), "count is -1"));
  CHECK(contains(message_of([] { tasks::generate_listops<float>({}, {1, -2, 1}); }),
                 "counts are 1, -2 and 1"));
}

TEST_CASE("listops: tables of both layouts and both line ends give the same samples") {
  const std::string nested = "( ( ( [MAX 2 ) ( ( ( [SM 3 ) 4 ) ] ) ) ] )";
  const auto crlf = parse_table("Source\tTarget\r\n" + nested + "\t7\r\n[MED 2 1 ]\t1\r\n");
  const auto lf = parse_table("Source\tTarget\n" + nested + "\t7\n[MED 2 1 ]\t1");
  tasks::listops_file_options o;
  o.format = tasks::listops_format::original;
  const auto original = parse_table("7\t" + nested + "\n1\t[MED 2 1 ]\n", o);
  REQUIRE(crlf.size() == 2);
  REQUIRE(lf.size() == 2);
  REQUIRE(original.size() == 2);
  CHECK(crlf[0].ids == std::vector<index_t>{11, 2, 13, 3, 4, 14, 14});
  CHECK(crlf[0].label == 7);
  CHECK(crlf[0].split == 7);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(crlf[i].cluster == static_cast<index_t>(i));
    CHECK(lf[i].ids == crlf[i].ids);
    CHECK(original[i].ids == crlf[i].ids);
    CHECK(original[i].label == crlf[i].label);
    CHECK(original[i].cluster == crlf[i].cluster);
  }
  o.max_tokens = 4;
  CHECK(parse_table("7\t" + nested + "\n1\t[MED 2 1 ]\n", o).at(0).label == 1);
  o.max_tokens = 0;
  o.limit = 1;
  CHECK(parse_table("7\t" + nested + "\nnot looked at", o).size() == 1);
}

TEST_CASE("listops: malformed tables are refused with source, line and both values") {
  const auto fault = [](const std::string& lines) {
    return message_of([&] { parse_table("Source\tTarget\r\n3\t3\r\n" + lines); });
  };
  CHECK(contains(message_of([] { parse_table("Target\tSource\n"); }),
                 "'a.tsv' starts with 'Target?Source', expected the header"));
  CHECK(contains(message_of([] { parse_table(""); }), "starts with '', expected the header"));
  CHECK(contains(message_of([] { parse_table("Source\tTarget\r\n"); }), "'a.tsv' has no sample"));
  CHECK(contains(fault("[MIN 1 2 ] 1"), "'a.tsv' line 3: 1 field, expected 2"));
  CHECK(contains(fault("[MIN 1 2 ]\t1\t1"), "line 3: 3 or more fields, expected 2"));
  CHECK(contains(fault("\r\n"), "line 3: 1 field, expected 2"));
  CHECK(contains(fault("[MIN 1 2 ]\t10"), "line 3: label is '10', expected a digit"));
  CHECK(contains(fault("[MIN 1 2 ]\t"), "line 3: label is '', expected a digit"));
  CHECK(contains(fault("[MIN 1 2 ]\t2"), "line 3: label is 2, the expression's value is 1; hint"));
  CHECK(contains(fault("[MIN 1 22 ]\t1"), "line 3: token 2 is '22', expected a digit"));
  CHECK(contains(fault("[AVG 1 2 ]\t1"), "line 3: token 0 is '[AVG', expected a digit"));
  CHECK(contains(fault("[MIN 1 2\t1"), "line 3: token 3 is missing: an operator is not closed"));
  CHECK(contains(fault("( [MIN 1 2 ]\t1"), "line 3: 1 '(' without ')'"));
  CHECK(contains(fault("[MIN 1 2 ] )\t1"), "line 3: ')' without '(' after token 4"));
  CHECK(contains(fault("\t1"), "line 3: token 0 is missing: there is no expression"));
  CHECK(
      contains(fault(std::string(99, 'a') + "\t1"), "is 'aaaaaaaaaaaaaaaaaaaaaaaa...', expected"));
  tasks::listops_file_options o;
  o.max_tokens = 2;
  CHECK(contains(message_of([&] { parse_table("Source\tTarget\n[MIN 1 2 ]\t1\n", o); }),
                 "has no sample of at most 2 tokens in 2 lines"));
  o.max_tokens = -1;
  CHECK(
      contains(message_of([&] { parse_table("Source\tTarget\n3\t3\n", o); }), "max_tokens is -1"));
  CHECK(contains(message_of([] { tasks::read_listops<float>("no/such.tsv"); }), "does not exist"));
  const scratch_table file("Source\tTarget\r\n[MIN 4 5 ]\t5\r\n");
  CHECK(contains(message_of([&] { tasks::read_listops<float>(file.path); }),
                 "attd_test_listops.tsv' line 2: label is 5, the expression's value is 4"));
  o = {};
  o.check_labels = false;
  CHECK(tasks::read_listops<float>(file.path, o).at(0).label == 5);
}

TEST_CASE("listops: baselines predict by majority, root operator, and its digits") {
  examples_type train;
  for (const char* text : {"[MIN 0 1 ]", "[MIN 0 5 ]", "[MIN 3 [MAX 0 0 ] ]", "[MAX 9 8 ]",
                           "[MAX 8 [MIN 9 9 ] ]", "[MIN [MAX 2 1 ] [MAX 2 2 ] ]", "4"}) {
    train.push_back(tasks::listops_example<float>(ids_of(text)));
  }
  const auto b = tasks::fit_listops_baseline(std::span<const tasks::example<float>>(train));
  CHECK(b.labels[0] == 3);
  CHECK(tasks::predict_root_operator(b, ids_of("[MAX 1 1 ]")) == 9);
  CHECK(tasks::predict_root_operator(b, ids_of("[MIN 7 7 ]")) == 0);
  CHECK(tasks::predict_root_operator(b, ids_of("[SM 7 7 ]")) == 0);  // never seen: majority
  CHECK(tasks::predict_root_and_digits(b, ids_of("[MIN 3 [MIN 9 9 ] ]")) == 0);  // as trained
  CHECK(tasks::predict_root_and_digits(b, ids_of("[MIN [MIN 9 9 ] [MIN 9 9 ] ]")) == 2);
  CHECK(tasks::predict_root_and_digits(b, ids_of("[MIN 8 8 ]")) == 0);  // never seen: root
  CHECK(tasks::predict_root_and_digits(b, ids_of("4")) == 4);

  examples_type test;
  for (const char* text : {"[MIN 0 7 ]", "[MAX 9 1 ]", "[MIN [MIN 2 2 ] [MIN 9 9 ] ]", "4"}) {
    test.push_back(tasks::listops_example<float>(ids_of(text)));
  }
  const auto right = tasks::listops_baseline_of(train, test);
  CHECK(right.majority == doctest::Approx(0.25));       // the first
  CHECK(right.root_operator == doctest::Approx(0.75));  // not the third
  CHECK(right.root_and_digits == doctest::Approx(1.0));
  CHECK(contains(message_of([&] { tasks::listops_baseline_of({}, test); }), "of 0 examples"));
  CHECK(contains(message_of([&] { tasks::listops_baseline_of(train, {}); }), "of 0 examples"));
}

TEST_CASE("listops: reference samples are read whole and each label is the expression's value") {
  const std::array<const char*, 3> names{"train", "val", "test"};
  const std::array<std::size_t, 3> counts{4000, 1000, 1000};
  examples_type all;
  std::array<examples_type, 3> parts;
  for (std::size_t p = 0; p < names.size(); ++p) {
    const auto path =
        attd_test::data_file("listops-lra-ref/basic_" + std::string(names[p]) + ".tsv");
    if (!path) return;
    parts[p] = tasks::read_listops<float>(*path);  // throws where a label is another
    CHECK(parts[p].size() == counts[p]);
    all.insert(all.end(), parts[p].begin(), parts[p].end());
  }
  const auto reference = statistics_of(all, 9);
  CHECK(reference.lengths.front() == 501);
  CHECK(reference.lengths.back() == 1999);
  CHECK(std::round(reference.mean) == 1035);
  CHECK(reference.full_depth == 6000);
  CHECK(reference.labels[9] / 6000 == doctest::Approx(0.173).epsilon(0.003));

  const auto generated = statistics_of(tasks::listops_examples<float>({}, 6000), 9);
  CHECK(generated.lengths.front() > 500);
  CHECK(generated.lengths.back() < 2000);
  CHECK(generated.full_depth == 6000);
  // Both are samples of 6000: differences beyond these have a chance of about one in a thousand.
  const double mean_error = std::hypot(reference.deviation, generated.deviation) / std::sqrt(6000);
  CHECK(std::abs(generated.mean - reference.mean) < 3.3 * mean_error);
  CHECK(largest_distance(reference, generated) < 1.95 * std::sqrt(2.0 / 6000));
  CHECK(two_sample_chi_square(reference.labels, generated.labels) < 27.9);        // 9 degrees
  CHECK(two_sample_chi_square(reference.root_args, generated.root_args) < 26.1);  // 8 degrees
  // Six million tokens each; within a sequence they hang together, hence the factor of 2.
  for (std::size_t id = 0; id < 18; ++id) {
    const double share = reference.tokens[id];
    CHECK(std::abs(generated.tokens[id] - share) <= 2 * 3.3 * std::sqrt(2 * share / 6.2e6));
  }
  const auto bars = tasks::listops_baseline_of(parts[0], parts[2]);
  CHECK(bars.majority == doctest::Approx(0.17).epsilon(0.05));
  CHECK(bars.root_operator == doctest::Approx(0.35).epsilon(0.05));
  CHECK(bars.root_and_digits == doctest::Approx(0.47).epsilon(0.05));
}

TEST_CASE("listops: the original data's labels are the values of its expressions") {
  tasks::listops_file_options o;
  o.format = tasks::listops_format::original;
  for (const char* name : {"d8", "d14", "d20", "d20a", "d20s", "d5f", "d5c"}) {
    const auto path = attd_test::data_file("listops-nyu/test_" + std::string(name) + ".tsv");
    if (!path) return;
    CHECK(tasks::read_listops<float>(*path, o).size() == 10000);
  }
}
