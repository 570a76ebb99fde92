// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// A log of training as CSV or JSON lines, one row a step, that survives being killed.
#pragma once

#include <algorithm>
#include <array>
#include <attd/config.hpp>
#include <attd/error.hpp>
#include <attd/io/bytes.hpp>
#include <attd/io/names.hpp>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace attd::training {

/// How the rows of a log are written.
enum class log_format {
  csv,         ///< a header line, then `12,0.5,NaN`
  json_lines,  ///< `{"step":12,"loss":0.5,"rate":null}`, one object a line
};

namespace detail {

/// The shortest digits that read back as the same number, whatever the locale.
template <class N>
void append_number(std::string& to, N value) {
  std::array<char, 32> text{};
  to.append(text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr);
}

inline void append_json_string(std::string& to, std::string_view text) {
  to += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') to += '\\';
    to += c;  // control bytes were refused with the name
  }
  to += '"';
}

inline void append_csv_cell(std::string& to, std::string_view text) {
  if (text.find_first_of(",;\t\" ") == std::string_view::npos) {
    to += text;
    return;
  }
  to += '"';
  for (const char c : text) {
    if (c == '"') to += '"';
    to += c;
  }
  to += '"';
}

}  // namespace detail

/// Writes one row of numbers per step: first the step, then one number per column.
///
/// *Format*: every number with the shortest digits that read back as the same double. A number that
/// is not finite is missing: `NaN` in CSV (as `attd/io/csv.hpp` reads it), `null` in JSON. See
/// docs/reference/training_log.md.
///
/// *Killed at any moment*: a row is one write to the system, so a kill leaves whole rows and at
/// most one part of a row at the end. Order of things in a training loop: `write(step, ...)`,
/// `sync()`, then save the checkpoint of that step. `resume` with the checkpoint's step then drops
/// the part and all rows after that step, and the resumed run writes them again: no step is missing
/// and none is there twice.
///
/// *Cost*: O(columns) and one system call a row; allocates nothing after the first row. One writer
/// a file. *Errors*: `attd::error` naming the path: what cannot be opened or written, a row with
/// another number of values, a step that is not above the one before.
/// *See*: checkpoint.hpp, which says where to resume.
class training_log {
 public:
  /// A new log, in place of any file that is there.
  /// *Errors*: also for names that are empty, twice the same, `step`, not UTF-8, or that hold
  /// control characters.
  static training_log create(const std::filesystem::path& path, std::vector<std::string> columns,
                             log_format format = log_format::csv) {
    training_log log(path, std::move(columns), format);
    io::write_file_atomic(path, log.header());
    log.open();
    return log;
  }

  /// Goes on with the log of a run that was saved after `step` steps: keeps the rows up to that
  /// step, drops the rest (by a temporary file that takes the name when it is complete). A file
  /// that is not there, or is empty, is begun. *Cost*: reads the file. *Errors*: also for a file
  /// with other columns or rows that no `training_log` of this format writes; it is then untouched.
  static training_log resume(const std::filesystem::path& path, std::vector<std::string> columns,
                             index_t step, log_format format = log_format::csv) {
    training_log log(path, std::move(columns), format);
    if (step < 0) fail("log: step to resume is ", step, ", expected at least 0");
    std::string text;
    if (std::filesystem::exists(path)) text = io::read_text_file(path);
    if (text.empty()) {
      io::write_file_atomic(path, log.header());
    } else {
      const std::size_t kept = log.kept_bytes(text, step);
      if (kept < text.size()) io::write_file_atomic(path, std::string_view(text).substr(0, kept));
    }
    log.open();
    return log;
  }

  /// Appends a row and hands it to the system.
  void write(index_t step, std::span<const double> values) {
    if (values.size() != columns_.size())
      fail("log: ", shown(), " step ", step, " has ", values.size(), " values, expected ",
           columns_.size(), "; hint: one per column, the step apart");
    if (step <= last_)
      fail("log: ", shown(), " got step ", step, " after step ", last_,
           ", expected a later one; hint: open with training_log::resume to go on");
    line_.clear();
    const bool csv = format_ == log_format::csv;
    if (!csv) line_ += json_start;
    detail::append_number(line_, step);
    for (std::size_t i = 0; i < values.size(); ++i) {
      line_ += csv ? std::string_view(",") : std::string_view(keys_[i]);
      if (std::isfinite(values[i]))
        detail::append_number(line_, values[i]);
      else
        line_ += csv ? "NaN" : "null";
    }
    line_ += csv ? "\n" : "}\n";
    errno = 0;
    if (!file_ || std::fwrite(line_.data(), 1, line_.size(), file_.get()) != line_.size() ||
        std::fflush(file_.get()) != 0) {
      const std::string why = file_ ? io::detail::reason(errno) : "an earlier row could not be";
      file_.reset();  // another row after a part of this one would make the file unreadable
      fail("log: ", shown(), " cannot be written at step ", step, ": ", why);
    }
    last_ = step;
  }
  void write(index_t step, std::initializer_list<double> values) {
    write(step, std::span<const double>(values.begin(), values.size()));
  }

  /// Returns when all rows are on the disk, so that not even a power failure loses them. Call it
  /// before the checkpoint of the same step.
  void sync() {
#if defined(__unix__) || defined(__APPLE__)
    errno = 0;
    if (file_ && ::fsync(::fileno(file_.get())) != 0 &&
        errno != EINVAL)  // pipes and terminals have no disk
      fail("log: ", shown(), " cannot be written to the disk: ", io::detail::reason(errno));
#endif
  }

  const std::vector<std::string>& columns() const { return columns_; }
  /// The last step written or kept; -1 where there is none.
  index_t last_step() const { return last_; }

 private:
  static constexpr std::string_view json_start = "{\"step\":";

  training_log(const std::filesystem::path& path, std::vector<std::string> columns,
               log_format format)
      : path_(path), columns_(std::move(columns)), format_(format) {
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      check_name(i);
      keys_.emplace_back(",");
      detail::append_json_string(keys_.back(), columns_[i]);
      keys_.back() += ':';
    }
  }

  void check_name(std::size_t i) const {
    const std::string& name = columns_[i];
    const char* fault = nullptr;
    if (name.empty()) fault = "is empty";
    if (name == "step") fault = "is taken by the first column";
    if (std::find(columns_.begin(), columns_.begin() + static_cast<index_t>(i), name) !=
        columns_.begin() + static_cast<index_t>(i))
      fault = "is there twice";
    for (std::size_t at = 0; at < name.size();) {
      const std::size_t size = io::detail::utf8_letter(std::string_view(name).substr(at));
      const auto byte = static_cast<unsigned char>(name[at]);
      if (size == 0) fault = "is not UTF-8";
      if (byte < 0x20 || byte == 0x7f) fault = "holds a control character";
      at += std::max<std::size_t>(size, 1);
    }
    if (fault != nullptr)
      fail("log: ", shown(), " column ", i + 1, " of ", columns_.size(), ", ",
           io::detail::in_quotes(name), ", ", fault, "; hint: a short word such as loss");
  }

  std::string shown() const { return "'" + path_.string() + "'"; }

  std::string header() const {
    if (format_ == log_format::json_lines) return {};
    std::string text = "step";
    for (const std::string& name : columns_) {
      text += ',';
      detail::append_csv_cell(text, name);
    }
    return text + "\n";
  }

  /// How much of the text stays: header and whole rows up to `step`.
  std::size_t kept_bytes(const std::string& text, index_t step) {
    const std::string head = header();
    if (!text.starts_with(head))
      fail("log: ", shown(), " begins with ",
           io::detail::in_quotes(text.substr(0, text.find('\n')), 100), ", expected ",
           io::detail::in_quotes(head.substr(0, head.size() - 1), 100),
           "; hint: is it the log of another run, or of other columns?");
    std::size_t kept = head.size();
    index_t line = head.empty() ? 0 : 1;
    for (std::size_t at = kept; at < text.size();) {
      const std::size_t end = text.find('\n', at);
      if (end == std::string::npos) break;  // the part of a row that a kill left
      ++line;
      const index_t found = step_of(std::string_view(text).substr(at, end - at), line);
      if (found > step) break;
      if (found <= last_)
        fail("log: ", shown(), " line ", line, " has step ", found, " after step ", last_,
             ", expected a later one; hint: do two programs write it?");
      last_ = found;
      at = kept = end + 1;
    }
    return kept;
  }

  /// The step of a row. Its other numbers are not looked at, but that they belong to these columns.
  index_t step_of(std::string_view row, index_t line) const {
    std::string_view rest = row;
    const bool csv = format_ == log_format::csv;
    bool good = csv || (rest.starts_with(json_start) && rest.ends_with('}'));
    if (good && !csv) rest.remove_prefix(json_start.size());
    index_t step = 0;
    const auto [end, problem] = std::from_chars(rest.data(), rest.data() + rest.size(), step);
    good = good && problem == std::errc();
    if (good) {
      rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
      for (const std::string& key : keys_) {  // the next separator, then what is between
        const std::string_view before = csv ? std::string_view(",") : std::string_view(key);
        good = good && rest.starts_with(before);
        if (!good) break;
        rest.remove_prefix(before.size());
        rest.remove_prefix(std::min(rest.find_first_of(",}"), rest.size()));
      }
      good = good && rest == (csv ? "" : "}");
    }
    if (!good)
      fail("log: ", shown(), " line ", line, " is ", io::detail::in_quotes(row, 100),
           ", expected a step and ", columns_.size(),
           " numbers; hint: is it the log of another run, or of another format?");
    return step;
  }

  void open() {
    errno = 0;
    file_.reset(std::fopen(path_.string().c_str(), "ab"));
    if (!file_) fail("log: ", shown(), " cannot be opened: ", io::detail::reason(errno));
  }

  std::filesystem::path path_;
  std::vector<std::string> columns_;
  log_format format_;
  std::vector<std::string> keys_;  // `,"loss":`
  io::detail::file_handle file_;
  std::string line_;
  index_t last_ = -1;
};

}  // namespace attd::training
