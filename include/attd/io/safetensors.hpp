// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Named tensors in the safetensors format: a reader that trusts nothing, an atomic writer.
#pragma once

#include <algorithm>
#include <attd/config.hpp>
#include <attd/error.hpp>
#include <attd/io/bytes.hpp>
#include <attd/io/detail/safetensors_header.hpp>
#include <attd/io/names.hpp>
#include <bit>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace attd::io {

static_assert(std::endian::native == std::endian::little,
              "attd: safetensors files are little-endian and are copied as they are; this machine "
              "is big-endian");

/// The largest header that the format allows.
inline constexpr std::uint64_t safetensors_max_header = 100'000'000;

/// One named tensor: row-major, its bytes as in the file (little-endian, not aligned). `data`
/// refers to memory that someone else owns: the `safetensors_file`, or the caller of the writer.
struct safetensors_entry {
  std::string name;
  safetensors_dtype dtype = safetensors_dtype::f32;
  std::vector<index_t> shape;  ///< empty for a single number
  std::span<const std::byte> data;
};

/// Whether a copy may change the number type; see `safetensors_file::copy_to`.
enum class conversion { refuse, allow };

/// The format's name for a type: `F32`, `I64`, ...
constexpr std::string_view to_string(safetensors_dtype dtype) { return detail::facts(dtype).name; }

/// The bytes of one element.
constexpr index_t size_of(safetensors_dtype dtype) {
  return static_cast<index_t>(detail::facts(dtype).bytes);
}

/// The type whose elements are those of C++'s `T`.
template <class T>
consteval safetensors_dtype dtype_of() {
  using enum safetensors_dtype;
  if constexpr (std::same_as<T, float>) {
    return f32;
  } else if constexpr (std::same_as<T, double>) {
    return f64;
  } else {
    static_assert(std::integral<T> && !std::same_as<T, bool> && sizeof(T) <= 8,
                  "attd: dtype_of needs float, double or an integer type");
    constexpr bool is_signed = std::numeric_limits<T>::is_signed;
    if constexpr (sizeof(T) == 1) return is_signed ? i8 : u8;
    if constexpr (sizeof(T) == 2) return is_signed ? i16 : u16;
    if constexpr (sizeof(T) == 4) return is_signed ? i32 : u32;
    if constexpr (sizeof(T) == 8) return is_signed ? i64 : u64;
  }
}

/// An entry for the writer that refers to `values`, which must outlive it.
template <class T>
safetensors_entry make_entry(std::string name, std::vector<index_t> shape,
                             std::span<const T> values) {
  return {std::move(name), dtype_of<T>(), std::move(shape), std::as_bytes(values)};
}

/// What a safetensors file holds. Copies share the bytes, which live as long as any of them.
struct safetensors_file {
  std::vector<safetensors_entry> entries;  ///< in the order of the header
  safetensors_metadata metadata;
  std::string source;
  std::shared_ptr<const std::vector<std::byte>> storage;

  /// Whether a tensor has this name.
  bool has(std::string_view name) const { return find(name) != nullptr; }

  /// The entry of this name, or null.
  const safetensors_entry* find(std::string_view name) const {
    for (const safetensors_entry& entry : entries) {
      if (entry.name == name) return &entry;
    }
    return nullptr;
  }

  /// The entry of this name.
  /// *Errors*: `attd::error` that lists the names there are and the nearest.
  const safetensors_entry& entry(std::string_view name) const {
    if (const safetensors_entry* found = find(name)) return *found;
    std::vector<std::string> names;
    for (const safetensors_entry& e : entries) names.push_back(e.name);
    fail("safetensors: '", source, "' has no tensor ", detail::in_quotes(name),
         "; hint: ", detail::name_hint(name, names));
  }

  /// Copies the tensor `name` into `out`, bit for bit. Between `float` and `double` only with
  /// `conversion::allow`: to `double` exactly, to `float` rounded to nearest.
  /// *Shapes*: `shape` is what the caller expects; `out` holds as many elements.
  /// *Errors*: `attd::error`, with `out` untouched: no such tensor, another shape, another dtype,
  /// a finite `double` beyond the range of `float`.
  template <class T>
  void copy_to(std::string_view name, std::span<const index_t> shape, std::span<T> out,
               conversion rule = conversion::refuse) const {
    const safetensors_entry& from = entry(name);
    const std::string place =
        "safetensors: '" + source + "' tensor " + detail::in_quotes(from.name) + " has ";
    if (!std::equal(shape.begin(), shape.end(), from.shape.begin(), from.shape.end())) {
      fail(place, "shape ", detail::shape_text(from.shape), ", expected ",
           detail::shape_text(shape), "; hint: was it saved with the same sizes?");
    }
    const std::size_t count = from.data.size() / static_cast<std::size_t>(size_of(from.dtype));
    if (out.size() != count) {
      fail(place, count, " elements, but the memory to copy to has ", out.size());
    }
    constexpr safetensors_dtype wanted = dtype_of<T>();
    if (from.dtype == wanted) {
      if (count != 0) std::memcpy(out.data(), from.data.data(), from.data.size());
      return;
    }
    constexpr bool real = std::same_as<T, float> || std::same_as<T, double>;
    const bool convertible =
        real && (from.dtype == safetensors_dtype::f32 || from.dtype == safetensors_dtype::f64);
    if (!convertible || rule == conversion::refuse) {
      fail(place, "dtype ", to_string(from.dtype), ", expected ", to_string(wanted),
           convertible ? "; hint: conversion::allow converts between F32 and F64" : "");
    }
    if constexpr (std::same_as<T, double>) {
      for (std::size_t i = 0; i < count; ++i) out[i] = element<float>(from, i);
    } else if constexpr (std::same_as<T, float>) {
      for (std::size_t i = 0; i < count; ++i) {
        if (!overflows(element<double>(from, i))) continue;
        fail(place, "the value ", element<double>(from, i), " at element ", i,
             ", beyond the range of F32");
      }
      for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<float>(element<double>(from, i));
    }
  }

 private:
  template <class From>
  static From element(const safetensors_entry& from, std::size_t i) {
    From value;
    std::memcpy(&value, from.data.data() + i * sizeof(From), sizeof(From));
    return value;
  }

  /// Finite, but infinite as a float. By exponent bits, which hold under -ffast-math too.
  static bool overflows(double value) {
    const auto bits = std::bit_cast<std::uint64_t>(value) & ~(std::uint64_t{1} << 63);
    if (bits >= 0x7ff0000000000000u) return false;  // infinite or NaN before
    return (std::bit_cast<std::uint32_t>(static_cast<float>(value)) & 0x7f800000u) == 0x7f800000u;
  }
};

/// Reads the bytes of a safetensors file, checking all of it before anything is returned.
///
/// *Format*: 8 bytes with the header's length N (little-endian, at most 100 MB); N bytes of UTF-8
/// JSON, an object that begins with `{` and may end in spaces: per tensor
/// `"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}`, offsets counted from
/// the end of the header, and optionally `"__metadata__"` with strings; then the data, row-major
/// and little-endian. Tensors cover the data without holes or overlap, in any order; a shape `[]`
/// is one number, a size 0 an empty tensor.
/// *Cost*: linear but for the sorting of the tensors.
/// *Errors*: `attd::error` naming source, tensor and both values for everything that is otherwise.
/// *Source*: https://github.com/huggingface/safetensors. *Differs*: types below one byte, unknown
/// fields of a tensor and more than 64 dimensions are refused.
inline safetensors_file parse_safetensors(std::vector<std::byte>&& bytes, std::string_view source) {
  const std::uint64_t total = bytes.size();
  if (total < 8) {
    fail("safetensors: '", source, "' has ", total,
         " bytes, expected at least 8; hint: is the file ", "truncated?");
  }
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  if (length > safetensors_max_header) {
    fail("safetensors: '", source, "' has a header length of ", length, " bytes, the limit is ",
         safetensors_max_header, "; hint: is it a safetensors file?");
  }
  if (length > total - 8) {
    fail("safetensors: '", source, "' has a header length of ", length, " bytes, but only ",
         total - 8, " follow; hint: is the file truncated?");
  }
  const std::string_view header(reinterpret_cast<const char*>(bytes.data()) + 8,
                                static_cast<std::size_t>(length));
  if (!header.starts_with('{')) {
    fail("safetensors: '", source, "' header begins with ", detail::in_quotes(header.substr(0, 1)),
         ", expected '{'; hint: is it a safetensors file?");
  }
  // The JSON parser takes a zero byte for the end of its input and would not see what follows.
  if (const std::size_t at = header.find('\0'); at != std::string_view::npos) {
    fail("safetensors: '", source, "' header byte ", at + 1, " of ", length,
         " is zero, expected text");
  }
  detail::header_reader reader(source);
  nlohmann::json::sax_parse(header.begin(), header.end(), &reader);
  detail::check_layout(reader.entries, total - 8 - length, source);

  safetensors_file file;
  file.source = std::string(source);
  file.metadata = std::move(reader.metadata);
  file.storage = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  const auto data = std::span(*file.storage).subspan(static_cast<std::size_t>(8 + length));
  file.entries.reserve(reader.entries.size());
  for (detail::header_entry& e : reader.entries) {
    file.entries.push_back({std::move(e.name), e.dtype, std::move(e.shape),
                            data.subspan(static_cast<std::size_t>(e.begin),
                                         static_cast<std::size_t>(e.end - e.begin))});
  }
  return file;
}

/// As above, from a copy of `bytes`.
inline safetensors_file parse_safetensors(std::span<const std::byte> bytes,
                                          std::string_view source) {
  return parse_safetensors(std::vector<std::byte>(bytes.begin(), bytes.end()), source);
}

/// Reads a safetensors file; see `parse_safetensors`.
inline safetensors_file read_safetensors(const std::filesystem::path& path,
                                         std::uint64_t max_bytes = default_max_file_bytes) {
  return parse_safetensors(read_file(path, max_bytes), path.string());
}

namespace detail {

/// The first 8 bytes and the header of a file of these entries.
inline std::string safetensors_head(std::span<const safetensors_entry> entries,
                                    const safetensors_metadata& metadata, std::string_view source) {
  const auto json_string = [&](const std::string& text) {
    try {
      return nlohmann::json(text).dump();
    } catch (const nlohmann::json::exception&) {
      fail("safetensors: '", source, "': the text ", in_quotes(text), " is not UTF-8");
    }
  };
  std::string header = "{";
  const auto separate = [&] {
    if (header.back() != '{') header += ',';
  };
  if (!metadata.empty()) {
    header += "\"__metadata__\":{";
    for (const auto& [key, value] : metadata) {
      separate();
      header += json_string(key) + ":" + json_string(value);
    }
    header += '}';
  }
  std::set<std::string_view> names;
  std::uint64_t offset = 0;
  for (const safetensors_entry& entry : entries) {
    if (entry.name == "__metadata__" || !names.insert(entry.name).second) {
      fail("safetensors: '", source, "': the tensor name ", in_quotes(entry.name),
           entry.name == "__metadata__" ? " is reserved" : " is used twice");
    }
    std::uint64_t bytes = 0;
    const bool countable = count_bytes(entry.shape, entry.dtype, bytes);
    if (!countable || bytes != entry.data.size()) {
      fail("safetensors: '", source, "': tensor ", in_quotes(entry.name), " has ",
           entry.data.size(), " bytes, but its shape ", shape_text(entry.shape), " of ",
           to_string(entry.dtype), countable ? " needs " + std::to_string(bytes) : " cannot exist");
    }
    separate();
    header += json_string(entry.name) + ":{\"dtype\":\"" + std::string(to_string(entry.dtype)) +
              "\",\"shape\":[";
    for (std::size_t i = 0; i < entry.shape.size(); ++i) {
      header += (i == 0 ? "" : ",") + std::to_string(entry.shape[i]);
    }
    header += "],\"data_offsets\":[" + std::to_string(offset) + "," +
              std::to_string(offset + bytes) + "]}";
    offset += bytes;
  }
  header += '}';
  header.resize((header.size() + 7) / 8 * 8, ' ');
  if (header.size() > safetensors_max_header) {
    fail("safetensors: '", source, "' needs a header of ", header.size(), " bytes, the limit is ",
         safetensors_max_header);
  }
  std::string head(8, '\0');
  const std::uint64_t length = header.size();
  std::memcpy(head.data(), &length, 8);
  return head + header;
}

}  // namespace detail

/// The bytes of a safetensors file with `entries` in the order given; see `write_safetensors`.
inline std::vector<std::byte> encode_safetensors(std::span<const safetensors_entry> entries,
                                                 const safetensors_metadata& metadata = {}) {
  const std::string head = detail::safetensors_head(entries, metadata, "memory");
  const auto first = std::as_bytes(std::span(head));
  std::vector<std::byte> bytes(first.begin(), first.end());
  for (const safetensors_entry& entry : entries) {
    bytes.insert(bytes.end(), entry.data.begin(), entry.data.end());
  }
  return bytes;
}

/// Writes a safetensors file, all or nothing (see `write_file_atomic`). The same entries and
/// metadata give the same bytes. The data begin at a multiple of 8; entries of wide types first
/// keep all of them aligned.
/// *Errors*: `attd::error` for a name used twice or reserved, text that is not UTF-8, data of
/// another size than the shape's, and what `write_file_atomic` reports.
inline void write_safetensors(const std::filesystem::path& path,
                              std::span<const safetensors_entry> entries,
                              const safetensors_metadata& metadata = {}) {
  const std::string head = detail::safetensors_head(entries, metadata, path.string());
  std::vector<std::span<const std::byte>> pieces = {std::as_bytes(std::span(head))};
  for (const safetensors_entry& entry : entries) pieces.push_back(entry.data);
  write_file_atomic(path, pieces);
}

}  // namespace attd::io
