// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Parameters, fast weights and sessions as safetensors files: checked as a whole, then loaded.
#pragma once

#include <attd/core/leaves.hpp>
#include <attd/io/safetensors.hpp>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <set>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace attd::io {

/// The version of what this file writes beside the format's own: key `attd_format`.
inline constexpr const char* parameters_format = "1";

namespace detail {

inline std::vector<index_t> shape_list(const attd::shape& s) {
  return {s.extents.begin(), s.extents.begin() + s.rank};
}

/// Appends an entry for every leaf that is not empty; the entries refer to the leaves' memory.
template <class A>
void append_entries(const A& aggregate, const std::string& prefix,
                    std::vector<safetensors_entry>& entries) {
  for_each_named_leaf(
      [&](const std::string& name, const auto& leaf) {
        using T = typename std::remove_cvref_t<decltype(leaf)>::scalar;
        static_assert(std::is_floating_point_v<T> || std::is_integral_v<T>,
                      "attd: only plain numbers are saved; save the values of duals");
        if (leaf.empty()) return;
        entries.push_back(
            make_entry(name, shape_list(leaf.shape()),
                       std::span<const T>(leaf.data(), static_cast<std::size_t>(leaf.size()))));
      },
      aggregate, prefix);
}

/// Wider numbers first, so that all data in the file are aligned; otherwise the order stays.
inline void align_entries(std::vector<safetensors_entry>& entries) {
  std::vector<safetensors_entry> sorted;
  sorted.reserve(entries.size());
  for (index_t bytes : {8, 4, 2, 1}) {
    for (auto& entry : entries) {
      if (size_of(entry.dtype) == bytes) sorted.push_back(std::move(entry));
    }
  }
  entries = std::move(sorted);
}

/// Throws unless the file was written by a version that this one understands. Files of other
/// programs carry no such key and are taken as they are.
inline void check_format(const safetensors_file& file) {
  const auto found = file.metadata.find("attd_format");
  if (found == file.metadata.end() || found->second == parameters_format) return;
  fail("load: '", file.source, "' has attd_format ", in_quotes(found->second), ", expected '",
       parameters_format, "'; hint: it was written by another version of attd");
}

/// Throws unless the leaves of `aggregate` that are not empty and the file's tensors under
/// `prefix` have the same names.
template <class A>
void check_names(const safetensors_file& file, const A& aggregate, const std::string& prefix) {
  std::set<std::string> wanted;
  for_each_named_leaf(
      [&](const std::string& name, const auto& leaf) {
        if (!leaf.empty()) wanted.insert(name);
      },
      aggregate, prefix);
  std::vector<std::string> present, missing, unexpected;
  for (const auto& entry : file.entries) {
    if (!prefix.empty() && !entry.name.starts_with(prefix + ".")) continue;
    present.push_back(entry.name);
    if (!wanted.contains(entry.name)) unexpected.push_back(entry.name);
  }
  const std::set<std::string> there(present.begin(), present.end());
  for (const auto& name : wanted) {
    if (!there.contains(name)) missing.push_back(name);
  }
  if (!missing.empty()) {
    fail("load: '", file.source, "' has no tensor ", name_list(missing, 5),
         unexpected.empty() ? std::string() : ", but has " + name_list(unexpected, 5),
         "; hint: ", name_hint(missing.front(), present),
         "; was it saved with the same model and adapter?");
  }
  if (!unexpected.empty()) {
    fail("load: '", file.source, "' has the tensor ", name_list(unexpected, 5),
         ", which this model has no place for; hint: was it saved with the same depth and parts?");
  }
}

/// The file's tensors under `prefix` in a copy of `like`; throws unless all of them fit.
template <class A>
A read_leaves(const safetensors_file& file, const A& like, conversion rule,
              const std::string& prefix) {
  check_names(file, like, prefix);
  A staged = like;
  for_each_named_leaf(
      [&](const std::string& name, auto& leaf) {
        using T = typename std::remove_cvref_t<decltype(leaf)>::scalar;
        if (leaf.empty()) return;
        const auto expected = shape_list(leaf.shape());
        file.copy_to(name, std::span<const index_t>(expected),
                     std::span<T>(leaf.data(), static_cast<std::size_t>(leaf.size())), rule);
      },
      staged, prefix);
  return staged;
}

}  // namespace detail

/// Writes an aggregate of tensors (parameters, fast weights, optimiser state) as one safetensors
/// file, all or nothing. Leaves get the names of `for_each_named_leaf`, behind "prefix." unless
/// that is empty; empty leaves are left out. `metadata` is free text, for example the sizes that
/// a program needs to build the model again.
/// *Errors*: `attd::error` naming the path; the old file is then untouched.
template <class A>
void save_parameters(const std::filesystem::path& path, const A& aggregate,
                     safetensors_metadata metadata = {}, const std::string& prefix = "") {
  std::vector<safetensors_entry> entries;
  detail::append_entries(aggregate, prefix, entries);
  detail::align_entries(entries);
  metadata["attd_format"] = parameters_format;
  write_safetensors(path, entries, metadata);
}

/// Reads the tensors under `prefix` into `aggregate`, which must have its structure and shapes
/// already (from `initialize`). Every name, shape and number type is checked before the first
/// number is written; `float` and `double` are converted only with `conversion::allow`.
/// *Errors*: `attd::error` naming file, leaf, both shapes or types and what to do, with
/// `aggregate` untouched: a leaf that the file lacks, a tensor that the aggregate has no place
/// for, another shape, another type.
template <class A>
void load_parameters(const safetensors_file& file, A& aggregate,
                     conversion rule = conversion::refuse, const std::string& prefix = "") {
  detail::check_format(file);
  const A staged = detail::read_leaves(file, aggregate, rule, prefix);
  convert_leaves(staged, aggregate);
}

/// The same from a path; returns the file's metadata.
template <class A>
safetensors_metadata load_parameters(const std::filesystem::path& path, A& aggregate,
                                     conversion rule = conversion::refuse,
                                     const std::string& prefix = "") {
  const safetensors_file file = read_safetensors(path);
  load_parameters(file, aggregate, rule, prefix);
  return file.metadata;
}

/// Writes a session of an `adaptive_model`: fast weights ("psi."), the optimiser's state
/// ("optimizer.") and the number of steps they have seen ("steps"). A session that is loaded
/// again goes on bit for bit.
template <class Session>
void save_session(const std::filesystem::path& path, const Session& session,
                  safetensors_metadata metadata = {}) {
  std::vector<safetensors_entry> entries;
  detail::append_entries(session.psi, "psi", entries);
  detail::append_entries(session.state, "optimizer", entries);
  const std::int64_t steps = session.steps;
  entries.push_back(
      make_entry("steps", std::vector<index_t>{}, std::span<const std::int64_t>(&steps, 1)));
  detail::align_entries(entries);
  metadata["attd_format"] = parameters_format;
  write_safetensors(path, entries, metadata);
}

/// Reads a session; `session` must come from `start()` of a model with the same layers, adapter
/// and optimiser. Nothing is written unless everything fits; returns the file's metadata.
/// *Errors*: as `load_parameters`, and a negative number of steps.
template <class Session>
safetensors_metadata load_session(const std::filesystem::path& path, Session& session,
                                  conversion rule = conversion::refuse) {
  const safetensors_file file = read_safetensors(path);
  detail::check_format(file);
  for (const auto& entry : file.entries) {
    if (entry.name == "steps" || entry.name.starts_with("psi.") ||
        entry.name.starts_with("optimizer.")) {
      continue;
    }
    fail("load: '", file.source, "' has the tensor ", detail::in_quotes(entry.name),
         ", expected psi.*, optimizer.* and steps; hint: is it a file of parameters?");
  }
  const auto psi = detail::read_leaves(file, session.psi, rule, "psi");
  const auto state = detail::read_leaves(file, session.state, rule, "optimizer");
  std::int64_t steps = 0;
  file.copy_to("steps", std::span<const index_t>{}, std::span<std::int64_t>(&steps, 1));
  if (steps < 0) {
    fail("load: '", file.source, "' has steps ", steps, ", expected at least 0");
  }
  convert_leaves(psi, session.psi);
  convert_leaves(state, session.state);
  session.steps = steps;
  return file.metadata;
}

}  // namespace attd::io
