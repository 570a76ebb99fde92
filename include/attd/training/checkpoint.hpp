// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Saves training in the middle and resumes it so that it goes on bit for bit.
#pragma once

#include <attd/io/model_file.hpp>
#include <attd/training/trainer.hpp>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace attd::training {

/// The version of the layout of checkpoints: key `attd_checkpoint`.
inline constexpr const char* checkpoint_format = "1";

/// What held-out validation has found so far.
template <class P>
struct validation_record {
  P parameters;  ///< those with the least loss; empty before the first validation
  double least = std::numeric_limits<double>::infinity();
  index_t best_step = 0;  ///< steps after which they were found
  index_t waited = 0;     ///< validations since then

  /// Whether a validation has found a finite loss.
  bool any() const { return least < std::numeric_limits<double>::infinity(); }
};

/// Whether a checkpoint may be resumed with other options than it was saved with.
enum class changed_options {
  refuse,  ///< resuming is exact
  allow,   ///< for example to train longer; the new options hold from here on
};

namespace detail {

inline constexpr const char* options_key = "attd_training";

/// The parts of a checkpoint: everything is read and checked here before any of it is used.
template <class P>
struct checkpoint {
  P parameters;
  adamw_state<P> state;
  std::int64_t step = 0;
  std::int64_t skipped = 0;
  validation_record<P> record;
};

template <class A>
void expect_finite(const io::safetensors_file& file, const A& aggregate, const std::string& prefix,
                   bool squares = false) {
  for_each_named_leaf(
      [&](const std::string& name, const auto& leaf) {
        for (index_t i = 0; i < leaf.size(); ++i) {
          const double x = double(leaf.data()[i]);
          if (is_finite(x) && !(squares && x < 0)) continue;
          fail("checkpoint: '", file.source, "' tensor '", name, "' has the value ", x,
               " at element ", i, ", expected a finite number", squares ? " from 0" : "");
        }
      },
      aggregate, prefix);
}

template <class N>
N read_number(const io::safetensors_file& file, const char* name) {
  N value{};
  file.copy_to(name, std::span<const index_t>{}, std::span<N>(&value, 1));
  return value;
}

/// Throws when the file says that it was trained with other options.
template <class Options>
void compare_options(const io::safetensors_file& file, Options wanted, changed_options rule) {
  const auto found = file.metadata.find(options_key);
  if (found == file.metadata.end()) {
    fail("checkpoint: '", file.source, "' has no ", options_key, " in its metadata");
  }
  const std::string where = "checkpoint: '" + file.source + "' " + options_key;
  Options saved = wanted;
  io::detail::read_config(found->second, where, saved);
  if (rule == changed_options::allow) return;
  using json = io::config_writer::json;
  const json before = json::parse(io::to_config(saved)), now = json::parse(io::to_config(wanted));
  for (const auto& [name, value] : before.items()) {
    if (value == now[name]) continue;
    fail(where, " has ", name, " ", value.dump(), ", this trainer has ", now[name].dump(),
         "; hint: resume with the same options, or allow changed options");
  }
}

/// Throws when the file says that it is of another model.
template <class Model>
void compare_model(const io::safetensors_file& file, const Model& model) {
  if constexpr (io::describable<Model>) {
    const std::string wanted = io::to_config(model);
    const std::string saved = io::to_config(
        io::from_config<Model>(io::detail::config_of(file), io::detail::config_place(file)));
    if (saved != wanted) {
      fail("checkpoint: '", file.source, "' is of the model ", io::detail::in_quotes(saved, 400),
           ", expected ", io::detail::in_quotes(wanted, 400));
    }
  }
}

/// Throws for tensors that no checkpoint has.
inline void expect_checkpoint(const io::safetensors_file& file) {
  const auto version = file.metadata.find("attd_checkpoint");
  if (version == file.metadata.end() || version->second != checkpoint_format) {
    fail("checkpoint: '", file.source, "' has attd_checkpoint ",
         version == file.metadata.end() ? "(none)" : io::detail::in_quotes(version->second),
         ", expected '", checkpoint_format, "'; hint: is it a file of parameters alone, or of ",
         "another version of attd?");
  }
  for (const auto& entry : file.entries) {
    bool known = false;
    for (const char* prefix : {"model.", "optimizer.", "best.", "training."}) {
      known = known || entry.name.starts_with(prefix);
    }
    if (!known) {
      fail("checkpoint: '", file.source, "' has the tensor ", io::detail::in_quotes(entry.name),
           ", expected model.*, optimizer.*, best.* and training.*");
    }
  }
}

/// Reads and checks all of a checkpoint; `like` has the shapes.
template <class P>
checkpoint<P> read_checkpoint(const io::safetensors_file& file, const P& like,
                              const adamw_state<P>& state) {
  using io::detail::read_leaves;
  constexpr auto refuse = io::conversion::refuse;
  checkpoint<P> c;
  c.parameters = read_leaves(file, like, refuse, "model");
  c.state = read_leaves(file, state, refuse, "optimizer");
  expect_finite(file, c.parameters, "model");
  expect_finite(file, c.state.first, "optimizer.first");
  expect_finite(file, c.state.second, "optimizer.second", true);
  c.step = read_number<std::int64_t>(file, "training.step");
  c.skipped = read_number<std::int64_t>(file, "training.skipped");
  if (c.step < 0 || c.skipped < 0 || c.skipped > c.step ||
      c.state.updates(0) != double(c.step - c.skipped)) {
    fail("checkpoint: '", file.source, "' has training.step ", c.step, ", training.skipped ",
         c.skipped, " and optimizer.updates ", c.state.updates(0),
         ", expected updates = step - skipped");
  }
  if (!file.has("training.least")) return c;
  auto& r = c.record;
  r.parameters = read_leaves(file, like, refuse, "best");
  expect_finite(file, r.parameters, "best");
  r.least = read_number<double>(file, "training.least");
  r.best_step = read_number<std::int64_t>(file, "training.best_step");
  r.waited = read_number<std::int64_t>(file, "training.waited");
  if (!is_finite(r.least) || r.best_step < 0 || r.best_step > c.step || r.waited < 0) {
    fail("checkpoint: '", file.source, "' has training.least ", r.least, ", training.best_step ",
         r.best_step, " and training.waited ", r.waited, " at step ", c.step,
         ", expected a finite loss, and steps from 0 to that");
  }
  return c;
}

}  // namespace detail

/// Writes all that training needs to go on, as one safetensors file, all or nothing: parameters
/// ("model."), moments ("optimizer."), counts ("training."), what validation has found ("best."),
/// and in the metadata the options and, where it has a description, the model's configuration. A
/// program that is killed while it writes leaves the file that was there.
/// *Cost*: writes three or four times the parameters. *Errors*: `attd::error` naming the path.
template <class Trainer>
void save_checkpoint(const std::filesystem::path& path, const Trainer& trainer,
                     const validation_record<typename Trainer::parameters>& record = {},
                     io::safetensors_metadata metadata = {}) {
  std::vector<io::safetensors_entry> entries;
  const auto number = [&]<class N>(const char* name, const N& value) {
    entries.push_back(io::make_entry(name, std::vector<index_t>{}, std::span<const N>(&value, 1)));
  };
  const std::int64_t step = trainer.step_count(), skipped = trainer.skipped_count();
  const std::int64_t best_step = record.best_step, waited = record.waited;
  io::detail::append_entries(trainer.current(), "model", entries);
  io::detail::append_entries(trainer.state(), "optimizer", entries);
  number("training.step", step);
  number("training.skipped", skipped);
  if (record.any()) {
    io::detail::append_entries(record.parameters, "best", entries);
    number("training.least", record.least);
    number("training.best_step", best_step);
    number("training.waited", waited);
  }
  io::detail::align_entries(entries);
  metadata["attd_format"] = io::parameters_format;
  metadata["attd_checkpoint"] = checkpoint_format;
  metadata[detail::options_key] = io::to_config(trainer.options());
  if constexpr (io::describable<typename Trainer::model_type>) {
    metadata[io::model_key] = io::to_config(trainer.model());
  }
  io::write_safetensors(path, entries, metadata);
}

/// Resumes: puts parameters, moments and counts of a checkpoint into `trainer`, which must be of
/// the same model, number type and options (all but `threads`), and what validation had found into
/// `record`. The steps that follow are those that would have followed, bit for bit, on the same
/// data with the same loss and backend.
/// *Errors*: `attd::error` naming file, place and both values, with trainer and record untouched:
/// what `read_safetensors` and `load_parameters` refuse, another model or other options, counts
/// that contradict each other, numbers that are not finite.
template <class Trainer>
io::safetensors_metadata load_checkpoint(const std::filesystem::path& path, Trainer& trainer,
                                         validation_record<typename Trainer::parameters>& record,
                                         changed_options rule = changed_options::refuse) {
  const io::safetensors_file file = io::read_safetensors(path);
  io::detail::check_format(file);
  detail::expect_checkpoint(file);
  detail::compare_model(file, trainer.model());
  detail::compare_options(file, trainer.options(), rule);
  auto c = detail::read_checkpoint(file, std::as_const(trainer).current(),
                                   std::as_const(trainer).state());
  std::swap(trainer.current(), c.parameters);  // from here on nothing can fail
  std::swap(trainer.state(), c.state);
  std::swap(record, c.record);
  trainer.set_step_count(c.step, c.skipped);
  return file.metadata;
}

/// The same without the record of validation.
template <class Trainer>
io::safetensors_metadata load_checkpoint(const std::filesystem::path& path, Trainer& trainer,
                                         changed_options rule = changed_options::refuse) {
  validation_record<typename Trainer::parameters> ignored;
  return load_checkpoint(path, trainer, ignored, rule);
}

}  // namespace attd::training
