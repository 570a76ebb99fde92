// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Whole files: what is read is what was written, and a failed write leaves the old file.
#include <doctest/doctest.h>

#include <attd/io/bytes.hpp>
#include <filesystem>
#include <iterator>
#include <span>
#include <string>
#include <string_view>

#if defined(__unix__) || defined(__APPLE__)
#include <sys/resource.h>

#include <csignal>
#endif

namespace {

namespace fs = std::filesystem;

/// A folder of its own for one test case, removed at its end.
struct scratch_folder {
  fs::path path;
  explicit scratch_folder(const std::string& name)
      : path(fs::temp_directory_path() / ("attd_test_bytes_" + name)) {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;
  ~scratch_folder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  std::ptrdiff_t files() const {
    return std::distance(fs::directory_iterator(path), fs::directory_iterator());
  }
};

template <class Action>
std::string bytes_message(const Action& action) {
  try {
    action();
  } catch (const attd::error& problem) {
    return problem.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("file: bytes come back as they were written, at sizes around the chunk") {
  const scratch_folder folder("round");
  const fs::path path = folder.path / "a.bin";
  for (const std::size_t size : {0u, 1u, 65535u, 65536u, 65537u, 200000u}) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 31 % 256);
    attd::io::write_file_atomic(path, text);
    CHECK(attd::io::read_text_file(path) == text);
    CHECK(attd::io::read_file(path).size() == size);
  }
  CHECK(folder.files() == 1);
}

TEST_CASE("file: pieces are written one after the other") {
  const scratch_folder folder("pieces");
  const std::string_view a = "abc", b = "", c = "de";
  const auto bytes = [](std::string_view text) {
    return std::as_bytes(std::span(text.data(), text.size()));
  };
  const std::span<const std::byte> pieces[] = {bytes(a), bytes(b), bytes(c)};
  attd::io::write_file_atomic(folder.path / "a", std::span(pieces));
  CHECK(attd::io::read_text_file(folder.path / "a") == "abcde");
}

TEST_CASE("file: a leftover temporary file is neither used nor touched") {
  const scratch_folder folder("leftover");
  attd::io::write_file_atomic(folder.path / "a.tmp0", std::string_view("left"));
  attd::io::write_file_atomic(folder.path / "a", std::string_view("new"));
  CHECK(attd::io::read_text_file(folder.path / "a") == "new");
  CHECK(attd::io::read_text_file(folder.path / "a.tmp0") == "left");
  CHECK(folder.files() == 2);
}

TEST_CASE("file: a symbolic link stays a link and its target is replaced") {
  const scratch_folder folder("link");
  attd::io::write_file_atomic(folder.path / "target", std::string_view("old"));
  fs::create_symlink("target", folder.path / "link");
  attd::io::write_file_atomic(folder.path / "link", std::string_view("new"));
  CHECK(fs::is_symlink(folder.path / "link"));
  CHECK(attd::io::read_text_file(folder.path / "target") == "new");
}

TEST_CASE("file: reading names the path and what is wrong") {
  const scratch_folder folder("errors");
  const std::string here = folder.path.string();
  CHECK(bytes_message([&] { attd::io::read_file(folder.path); }) ==
        "attd: file: '" + here + "' is a directory, expected a file");
  CHECK(bytes_message([&] {
          attd::io::read_file(folder.path / "x");
        }).starts_with("attd: file: '" + here + "/x' does not exist; hint: "));
  attd::io::write_file_atomic(folder.path / "a", std::string_view("12345"));
  CHECK(bytes_message([&] { attd::io::read_file(folder.path / "a", 4); }) ==
        "attd: file: '" + here + "/a' has 5 bytes or more, the limit is 4");
  CHECK(attd::io::read_file(folder.path / "a", 5).size() == 5);
}

TEST_CASE("file: writing where it cannot be done names the path and leaves nothing") {
  const scratch_folder folder("refused");
  const std::string here = folder.path.string();
  CHECK(bytes_message([&] { attd::io::write_file_atomic(folder.path, std::string_view("x")); }) ==
        "attd: file: '" + here + "' exists and is not a regular file; hint: name a file to write");
  CHECK(bytes_message([&] {
          attd::io::write_file_atomic(folder.path / "no" / "a", std::string_view("x"));
        }).starts_with("attd: file: '" + here + "/no/a' cannot be written, "));
  CHECK(folder.files() == 0);
}

#if defined(__unix__) || defined(__APPLE__)
TEST_CASE("file: a write that fails half way keeps the old file and removes the new one") {
  const scratch_folder folder("half");
  const fs::path path = folder.path / "a";
  attd::io::write_file_atomic(path, std::string_view("old"));
  // A limit on file sizes stands for a full disk.
  const auto signal_before = std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
  rlimit small = before;
  small.rlim_cur = 1000;
  REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
  const std::string text =
      bytes_message([&] { attd::io::write_file_atomic(path, std::string(100000, 'x')); });
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, signal_before);
  CHECK(text == "attd: file: '" + path.string() + "' cannot be written: File too large");
  CHECK(attd::io::read_text_file(path) == "old");
  CHECK(folder.files() == 1);
}
#endif
