// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The sizes and choices of a model as JSON, and back.
#pragma once

#include <attd/blocks/linear_ssm.hpp>
#include <attd/blocks/mamba.hpp>
#include <attd/blocks/s4d.hpp>
#include <attd/io/detail/config_visitors.hpp>
#include <attd/models/dynamics_net.hpp>
#include <attd/models/sequence_model.hpp>
#include <cstddef>
#include <limits>
#include <string>
#include <string_view>

namespace attd::io {

/// The most parameters that a configuration may ask for unless told otherwise: 2^36.
inline constexpr double default_max_numbers = 68719476736.0;

namespace detail {

inline constexpr double positive = std::numeric_limits<double>::min();
inline constexpr double largest = std::numeric_limits<double>::max();

template <blocks::time_domain Domain>
constexpr const char* domain_name() {
  return Domain == blocks::time_domain::discrete ? "discrete" : "continuous";
}

/// The name of an activation in files. Specialise for your own.
template <class F>
inline constexpr const char* activation_name = nullptr;
template <>
inline constexpr const char* activation_name<operations::identity_function> = "identity";
template <>
inline constexpr const char* activation_name<operations::silu_function> = "silu";
template <>
inline constexpr const char* activation_name<operations::gelu_function> = "gelu";
template <>
inline constexpr const char* activation_name<operations::tanh_function> = "tanh";
template <>
inline constexpr const char* activation_name<operations::sigmoid_function> = "sigmoid";
template <>
inline constexpr const char* activation_name<operations::relu_function> = "relu";
template <>
inline constexpr const char* activation_name<operations::softplus_function> = "softplus";

}  // namespace detail

// What follows names every run-time member of a type once, with its range, for writing and reading
// alike. For a type of your own write the same beside it; it is found by its namespace.

/// Members, their ranges and the number of parameters of `linear_encoder`.
template <class Visitor>
void describe(Visitor& v, models::linear_encoder& e) {
  v.type("linear_encoder");
  v.size("input", e.input, 1);
  v.size("width", e.width, 1);
  v.numbers(double(e.width) * double(e.input + 1));
}

/// Members, their ranges and the number of parameters of `embedding_encoder`.
template <class Visitor>
void describe(Visitor& v, models::embedding_encoder& e) {
  v.type("embedding_encoder");
  v.size("vocabulary", e.vocabulary, 1);
  v.size("width", e.width, 1);
  v.numbers(double(e.vocabulary) * double(e.width));
}

/// Members, their ranges and the number of parameters of `linear_head`.
template <class Visitor>
void describe(Visitor& v, models::linear_head& h) {
  v.type("linear_head");
  v.size("width", h.width, 1);
  v.size("output", h.output, 1);
  v.flag("bias", h.bias);
  v.numbers(double(h.width) * double(h.output));
}

/// Members, their ranges and the number of parameters of `pooled_head`.
template <class Visitor>
void describe(Visitor& v, models::pooled_head& h) {
  v.type("pooled_head");
  v.size("width", h.width, 1);
  v.size("output", h.output, 1);
  v.choice("pool", h.pool, {{"mean", models::pooling::mean}, {"last", models::pooling::last}});
  v.flag("bias", h.bias);
  v.numbers(double(h.width) * double(h.output));
}

/// Members, their ranges and the number of parameters of `mamba`; `keep` is no part of it: it says
/// how a machine computes, as the backend does, not what.
template <class Visitor>
void describe(Visitor& v, blocks::mamba& b) {
  v.type("mamba");
  v.size("width", b.width, 1);
  v.size("expand", b.expand, 1);
  v.size("state_size", b.state_size, 1);
  v.size("kernel", b.kernel, 1);
  v.size("rank", b.rank, 0);
  v.real("step_min", b.step_min, detail::positive, detail::largest);
  v.real("step_max", b.step_max, detail::positive, detail::largest);
  v.real("step_floor", b.step_floor, 0, detail::largest);
  v.real("step_scale", b.step_scale, 0, detail::largest);
  const double inner = double(b.expand) * double(b.width);
  v.numbers(inner * (3 * double(b.width) + double(b.kernel) + 3 * double(b.state_size) +
                     2 * double(b.step_rank())));
}

/// Members, their ranges and the number of parameters of `s4d`.
template <class Visitor, bool Bidirectional>
void describe(Visitor& v, blocks::s4d<Bidirectional>& b) {
  v.type("s4d");
  v.fixed("direction", Bidirectional ? "both" : "forward");
  v.size("channels", b.channels, 1);
  v.size("state_size", b.state_size, 2);
  v.choice("spectrum", b.spectrum,
           {{"linear", blocks::s4d_spectrum::linear}, {"inverse", blocks::s4d_spectrum::inverse}});
  v.real("dt_min", b.dt_min, detail::positive, detail::largest);
  v.real("dt_max", b.dt_max, detail::positive, detail::largest);
  v.numbers(2 * double(b.channels) * (double(b.state_size) + double(b.channels)));
}

/// Members, their ranges and the number of parameters of `basic_linear_ssm`.
template <class Visitor, blocks::time_domain Domain>
void describe(Visitor& v, blocks::basic_linear_ssm<Domain>& b) {
  v.type("linear_ssm");
  v.fixed("domain", detail::domain_name<Domain>());
  v.size("input", b.input, 1);
  v.size("output", b.output, 1);
  v.size("state_size", b.state_size, 1);
  v.real("step", b.step, detail::positive, detail::largest);
  const double input = double(b.input), output = double(b.output), state = double(b.state_size);
  v.numbers(state * (state + input + output) + input * output);
}

/// Members, their ranges and the number of parameters of `dynamics_net`.
template <class Visitor, blocks::time_domain Domain, class Activation>
  requires(detail::activation_name<Activation> != nullptr)
void describe(Visitor& v, models::dynamics_net<Domain, Activation>& m) {
  v.type("dynamics_net");
  v.fixed("domain", detail::domain_name<Domain>());
  v.fixed("activation", detail::activation_name<Activation>);
  v.size("input", m.input, 1);
  v.size("output", m.output, 1);
  v.size("state", m.state, 1);
  v.size("hidden", m.hidden, 0);
  v.size("depth", m.depth, 1);
  v.size("width", m.width, 1);
  v.flag("norm", m.norm);
  v.real("step", m.step, detail::positive, detail::largest);
  v.size("washout", m.washout, 0);
  const double state = double(m.state), hidden = double(m.hidden), width = double(m.width);
  const auto layer = [&](double in, double out) {
    return state * (state + in) + (out + hidden) * (in + state) + hidden * out;
  };
  const double first = double(m.input), last = double(m.output);
  v.numbers(m.depth == 1 ? layer(first, last)
                         : layer(first, width) + double(m.depth - 2) * layer(width, width) +
                               layer(width, last));
}

/// Members, their ranges and the number of parameters of `sequence_model`.
template <class Visitor, describable Encoder, describable Block, describable Head>
void describe(Visitor& v, models::sequence_model<Encoder, Block, Head>& m) {
  using models::norm_kind;
  v.type("sequence_model");
  v.size("depth", m.depth, 1);
  v.choice("norm", m.norm,
           {{"none", norm_kind::none}, {"rms", norm_kind::rms}, {"layer", norm_kind::layer}});
  v.flag("residual", m.residual);
  v.size("washout", m.washout, 0);
  v.part("encoder", m.encoder);
  v.part("block", m.block, m.depth);
  v.part("head", m.head);
}

namespace detail {

/// Reads `text` into an object that has a description; returns how many parameters it asks for.
template <class M>
double read_config(std::string_view text, const std::string& where, M& object) {
  constexpr std::size_t longest = std::size_t{1} << 20;
  if (text.size() > longest) {
    fail(where, " has ", text.size(), " bytes, the limit is ", longest);
  }
  config_reader::json parsed;
  try {
    parsed = config_reader::json::parse(text);
  } catch (const nlohmann::json::exception&) {
    fail(where, " ", in_quotes(text), " is not JSON");
  }
  config_reader reader(parsed, where);
  M staged = object;
  describe(reader, staged);
  reader.finish();
  object = staged;
  return reader.total_numbers();
}

}  // namespace detail

/// The run-time sizes and choices of a model (or block, encoder, head), and the names of its
/// parts, as one line of JSON. The same model gives the same text.
/// *Errors*: `attd::error` for a member out of range.
template <describable M>
std::string to_config(const M& model) {
  M copy = model;  // one description serves reading and writing
  config_writer writer("config");
  describe(writer, copy);
  return writer.result().dump();
}

/// The model that `to_config` described. `where` names the text in messages.
/// *Errors*: `config_mismatch` when the text describes another type than `M`, otherwise
/// `attd::error`: no JSON, a field that is missing, unknown, of another type or out of range, or
/// sizes that ask for more than `max_numbers` parameters.
template <describable M>
M from_config(std::string_view text, const std::string& where = "config",
              double max_numbers = default_max_numbers) {
  M model{};
  const double numbers = detail::read_config(text, where, model);
  if (numbers > max_numbers) {
    fail(where, " asks for ", numbers, " parameters or more, expected at most ", max_numbers);
  }
  return model;
}

}  // namespace attd::io
