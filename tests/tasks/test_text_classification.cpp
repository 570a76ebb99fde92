// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Labelled texts: tables and their errors, cuts, choices by seed, reviews as they are.
#include <doctest/doctest.h>

#include <algorithm>
#include <attd/tasks/observe.hpp>
#include <attd/tasks/text_classification.hpp>
#include <set>
#include <string>
#include <vector>

#include "support/data.hpp"
#include "tasks/checks.hpp"

namespace tasks = attd::tasks;
using attd::index_t;
using attd_test::contains;
using attd_test::message_of;

namespace {

std::vector<tasks::labelled_text> parse_reviews(const std::string& table) {
  return tasks::parse_labelled_texts(table, "a.tsv");
}

/// `negative` texts "n<id>" and `positive` texts "p<id>".
std::vector<tasks::labelled_text> made_texts(index_t negative, index_t positive) {
  std::vector<tasks::labelled_text> texts;
  for (index_t i = 0; i < negative; ++i) texts.push_back({0, 1, i, "n" + std::to_string(i)});
  for (index_t i = 0; i < positive; ++i) texts.push_back({1, 10, i, "p" + std::to_string(i)});
  return texts;
}

std::string review_text(const tasks::example<float>& e) {
  std::string text;
  for (index_t id : e.ids) text += static_cast<char>(id);
  return text;
}

std::vector<std::string> chosen_texts(const std::vector<tasks::labelled_text>& texts,
                                      const tasks::text_classification_options& o) {
  std::vector<std::string> all;
  for (const auto& e : tasks::text_classification_examples<float>(texts, o)) {
    all.push_back(review_text(e));
  }
  return all;
}

index_t positive_count(const std::vector<std::string>& texts) {
  return std::count_if(texts.begin(), texts.end(), [](const auto& t) { return t[0] == 'p'; });
}

}  // namespace

TEST_CASE(
    "text classification: lines are label, rating, id and text, tabs in the text are its own") {
  const auto texts = parse_reviews("0\t4\t17\ta\tb \xff<br />\n1\t10\t5\tgood\r\n1\t7\t0\tlast");
  REQUIRE(texts.size() == 3);
  CHECK(texts[0].label == 0);
  CHECK(texts[0].rating == 4);
  CHECK(texts[0].id == 17);
  CHECK(texts[0].text == "a\tb \xff<br />");
  CHECK(texts[1].text == "good");
  CHECK(texts[2].label == 1);
  CHECK(texts[2].text == "last");
}

TEST_CASE("text classification: malformed lines are refused with source, line and value") {
  const auto fault = [](const std::string& line) {
    return message_of([&] { parse_reviews("0\t1\t1\tfine\n" + line); });
  };
  CHECK(contains(message_of([] { parse_reviews(""); }), "'a.tsv' is empty"));
  CHECK(contains(fault("0\t1\tno text\n"), "'a.tsv' line 2: 3 fields, expected 4"));
  CHECK(contains(fault("\n"), "line 2: 1 fields, expected 4"));
  CHECK(contains(fault("2\t1\t1\tx\n"), "line 2: label is '2', expected a number 0 .. 1"));
  CHECK(contains(fault("0\t11\t1\tx\n"), "line 2: rating is '11', expected a number 1 .. 10"));
  CHECK(contains(fault("0\t1\t-1\tx\n"), "line 2: id is '-1', expected a number 0 .."));
  CHECK(contains(fault("0\t1\t1x\tx\n"), "line 2: id is '1x', expected"));
  CHECK(contains(fault("0\t1\t1\t\n"), "line 2: the text is empty"));
  CHECK(contains(message_of([] { tasks::read_labelled_texts("no/such.tsv"); }), "does not exist"));
}

TEST_CASE("text classification: examples hold the first bytes, and adaptation sees them all") {
  tasks::text_classification_options o;
  o.balanced = o.shuffled = false;
  o.max_length = 3;
  o.cluster_ids = 10;
  const std::vector<tasks::labelled_text> texts{{1, 9, 25,
                                                 "\xc3\xa9"
                                                 "ab"},
                                                {0, 2, 4, "no"}};
  const auto examples = tasks::text_classification_examples<double>(texts, o);
  REQUIRE(examples.size() == 2);
  CHECK(examples[0].ids == std::vector<index_t>{0xc3, 0xa9, 'a'});
  CHECK(examples[0].label == 1);
  CHECK(examples[0].cluster == 5);
  CHECK(examples[1].cluster == 0);
  CHECK(examples[1].length() == 2);
  CHECK(tasks::observe(examples[1]).ids.size() == 2);
  CHECK(examples[1].target.empty());
}

TEST_CASE("text classification: choices are functions of the seed with equal shares of classes") {
  const auto texts = made_texts(60, 40);
  tasks::text_classification_options o;
  CHECK(chosen_texts(texts, o).size() == 80);
  CHECK(positive_count(chosen_texts(texts, o)) == 40);
  o.limit = 20;
  const auto twenty = chosen_texts(texts, o);
  CHECK(twenty.size() == 20);
  CHECK(positive_count(twenty) == 10);
  CHECK(chosen_texts(texts, o) == twenty);
  CHECK(std::set<std::string>(twenty.begin(), twenty.end()).size() == 20);
  CHECK(!std::is_sorted(twenty.begin(), twenty.end()));  // classes mixed
  o.limit = 40;
  const auto forty = chosen_texts(texts, o);
  for (const auto& text : twenty) CHECK(std::count(forty.begin(), forty.end(), text) == 1);
  o.limit = 20;
  o.seed = 1;
  CHECK(chosen_texts(texts, o) != twenty);
  o.shuffled = false;
  const auto first = chosen_texts(texts, o);
  CHECK(first[0] == "n0");
  CHECK(first[9] == "n9");
  CHECK(first[10] == "p0");
  o.balanced = false;
  CHECK(positive_count(chosen_texts(texts, o)) == 0);
  o.limit = 0;
  CHECK(chosen_texts(texts, o).size() == 100);
}

TEST_CASE("text classification: choices that cannot be made are refused with both values") {
  const auto fault = [](auto change, index_t negative, index_t count) {
    tasks::text_classification_options o;
    change(o);
    return message_of([&] { chosen_texts(made_texts(negative, count), o); });
  };
  CHECK(contains(fault([](auto& o) { o.max_length = 0; }, 1, 1), "max_length is 0, expected"));
  CHECK(contains(fault([](auto& o) { o.cluster_ids = 0; }, 1, 1), "cluster_ids is 0, expected"));
  CHECK(contains(fault([](auto& o) { o.limit = 3; }, 5, 5), "limit is 3, expected 0 or an even"));
  CHECK(contains(fault([](auto& o) { o.limit = 4; }, 5, 1),
                 "5 texts of class 0 and 1 of class 1, expected at least 2 of either"));
  CHECK(contains(fault([](auto&) {}, 5, 0), "expected at least 1 of either"));
  CHECK(contains(fault(
                     [](auto& o) {
                       o.balanced = false;
                       o.limit = 7;
                     },
                     5, 1),
                 "5 texts of class 0 and 1 of class 1, expected at least 7 together"));
  CHECK(contains(message_of([] { chosen_texts({{2, 1, 0, "x"}}, {}); }),
                 "label is 2, expected 0 or 1"));
}

TEST_CASE("text classification: the reviews are read byte for byte, half of them positive") {
  for (const char* name : {"train", "test"}) {
    const auto path = attd_test::data_file("imdb/" + std::string(name) + ".tsv");
    if (!path) return;
    const auto texts = tasks::read_labelled_texts(*path);
    REQUIRE(texts.size() == 5000);
    index_t good = 0, agree = 0, multiples = 0;
    std::size_t text_bytes = 0, longest = 0;
    for (const auto& one : texts) {
      good += one.label;
      agree += one.label == 1 ? one.rating >= 7 : one.rating <= 4;
      multiples += one.id % 5 == 0;
      text_bytes += one.text.size();
      longest = std::max(longest, one.text.size());
    }
    CHECK(good == 2500);
    CHECK(agree == 5000);
    CHECK(multiples == 5000);
    // What is not text: labels and ratings, ids, three tabs and the line end.
    std::size_t rest = 0;
    for (const auto& one : texts) {
      rest += 1 + std::to_string(one.rating).size() + std::to_string(one.id).size() + 4;
    }
    CHECK(text_bytes + rest == std::filesystem::file_size(*path));
    const auto examples = tasks::read_text_classification<float>(*path);
    CHECK(examples.size() == 5000);
    index_t full = 0, half = 0;
    for (const auto& e : examples) {
      full += e.length() == 4096;
      half += e.length() >= 1024;
    }
    CHECK(longest > 4096);
    if (std::string(name) == "train") {
      CHECK(full == 138);
      CHECK(half == 2345);
    }
  }
}
