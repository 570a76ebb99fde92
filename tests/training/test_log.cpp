// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The training log: what its readers see, and that no kill loses or doubles a step.
#include <doctest/doctest.h>

#include <attd/io/csv.hpp>
#include <attd/training/log.hpp>
#include <attd/training/prefetch.hpp>
#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#if defined(__unix__)
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

namespace io = attd::io;
using attd::index_t;
using attd::training::log_format;
using attd::training::training_log;
using std::string;
using std::vector;

namespace {

const double beyond = std::numeric_limits<double>::infinity();
const double no_number = std::numeric_limits<double>::quiet_NaN();
constexpr log_format both_formats[] = {log_format::csv, log_format::json_lines};
const vector<string> two_columns{"loss", "rate"};

/// A file that is not there at the beginning, nor at the end.
struct log_file {
  std::filesystem::path path;
  explicit log_file(const char* name) : path(name) { std::filesystem::remove(path); }
  log_file(const log_file&) = delete;
  log_file& operator=(const log_file&) = delete;
  ~log_file() {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
  }
  string text() const { return io::read_text_file(path); }
  void put(const string& content) const { io::write_file_atomic(path, content); }
};

/// The row of a step in the runs of these tests.
void write_row(training_log& log, index_t step) {
  log.write(step, {1 / static_cast<double>(step + 1), 0.1});
}

/// The file of a run from step 0 to `end` that nobody interrupts.
string straight_run(log_format format, index_t end) {
  const log_file file("test_log_straight.txt");
  training_log log = training_log::create(file.path, two_columns, format);
  for (index_t step = 0; step <= end; ++step) write_row(log, step);
  return file.text();
}

template <class Call>
string objection_of(Call call) {
  try {
    call();
  } catch (const attd::error& caught) {
    return caught.what();
  }
  return "";
}

}  // namespace

TEST_CASE("log: CSV has a header and the shortest digits that read back the same") {
  const log_file file("test_log_a.csv");
  training_log log = training_log::create(file.path, two_columns);
  log.write(0, {0.1, 1});
  log.write(12, {1e-300, -2.5});
  log.write(13, {no_number, beyond});
  CHECK(file.text() == "step,loss,rate\n0,0.1,1\n12,1e-300,-2.5\n13,NaN,NaN\n");
  const io::csv_table table = io::read_csv(file.path);
  CHECK(table.column("step") == vector<double>{0, 12, 13});
  CHECK(table.column("loss")[1] == 1e-300);
  CHECK(std::isnan(table.column("rate")[2]));
  CHECK(log.last_step() == 13);
  CHECK(log.columns() == two_columns);
}

TEST_CASE("log: JSON lines are valid JSON whatever the numbers") {
  const log_file file("test_log_a.jsonl");
  training_log log = training_log::create(file.path, two_columns, log_format::json_lines);
  log.write(7, {0.1, 1e22});
  log.write(8, {no_number, -beyond});
  log.write(9, {std::numeric_limits<double>::denorm_min(), std::numeric_limits<double>::max()});
  CHECK(
      file.text().starts_with("{\"step\":7,\"loss\":0.1,\"rate\":1e+22}\n"
                              "{\"step\":8,\"loss\":null,\"rate\":null}\n"));
  std::istringstream lines(file.text());
  string line;
  vector<nlohmann::json> rows;
  while (std::getline(lines, line)) rows.push_back(nlohmann::json::parse(line));
  REQUIRE(rows.size() == 3);
  CHECK(rows[0]["step"] == 7);
  CHECK(rows[0]["loss"] == 0.1);
  CHECK(rows[1]["rate"].is_null());
  CHECK(rows[2]["loss"] == std::numeric_limits<double>::denorm_min());
  CHECK(rows[2]["rate"] == std::numeric_limits<double>::max());
}

TEST_CASE("log: names with quotes, commas and letters of any language come back") {
  const vector<string> names{"a \"b\"", "x\\y", "p,q}",
                             "gr\xc3\xb6\xc3\x9f"
                             "e",
                             "s;t"};
  const log_file csv("test_log_names.csv"), json("test_log_names.jsonl");
  training_log::create(csv.path, names).write(1, {1, 2, 3, 4, 5});
  training_log::create(json.path, names, log_format::json_lines).write(1, {1, 2, 3, 4, 5});
  const io::csv_table table = io::read_csv(csv.path, {.separator = ','});
  const auto row = nlohmann::json::parse(json.text());
  for (std::size_t i = 0; i < names.size(); ++i) {
    CHECK(table.column(names[i]) == vector<double>{static_cast<double>(i + 1)});
    CHECK(row[names[i]] == static_cast<double>(i + 1));
  }
  // And such a log can be resumed.
  CHECK(training_log::resume(csv.path, names, 1).last_step() == 1);
  CHECK(training_log::resume(json.path, names, 1, log_format::json_lines).last_step() == 1);
}

TEST_CASE("log: resuming drops the rows after the step and writes them again once") {
  for (const log_format format : both_formats) {
    const string whole = straight_run(format, 9);
    for (index_t step = 0; step <= 10; ++step) {
      CAPTURE(step);
      const log_file file("test_log_resume.txt");
      file.put(whole);
      training_log log = training_log::resume(file.path, two_columns, step, format);
      CHECK(log.last_step() == std::min<index_t>(step, 9));
      CHECK(file.text() == straight_run(format, std::min<index_t>(step, 9)));
      for (index_t next = step + 1; next <= 9; ++next) write_row(log, next);
      CHECK(file.text() == whole);
    }
  }
}

TEST_CASE("log: cut off at any byte after the step of the checkpoint, it becomes whole again") {
  for (const log_format format : both_formats) {
    const string whole = straight_run(format, 6);
    const std::size_t saved = straight_run(format, 4).size();  // synced before the checkpoint
    for (std::size_t size = saved; size <= whole.size(); ++size) {
      CAPTURE(size);
      const log_file file("test_log_cut.txt");
      file.put(whole.substr(0, size));
      training_log log = training_log::resume(file.path, two_columns, 4, format);
      for (index_t next = 5; next <= 6; ++next) write_row(log, next);
      CHECK(file.text() == whole);
    }
    // Cut before it, rows are missing for good, but what follows is readable.
    const log_file file("test_log_cut.txt");
    file.put(whole.substr(0, straight_run(format, 2).size() + 3));
    training_log log = training_log::resume(file.path, two_columns, 4, format);
    CHECK(log.last_step() == 2);
    write_row(log, 5);
    CHECK(file.text().starts_with(straight_run(format, 2)));
    CHECK(training_log::resume(file.path, two_columns, 5, format).last_step() == 5);
  }
}

#if defined(__unix__)
TEST_CASE("log: a program that is killed while it writes resumes without a gap or a double") {
  const log_file file("test_log_killed.csv");
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    training_log log = training_log::create(file.path, two_columns);
    for (index_t step = 0;; ++step) {
      write_row(log, step);
      if (step == 20) {
        log.sync();
        if (::write(ready[1], "x", 1) != 1) ::_exit(1);
      }
    }
  }
  char saved = 0;
  REQUIRE(::read(ready[0], &saved, 1) == 1);
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(WIFSIGNALED(status));
  ::close(ready[0]);
  ::close(ready[1]);
  training_log log = training_log::resume(file.path, two_columns, 20);
  CHECK(log.last_step() == 20);
  for (index_t step = 21; step <= 30; ++step) write_row(log, step);
  CHECK(file.text() == straight_run(log_format::csv, 30));
}

TEST_CASE("log: a row that cannot be written is an error, and no row follows a part of one") {
  const log_file file("test_log_full.csv");
  training_log log = training_log::create(file.path, two_columns);
  write_row(log, 0);
  const string before = file.text();
  rlimit old{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &old) == 0);
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);  // an error of the write instead of an end
  const rlimit small{before.size() + 3, old.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  const string said = objection_of([&] { write_row(log, 1); });
  ::setrlimit(RLIMIT_FSIZE, &old);
  ::signal(SIGXFSZ, handler);
  CHECK(said.find("cannot be written at step 1: ") != string::npos);
  CHECK(file.text() == before + "1,0");  // as far as it went
  CHECK(objection_of([&] { write_row(log, 2); }).find("at step 2: an earlier row") != string::npos);
  CHECK(file.text() == before + "1,0");
  training_log again = training_log::resume(file.path, two_columns, 0);
  write_row(again, 1);
  CHECK(file.text() == straight_run(log_format::csv, 1));
}
#endif

namespace {

/// The loop of docs/reference/training_log.md; `stop` is where the program is killed.
void run_loop(const std::filesystem::path& path, index_t& saved, index_t last, index_t stop) {
  using attd::training::prefetcher;
  using batch = vector<double>;
  const auto make_batch = [](index_t i) { return batch(3, 1 / static_cast<double>(i + 1)); };
  index_t step = saved;
  const auto train_on = [&](const batch& b) {
    if (step + 1 == stop && stop % 5 != 0) throw std::runtime_error("killed");
    return b[0] + b[1] + b[2];
  };
  const auto save_checkpoint = [&](index_t at) {
    if (at == stop) throw std::runtime_error("killed");  // after the row was written
    saved = at;
  };

  training_log log = training_log::resume(path, {"loss", "rate"}, step);
  prefetcher<batch> batches(make_batch, {.first = step});
  while (step < last) {
    const double loss = train_on(batches.next());
    log.write(++step, {loss, 1e-3});
    if (step % 5 == 0) {
      log.sync();
      save_checkpoint(step);
    }
  }
}

}  // namespace

TEST_CASE("log: log, data and checkpoint go on together wherever the loop is stopped") {
  const log_file straight("test_log_loop.csv");
  index_t never_stopped = 0;
  run_loop(straight.path, never_stopped, 20, -1);
  for (index_t stop = 1; stop <= 20; ++stop) {
    CAPTURE(stop);
    const log_file file("test_log_loop_stopped.csv");
    index_t saved = 0;
    CHECK_THROWS_AS(run_loop(file.path, saved, 20, stop), std::runtime_error);
    CHECK(saved == (stop - 1) / 5 * 5);
    run_loop(file.path, saved, 20, -1);
    CHECK(file.text() == straight.text());
  }
}

TEST_CASE("log: a new log replaces an old one, a resumed one may be missing or empty") {
  const log_file file("test_log_new.csv");
  file.put("something else");
  {
    training_log::create(file.path, two_columns);
  }
  CHECK(file.text() == "step,loss,rate\n");
  CHECK(training_log::resume(file.path, two_columns, 5).last_step() == -1);
  for (const log_format format : both_formats) {
    const log_file gone("test_log_gone.txt");
    training_log log = training_log::resume(gone.path, two_columns, 5, format);
    write_row(log, 6);
    CHECK(training_log::resume(gone.path, two_columns, 9, format).last_step() == 6);
    gone.put("");
    write_row(log = training_log::resume(gone.path, two_columns, 5, format), 7);
    CHECK(training_log::resume(gone.path, two_columns, 9, format).last_step() == 7);
  }
}

TEST_CASE("log: a file that is no such log is refused and stays as it is") {
  const vector<string> foreign_csv{
      "step,loss\n1,2\n",               // other columns
      "step,loss,rate",                 // a header without its line end
      "step,loss,rate\n1,2\n",          // a number is missing
      "step,loss,rate\n1,2,3,4\n",      // one too many
      "step,loss,rate\nx,2,3\n",        // no step
      "step,loss,rate\n-1,2,3\n",       // not from this class
      "step,loss,rate\n4,2,3\n4,5,6\n"  // twice the same
  };
  for (const string& text : foreign_csv) {
    CAPTURE(text);
    const log_file file("test_log_foreign.csv");
    file.put(text);
    CHECK(objection_of([&] {
            training_log::resume(file.path, two_columns, 9);
          }).find("attd: log: 'test_log_foreign.csv'") == 0);
    CHECK(file.text() == text);
  }
  const vector<string> foreign_json{
      "step,loss,rate\n1,2,3\n",
      "{\"step\":1,\"loss\":2}\n",
      "{\"step\":1,\"rate\":2,\"loss\":3}\n",
      "{\"step\":1,\"loss\":2,\"rate\":3,\"x\":4}\n",
      "{\"step\":1,\"loss\":2,\"rate\":3\n",
      "{\"step\":null,\"loss\":2,\"rate\":3}\n",
  };
  for (const string& text : foreign_json) {
    CAPTURE(text);
    const log_file file("test_log_foreign.jsonl");
    file.put(text);
    const string said = objection_of(
        [&] { training_log::resume(file.path, two_columns, 9, log_format::json_lines); });
    CHECK(said.find("line 1 is '") != string::npos);
    CHECK(file.text() == text);
  }
}

TEST_CASE("log: bad names, rows and places are refused with both values and a hint") {
  const log_file file("test_log_bad.csv");
  for (const char* name : {"", "step", "loss", "a\nb", "\xff"}) {
    CAPTURE(name);
    const string said = objection_of([&] { training_log::create(file.path, {"loss", name}); });
    CHECK(said.find("column 2 of 2") != string::npos);
    CHECK(said.find("; hint: ") != string::npos);
    CHECK_FALSE(std::filesystem::exists(file.path));
  }
  training_log log = training_log::create(file.path, two_columns);
  CHECK(objection_of([&] { log.write(1, {0.5}); }).find("has 1 values, expected 2; hint") !=
        string::npos);
  log.write(3, {1, 2});
  for (const index_t step : {3, 2, -1})
    CHECK(objection_of([&] { log.write(step, {1, 2}); }).find("after step 3") != string::npos);
  CHECK(file.text() == "step,loss,rate\n3,1,2\n");
  CHECK(objection_of([&] { training_log::resume(file.path, two_columns, -1); }).find("is -1") !=
        string::npos);
  CHECK(objection_of([&] {
          training_log::create("no_such_folder/x.csv", two_columns);
        }).find("no_such_folder/x.csv") != string::npos);
}
