// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Configurations as text, and files that alone rebuild a model.
#include <doctest/doctest.h>

#include <attd/io/model_file.hpp>
#include <string>
#include <training/cases.hpp>

using namespace attd_test;
namespace io = attd::io;
namespace models = attd::models;
namespace blocks = attd::blocks;

namespace mine {

/// A block made by a user: a mamba with a member of its own.
struct block : blocks::mamba {
  index_t extra = 3;
};
template <class Visitor>
void describe(Visitor& v, block& b) {
  v.type("mine");
  v.size("width", b.width, 1);
  v.size("extra", b.extra, 2);
}

}  // namespace mine

namespace {

template <class M>
std::string round_trip(const M& model) {
  return io::to_config(io::from_config<M>(io::to_config(model)));
}
template <class M>
void check_round_trip(const M& model) {
  CHECK(round_trip(model) == io::to_config(model));
  CHECK(io::to_config(model) != io::to_config(M{}));
}

template <class M>
std::string refusal(std::string text, const std::string& from = "", const std::string& to = "") {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  if (!from.empty()) text.replace(at, from.size(), to);
  return error_of([&] { io::from_config<M>(text, "here"); });
}

template <class Model>
void check_file(const Model& model) {
  const scratch_file file("model");
  const auto p = start_of<float>(model, 9);
  io::save_model<float>(file.path, model, p, {{"note", "mine"}});
  const auto stored = io::load_model<float, Model>(file.path);
  CHECK(io::to_config(stored.model) == io::to_config(model));
  CHECK(equal_bits(stored.parameters, p));
  CHECK(stored.metadata.at("note") == "mine");
}

}  // namespace

TEST_CASE("a configuration names every member, in words") {
  CHECK(io::to_config(tiny_net()) ==
        R"({"type":"dynamics_net","domain":"discrete","activation":"tanh","input":2,"output":1,)"
        R"("state":3,"hidden":2,"depth":2,"width":2,"norm":true,"step":1.0,"washout":0})");
  CHECK(io::to_config(tiny_classifier(models::embedding_encoder{5, 3})) ==
        R"({"type":"sequence_model","depth":1,"norm":"rms","residual":true,"washout":0,)"
        R"("encoder":{"type":"embedding_encoder","vocabulary":5,"width":3},)"
        R"("block":{"type":"mamba","width":3,"expand":2,"state_size":2,"kernel":2,"rank":0,)"
        R"("step_min":0.001,"step_max":0.1,"step_floor":0.0001,"step_scale":1.0},)"
        R"("head":{"type":"pooled_head","width":3,"output":3,"pool":"mean","bias":true}})");
}

TEST_CASE("every model of the library comes back from its text") {
  check_round_trip(tiny_net());
  models::dynamics_net<blocks::time_domain::continuous, attd::operations::silu_function> net;
  net.step = 0.1;  // no finite binary number: the text must still give the same bits
  net.washout = 4;
  CHECK(io::from_config<decltype(net)>(io::to_config(net)).step == 0.1);
  check_round_trip(net);
  check_round_trip(tiny_forecaster());
  check_round_trip(tiny_language_model());
  auto judge = tiny_classifier(models::linear_encoder{2, 3});
  judge.head.pool = models::pooling::last;
  judge.norm = models::norm_kind::layer;
  judge.residual = false;
  check_round_trip(judge);
  models::forecaster<blocks::s4d<>> s4d;
  s4d.block.spectrum = blocks::s4d_spectrum::inverse;
  s4d.block.dt_max = 0.3;
  check_round_trip(s4d);
  models::classifier<models::linear_encoder, blocks::s4d<true>> both;
  both.depth = 3;
  check_round_trip(both);
  models::forecaster<blocks::continuous_linear_ssm> dense;
  dense.block = {16, 16, 5, 0.25};
  check_round_trip(dense);
}

TEST_CASE("how much memory a model may use is no part of its configuration") {
  auto model = tiny_forecaster();
  const std::string text = io::to_config(model);
  model.block.keep = blocks::activation_storage::recompute;
  CHECK(io::to_config(model) == text);
  CHECK(io::from_config<decltype(model)>(text).block.keep == blocks::activation_storage::all);
}

TEST_CASE("a block of the user's own is described beside it") {
  models::forecaster<mine::block> m;
  m.block.extra = 7;
  check_round_trip(m);
  CHECK(mentions(io::to_config(m), R"("block":{"type":"mine","width":16,"extra":7})"));
  CHECK(mentions(refusal<decltype(m)>(io::to_config(m), "\"extra\":7", "\"extra\":1"),
                 "here.block has extra 1, expected 2 to"));
}

TEST_CASE("texts that do not describe the model are refused with place and value") {
  using model = models::forecaster<>;
  const std::string good = io::to_config(tiny_forecaster());
  const auto refused = [&](const char* from, const char* to, const char* part) {
    const std::string message = refusal<model>(good, from, to);
    CAPTURE(message);
    CHECK(mentions(message, part));
  };
  refused("\"depth\":2", "\"depth\":0", "here has depth 0, expected 1 to");
  refused("\"depth\":2", "\"depth\":-3", "depth -3");
  refused("\"depth\":2", "\"depth\":2.5", "here has depth of type number, expected a whole number");
  refused("\"depth\":2", "\"depth\":18446744073709551615", "expected a whole number");
  refused("\"depth\":2", "\"depth\":1e300", "expected a whole number");
  refused("\"depth\":2", "\"depth\":3000000000", "depth 3000000000");
  refused("\"depth\":2", "\"depth\":\"2\"", "depth of type string");
  refused("\"depth\":2,", "", "here has no field 'depth'");
  refused("\"depth\":2", "\"depth\":2,\"dept\":2", "unknown field 'dept'; hint: did you mean");
  refused("\"expand\":2", "\"expand\":2,\"exp\":2", "here.block has the unknown field 'exp'");
  refused("\"rms\"", "\"rmsnorm\"", "here has norm 'rmsnorm'; hint:");
  refused("\"residual\":true", "\"residual\":1", "residual of type number, expected true or false");
  refused("\"step_min\":0.001", "\"step_min\":-1", "here.block has step_min -1");
  refused("\"step_min\":0.001", "\"step_min\":1e999", "not JSON");
  refused("\"mamba\"", "\"s4d\"", "here.block has type 's4d', expected 'mamba'");
  refused("{\"type\":\"linear_encoder\",\"input\":2,\"width\":3}", "7",
          "here.encoder is number, expected an object");
  refused("}}", "}", "not JSON");
  CHECK(mentions(refusal<model>(""), "not JSON"));
  CHECK(mentions(refusal<model>("null"), "expected an object"));
  CHECK(mentions(refusal<model>(std::string(2'000'000, '[')), "the limit is"));
  CHECK(mentions(refusal<model>(std::string(500'000, '[')), "not JSON"));
  CHECK(refusal<model>(good) == "no error");
  CHECK_THROWS_AS(io::from_config<models::language_model<>>(good), io::config_mismatch);
  CHECK_THROWS_AS(io::from_config<models::dynamics_net<>>(good), io::config_mismatch);
  using continuous = models::dynamics_net<blocks::time_domain::continuous>;
  CHECK_THROWS_AS(io::from_config<continuous>(io::to_config(tiny_net())), io::config_mismatch);
}

TEST_CASE("a model out of range is not written") {
  auto m = tiny_forecaster();
  m.block.step_max = std::nan("");
  CHECK(mentions(error_of([&] { io::to_config(m); }), "config.block has step_max nan"));
  auto net = tiny_net();
  net.depth = 0;
  CHECK(mentions(error_of([&] { io::to_config(net); }), "config has depth 0"));
}

TEST_CASE("a file alone rebuilds the model") {
  check_file(tiny_net());
  check_file(tiny_forecaster());
  check_file(tiny_language_model());
  check_file(tiny_classifier(models::linear_encoder{2, 3}));
  models::forecaster<blocks::s4d<>> s4d;
  s4d.depth = 2;
  check_file(s4d);
  models::classifier<models::linear_encoder, blocks::s4d<true>> both;
  check_file(both);
  models::forecaster<blocks::linear_ssm> dense;
  dense.block = {16, 16, 5};
  check_file(dense);
}

TEST_CASE("a program that knows several models is told which one a file holds") {
  const scratch_file file("visit");
  const auto kind = [&] {
    std::string name = "none";
    io::visit_model<float, models::dynamics_net<>, models::language_model<>, models::forecaster<>>(
        file.path, [&]<class M>(const io::stored_model<float, M>& stored) {
          name = M::reads_tokens ? "text" : "signals";
          CHECK(stored.model.systems() > 0);
        });
    return name;
  };
  io::save_model<float>(file.path, tiny_forecaster(), start_of<float>(tiny_forecaster()));
  CHECK(kind() == "signals");
  io::save_model<float>(file.path, tiny_language_model(), start_of<float>(tiny_language_model()));
  CHECK(kind() == "text");
  const auto judge = tiny_classifier(models::linear_encoder{2, 3});
  io::save_model<float>(file.path, judge, start_of<float>(judge));
  CHECK(mentions(error_of(kind), "none of the 3 types"));
}

TEST_CASE("a file whose configuration asks for more numbers than it holds builds nothing") {
  const scratch_file file("hostile");
  const auto p = start_of<float>(tiny_forecaster());
  const auto load = [&](auto change) {
    auto m = tiny_forecaster();
    change(m);
    io::save_parameters(file.path, p, {{io::model_key, io::to_config(m)}});
    return error_of([&] { io::load_model<float, models::forecaster<>>(file.path); });
  };
  CHECK(load([](auto&) {}) == "no error");
  CHECK(mentions(
      load([](auto& m) { m.encoder.width = m.block.width = m.head.width = 1'000'000'000; }),
      "parameters or more, expected at most"));
  CHECK(mentions(load([](auto& m) { m.depth = 2'000'000'000; }), "expected at most"));
  CHECK(mentions(load([](auto& m) { m.block.rank = 2'000'000'000; }), "expected at most"));
  CHECK(mentions(load([](auto& m) { m.depth = 1; }), "layers.1"));
  CHECK(mentions(load([](auto& m) { m.head.width = 2; }), "input size of the head"));
  io::save_parameters(file.path, p);
  CHECK(mentions(error_of([&] { io::load_model<float, models::forecaster<>>(file.path); }),
                 "has no attd_model"));
}

TEST_CASE("what a configuration asks for is what the model holds") {
  // from_config refuses one number less than there are, so the count is never too high, and for
  // models without biases it is exact.
  const auto check = [](const auto& model, double share) {
    const auto count = double(attd::count_scalars(start_of<double>(model)));
    using M = std::remove_cvref_t<decltype(model)>;
    const std::string text = io::to_config(model);
    CHECK(error_of([&] { io::from_config<M>(text, "here", count); }) == "no error");
    CHECK(error_of([&] { io::from_config<M>(text, "here", share * count); }) != "no error");
  };
  check(tiny_net(), 0.8);
  check(tiny_forecaster(), 0.7);
  check(tiny_language_model(), 0.7);
  check(models::forecaster<blocks::s4d<>>{}, 0.9);
  models::forecaster<blocks::linear_ssm> dense;
  dense.block = {16, 16, 5};
  check(dense, 0.9);
}
