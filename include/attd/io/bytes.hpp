// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Whole files as bytes: reading with clear errors, writing so that nothing is ever half-written.
#pragma once

#include <attd/config.hpp>
#include <attd/error.hpp>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#if defined(__unix__) || defined(__APPLE__)
#include <unistd.h>
#endif

namespace attd::io {

/// The largest file that the readers take unless told otherwise: 16 GiB.
inline constexpr std::uint64_t default_max_file_bytes = std::uint64_t{1} << 34;

namespace detail {

struct close_file {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using file_handle = std::unique_ptr<std::FILE, close_file>;

inline std::string reason(int error_number) {
  return std::error_code(error_number, std::generic_category()).message();
}

/// Reads until the end rather than trusting the size that the system names, so that pipes
/// (`/dev/stdin`, a shell's `<(...)`) work as well.
template <class Bytes>
Bytes read_whole_file(const std::filesystem::path& path, std::uint64_t max_bytes) {
  namespace fs = std::filesystem;
  const std::string shown = "'" + path.string() + "'";
  std::error_code problem;
  const fs::file_status status = fs::status(path, problem);
  if (status.type() == fs::file_type::not_found) {
    fail("file: ", shown, " does not exist; hint: relative paths start at ",
         fs::current_path(problem).string());
  }
  if (fs::is_directory(status)) fail("file: ", shown, " is a directory, expected a file");

  const file_handle file(std::fopen(path.string().c_str(), "rb"));
  if (!file) fail("file: ", shown, " cannot be opened: ", reason(errno));

  const auto check_size = [&](std::uint64_t size) {
    if (size <= max_bytes) return;
    fail("file: ", shown, " has ", size, " bytes or more, the limit is ", max_bytes);
  };
  constexpr std::size_t chunk = std::size_t{1} << 16;
  Bytes bytes;
  if (fs::is_regular_file(status)) {
    const std::uintmax_t size = fs::file_size(path, problem);
    if (!problem) {
      check_size(size);
      bytes.reserve(static_cast<std::size_t>(size) + chunk);  // the last read finds the end
    }
  }
  for (;;) {
    const std::size_t filled = bytes.size();
    bytes.resize(filled + chunk);
    errno = 0;
    const std::size_t got = std::fread(bytes.data() + filled, 1, chunk, file.get());
    bytes.resize(filled + got);
    check_size(bytes.size());
    if (got == chunk) continue;
    if (std::ferror(file.get()) != 0) {
      fail("file: ", shown, " cannot be read after byte ", bytes.size(), ": ", reason(errno));
    }
    return bytes;
  }
}

/// Removes the file at `path` when it goes out of scope, unless told to keep it.
struct temporary_file {
  std::filesystem::path path;
  bool keep = false;

  explicit temporary_file(std::filesystem::path place) : path(std::move(place)) {}
  temporary_file(const temporary_file&) = delete;
  temporary_file& operator=(const temporary_file&) = delete;
  ~temporary_file() {
    std::error_code ignored;
    if (!keep) std::filesystem::remove(path, ignored);
  }
};

}  // namespace detail

/// The whole content of a file.
/// *Errors*: `attd::error` naming the path when it does not exist, is a directory, cannot be
/// opened or read, or holds more than `max_bytes`.
inline std::vector<std::byte> read_file(const std::filesystem::path& path,
                                        std::uint64_t max_bytes = default_max_file_bytes) {
  return detail::read_whole_file<std::vector<std::byte>>(path, max_bytes);
}

/// As `read_file`, as text; the bytes are not looked at.
inline std::string read_text_file(const std::filesystem::path& path,
                                  std::uint64_t max_bytes = default_max_file_bytes) {
  return detail::read_whole_file<std::string>(path, max_bytes);
}

/// Writes `pieces` one after the other as the file at `path`, replacing what was there, all or
/// nothing: the bytes go to a new file beside it (`<name>.tmp0`), to the disk, and only then take
/// the name. Whoever reads `path` meanwhile sees the old content or the new, never a part.
/// A symbolic link stays a link; its target is replaced.
/// *Errors*: `attd::error` naming the path and the system's reason; the old file is then untouched
/// and no temporary file is left.
inline void write_file_atomic(const std::filesystem::path& path,
                              std::span<const std::span<const std::byte>> pieces) {
  namespace fs = std::filesystem;
  const std::string shown = "'" + path.string() + "'";
  std::error_code problem;
  // Renaming over a device would replace the device itself.
  const fs::file_status status = fs::status(path, problem);
  if (fs::exists(status) && !fs::is_regular_file(status)) {
    fail("file: ", shown, " exists and is not a regular file; hint: name a file to write");
  }
  const fs::path target = fs::exists(status) ? fs::canonical(path, problem) : path;
  if (problem && fs::exists(status)) fail("file: ", shown, ": ", problem.message());

  // "x" opens only what does not exist, so two writers never share a temporary file.
  fs::path beside;
  detail::file_handle file;
  for (int attempt = 0; !file; ++attempt) {
    beside = target;
    beside += ".tmp" + std::to_string(attempt);
    file.reset(std::fopen(beside.string().c_str(), "wbx"));
    if (!file && (errno != EEXIST || attempt == 99)) {
      fail("file: ", shown, " cannot be written, '", beside.string(),
           "' cannot be made: ", detail::reason(errno),
           "; hint: is the folder there and writable?");
    }
  }
  detail::temporary_file temporary(beside);

  errno = 0;
  bool written = true;
  for (const std::span<const std::byte> piece : pieces) {
    written = written && (piece.empty() ||
                          std::fwrite(piece.data(), 1, piece.size(), file.get()) == piece.size());
  }
  written = written && std::fflush(file.get()) == 0;
#if defined(__unix__) || defined(__APPLE__)
  // Without this a power failure could keep the rename and lose the content.
  written = written && ::fsync(::fileno(file.get())) == 0;
#endif
  const int write_error = errno;
  const bool closed = std::fclose(file.release()) == 0;
  if (!written || !closed) {
    fail("file: ", shown, " cannot be written: ", detail::reason(written ? errno : write_error));
  }
  fs::rename(beside, target, problem);
  if (problem) fail("file: ", shown, " cannot be replaced: ", problem.message());
  temporary.keep = true;
}

/// As above, for bytes that lie in one piece.
inline void write_file_atomic(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  write_file_atomic(path, std::span<const std::span<const std::byte>>(&bytes, 1));
}

/// As above, for text.
inline void write_file_atomic(const std::filesystem::path& path, std::string_view text) {
  write_file_atomic(path, std::as_bytes(std::span<const char>(text.data(), text.size())));
}

}  // namespace attd::io
