// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The JSON header of a safetensors file: element types, parsing without trust, layout checks.
#pragma once

#include <algorithm>
#include <array>
#include <attd/config.hpp>
#include <attd/error.hpp>
#include <attd/io/names.hpp>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace attd::io {

/// The element types of the format that fill whole bytes. Those below one byte are refused.
enum class safetensors_dtype : unsigned char {
  boolean,
  u8,
  i8,
  f8_e5m2,
  f8_e4m3,
  f8_e8m0,
  i16,
  u16,
  f16,
  bf16,
  i32,
  u32,
  f32,
  c64,
  f64,
  i64,
  u64
};

/// Free text beside the tensors, sorted by key.
using safetensors_metadata = std::map<std::string, std::string, std::less<>>;

namespace detail {

struct dtype_facts {
  std::string_view name;
  std::uint64_t bytes;
};

/// In the order of the enumeration.
inline constexpr std::array<dtype_facts, 17> dtype_table = {{{"BOOL", 1},
                                                             {"U8", 1},
                                                             {"I8", 1},
                                                             {"F8_E5M2", 1},
                                                             {"F8_E4M3", 1},
                                                             {"F8_E8M0", 1},
                                                             {"I16", 2},
                                                             {"U16", 2},
                                                             {"F16", 2},
                                                             {"BF16", 2},
                                                             {"I32", 4},
                                                             {"U32", 4},
                                                             {"F32", 4},
                                                             {"C64", 8},
                                                             {"F64", 8},
                                                             {"I64", 8},
                                                             {"U64", 8}}};

constexpr dtype_facts facts(safetensors_dtype dtype) {
  return dtype_table[static_cast<std::size_t>(dtype)];
}

inline std::string shape_text(std::span<const index_t> shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  }
  return text + "]";
}

/// The bytes of a tensor; false where they cannot be counted in 63 bits. The sizes other than zero
/// must fit by themselves, so that the answer does not depend on their order.
inline bool count_bytes(std::span<const index_t> shape, safetensors_dtype dtype,
                        std::uint64_t& bytes) {
  constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<index_t>::max());
  bool empty = false;
  bytes = facts(dtype).bytes;
  for (const index_t size : shape) {
    if (size == 0) {
      empty = true;
    } else if (size < 0 || bytes > most / static_cast<std::uint64_t>(size)) {
      return false;
    } else {
      bytes *= static_cast<std::uint64_t>(size);
    }
  }
  if (empty) bytes = 0;
  return true;
}

/// One tensor as the header tells it; offsets count from the start of the data.
struct header_entry {
  std::string name;
  safetensors_dtype dtype = safetensors_dtype::f32;
  std::vector<index_t> shape;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

/// Takes the events of the JSON parser and knows at each what may come. The parser keeps no tree
/// and does not recurse, and nothing deeper than the format's own three levels is accepted, so
/// hostile nesting ends at its first bracket.
class header_reader {
 public:
  explicit header_reader(std::string_view source) : source_(source) {}

  std::vector<header_entry> entries;
  safetensors_metadata metadata;

  bool null() { unexpected("null"); }
  bool boolean(bool) { unexpected("a truth value"); }
  bool number_integer(std::int64_t value) { unexpected(std::to_string(value)); }
  bool number_float(double, const std::string& text) { unexpected(in_quotes(text)); }
  bool binary(std::vector<std::uint8_t>&) { unexpected("binary data"); }

  bool number_unsigned(std::uint64_t value) {
    if (place_ == place::offsets) {
      if (offset_count_ == 2) unexpected("a third number");
      (offset_count_++ == 0 ? entries.back().begin : entries.back().end) = value;
    } else if (place_ == place::shape) {
      if (value > static_cast<std::uint64_t>(std::numeric_limits<index_t>::max())) {
        unexpected(std::to_string(value));
      }
      if (entries.back().shape.size() == max_rank) unexpected("a 65th size");
      entries.back().shape.push_back(static_cast<index_t>(value));
    } else {
      unexpected(std::to_string(value));
    }
    return true;
  }

  bool string(std::string& value) {
    if (place_ == place::metadata) {
      metadata[key_] = value;
    } else if (place_ == place::tensor && key_ == "dtype") {
      const auto found = std::find_if(dtype_table.begin(), dtype_table.end(),
                                      [&](const dtype_facts& f) { return f.name == value; });
      if (found == dtype_table.end()) {
        std::string known;
        for (const dtype_facts& f : dtype_table)
          known += (known.empty() ? "" : " ") + std::string(f.name);
        fail("safetensors: '", source_, "' tensor ", in_quotes(entries.back().name), " has dtype ",
             in_quotes(value), "; hint: known are ", known);
      }
      entries.back().dtype = static_cast<safetensors_dtype>(found - dtype_table.begin());
    } else {
      unexpected(in_quotes(value));
    }
    return true;
  }

  bool start_object(std::size_t) {
    if (place_ == place::start) {
      place_ = place::names;
    } else if (place_ == place::names) {
      fields_.clear();
      if (key_ == "__metadata__") {
        place_ = place::metadata;
      } else {
        place_ = place::tensor;
        entries.emplace_back().name = key_;
      }
    } else {
      unexpected("an object");
    }
    return true;
  }

  bool key(std::string& name) {
    std::set<std::string, std::less<>>& seen = place_ == place::names ? names_ : fields_;
    if (!seen.insert(name).second) {
      if (place_ == place::names) {
        fail("safetensors: '", source_, "' names ", in_quotes(name), " twice in its header");
      }
      fail("safetensors: '", source_, "' ", owner(), " has ", in_quotes(name), " twice");
    }
    if (place_ == place::tensor && name != "dtype" && name != "shape" && name != "data_offsets") {
      fail("safetensors: '", source_, "' ", owner(), " has an unknown field ", in_quotes(name),
           "; hint: expected are dtype, shape and data_offsets");
    }
    key_ = name;
    return true;
  }

  bool end_object() {
    if (place_ == place::tensor) {
      for (const std::string_view field : {"dtype", "shape", "data_offsets"}) {
        if (fields_.find(field) == fields_.end()) {
          fail("safetensors: '", source_, "' ", owner(), " has no ", field);
        }
      }
    }
    place_ = place_ == place::names ? place::start : place::names;
    return true;
  }

  bool start_array(std::size_t) {
    if (place_ != place::tensor || key_ == "dtype") unexpected("an array");
    place_ = key_ == "shape" ? place::shape : place::offsets;
    offset_count_ = 0;
    return true;
  }

  bool end_array() {
    if (place_ == place::offsets && offset_count_ != 2) {
      unexpected(offset_count_ == 0 ? "no number" : "one number");
    }
    place_ = place::tensor;
    return true;
  }

  bool parse_error(std::size_t position, const std::string& token, const std::exception&) {
    fail("safetensors: '", source_, "' header byte ", position, ": found ", in_quotes(token),
         ", which is not JSON (or not UTF-8); hint: is the file damaged?");
  }

 private:
  enum class place { start, names, metadata, tensor, shape, offsets };
  static constexpr std::size_t max_rank = 64;

  std::string owner() const {
    return place_ == place::metadata ? "__metadata__" : "tensor " + in_quotes(entries.back().name);
  }

  [[noreturn]] void unexpected(const std::string& found) const {
    std::string where = "header";
    std::string expected = "an object";
    if (place_ == place::names) {
      where = key_ == "__metadata__" ? key_ : "tensor " + in_quotes(key_);
    } else if (place_ == place::metadata) {
      where = "__metadata__ " + in_quotes(key_);
      expected = "a string";
    } else if (place_ != place::start) {
      where = owner() + " " + key_;
      expected = key_ == "dtype"   ? "a string"
                 : key_ == "shape" ? "an array of at most 64 sizes from 0 to 2^63 - 1"
                                   : "an array of two byte offsets";
    }
    fail("safetensors: '", source_, "' ", where, ": found ", found, ", expected ", expected);
  }

  std::string_view source_;
  place place_ = place::start;
  std::string key_;
  std::set<std::string, std::less<>> names_;   // of the file
  std::set<std::string, std::less<>> fields_;  // of the object being read
  int offset_count_ = 0;
};

/// Checks that the tensors' offsets agree with their shapes and together cover `data_bytes` bytes
/// exactly once.
inline void check_layout(std::span<const header_entry> entries, std::uint64_t data_bytes,
                         std::string_view source) {
  std::vector<const header_entry*> order;
  for (const header_entry& entry : entries) {
    const std::string who = "tensor " + in_quotes(entry.name);
    std::uint64_t bytes = 0;
    if (!count_bytes(entry.shape, entry.dtype, bytes)) {
      fail("safetensors: '", source, "' ", who, " has shape ", shape_text(entry.shape), " of ",
           facts(entry.dtype).name, ", more bytes than 63 bits can count");
    }
    if (entry.begin > entry.end) {
      fail("safetensors: '", source, "' ", who, " has data_offsets [", entry.begin, ", ", entry.end,
           "], which end before they begin");
    }
    if (entry.end > data_bytes) {
      fail("safetensors: '", source, "' ", who, " ends at byte ", entry.end,
           " of the data, which has ", data_bytes, "; hint: is the file truncated?");
    }
    if (entry.end - entry.begin != bytes) {
      fail("safetensors: '", source, "' ", who, " has ", entry.end - entry.begin,
           " bytes by its data_offsets, but its shape ", shape_text(entry.shape), " of ",
           facts(entry.dtype).name, " needs ", bytes);
    }
    order.push_back(&entry);
  }
  std::sort(order.begin(), order.end(), [](const header_entry* a, const header_entry* b) {
    return std::pair(a->begin, a->end) < std::pair(b->begin, b->end);
  });
  std::uint64_t covered = 0;
  const header_entry* last = nullptr;
  for (const header_entry* entry : order) {
    if (entry->begin < covered) {
      fail("safetensors: '", source, "' tensor ", in_quotes(entry->name), " begins at byte ",
           entry->begin, " of the data, inside tensor ", in_quotes(last->name), ", which ends at ",
           covered);
    }
    if (entry->begin > covered) {
      fail("safetensors: '", source, "' tensor ", in_quotes(entry->name), " begins at byte ",
           entry->begin, " of the data, but the tensors before it end at ", covered,
           ": the bytes between belong to none");
    }
    covered = entry->end;
    last = entry;
  }
  if (covered != data_bytes) {
    fail("safetensors: '", source, "' has ", data_bytes, " bytes of data, but its tensors end at ",
         covered);
  }
}

}  // namespace detail
}  // namespace attd::io
