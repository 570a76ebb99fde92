// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Checkpoints: resumed training is bit for bit the same, bad files change nothing.
#include <doctest/doctest.h>

#include <attd/io/model_file.hpp>
#include <fstream>
#include <initializer_list>
#include <training/cases.hpp>

#if defined(__unix__)
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

using namespace attd_test;
namespace io = attd::io;

namespace {

template <class T, class Model, class RowLoss>
void check_resume(const Model& model, const RowLoss& loss, const std::vector<example<T>>& data,
                  const char* name) {
  const scratch_file file(name);
  auto straight = start_of<T>(model);
  auto one = make_trainer<T>(model, loss, short_options(), straight);
  for (int i = 0; i < 40; ++i) one.step(data);
  {
    auto p = start_of<T>(model);
    auto half = make_trainer<T>(model, loss, short_options(), p);
    for (int i = 0; i < 20; ++i) half.step(data);
    training::save_checkpoint(file.path, half);
  }
  auto resumed = start_of<T>(model, 99);  // other numbers, all of which must be replaced
  auto options = short_options();
  options.threads = 2;  // may differ
  auto two = make_trainer<T>(model, loss, options, resumed);
  training::load_checkpoint(file.path, two);
  CHECK(two.step_count() == 20);
  for (int i = 0; i < 20; ++i) two.step(data);
  CHECK(equal_bits(straight, resumed));
  CHECK(equal_bits(one.state(), two.state()));
}

// A checkpoint after three steps, and a trainer that is to resume from it.
struct fixture {
  scratch_file file;
  std::vector<example<double>> data = signals(8, 6, 1);
  attd::models::dynamics_net_parameters<double> p = start_of(tiny_net());
  training::trainer<double, attd::models::dynamics_net<>, squared_rows, attd::reference> trainer{
      tiny_net(), squared_rows{}, short_options(), p};

  explicit fixture(const char* name) : file(name) {
    auto q = start_of(tiny_net(), 7);
    auto saved = make_trainer(tiny_net(), squared_rows{}, short_options(), q);
    for (int i = 0; i < 3; ++i) saved.step(data);
    training::validation_record<decltype(q)> record{q, 0.5, 2, 1};
    training::save_checkpoint(file.path, saved, record);
    for (int i = 0; i < 2; ++i) trainer.step(data);
  }

  // Loading must fail with a message that has all parts, and change nothing.
  template <class Trainer, class Load>
  static void refuses(Trainer& t, Load load, std::initializer_list<const char*> parts) {
    const auto before = t.current();
    const auto state = t.state();
    const index_t step = t.step_count();
    const std::string message = error_of(load);
    CAPTURE(message);
    for (const char* part : parts) CHECK(mentions(message, part));
    CHECK(equal_bits(before, t.current()));
    CHECK(equal_bits(state, t.state()));
    CHECK(step == t.step_count());
  }
  void refuses(std::initializer_list<const char*> parts) {
    training::validation_record<decltype(p)> record{p, 0.25, 1, 1};
    refuses(trainer, [&] { training::load_checkpoint(file.path, trainer, record); }, parts);
    CHECK(record.least == 0.25);
    CHECK(equal_bits(record.parameters, p));
  }

  // Rewrites the file with entries and metadata changed.
  template <class Change>
  void tamper(Change change) {
    const io::safetensors_file read = io::read_safetensors(file.path);
    auto entries = read.entries;
    auto metadata = read.metadata;
    change(entries, metadata);
    io::write_safetensors(file.path, entries, metadata);
  }
  template <class N>
  void set(const char* name, N value, std::size_t at = 0) {
    tamper([&](auto& entries, auto&) {
      for (auto& e : entries) {
        if (e.name != name) continue;
        static std::vector<std::byte> bytes;
        bytes.assign(e.data.begin(), e.data.end());
        std::memcpy(bytes.data() + at * sizeof(N), &value, sizeof(N));
        e.data = bytes;
      }
    });
  }
};

std::string slurp(const std::filesystem::path& path) { return io::read_text_file(path); }
void spill(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

}  // namespace

TEST_CASE("twenty steps, saved, loaded into new objects, and twenty more equal forty") {
  check_resume<double>(tiny_net(), squared_rows{}, signals(12, 9, 3), "net");
  check_resume<float>(tiny_forecaster(), squared_rows{}, signals<float>(12, 9, 3), "forecaster");
  check_resume<float>(tiny_language_model(), class_rows{}, texts<float>(12, 9, 3), "language");
  check_resume<double>(tiny_classifier(attd::models::embedding_encoder{5, 3}), class_rows{},
                       texts(12, 9, 3), "classifier");
}

TEST_CASE("a checkpoint keeps skipped steps and the record of validation") {
  fixture f("record");
  training::validation_record<decltype(f.p)> record;
  f.trainer.set_step_count(3, 1);
  f.trainer.state().updates(0) = 2;
  record = {f.p, 0.125, 2, 4};
  training::save_checkpoint(f.file.path, f.trainer, record, {{"note", "mine"}});
  auto q = start_of(tiny_net(), 3);
  auto other = make_trainer(tiny_net(), squared_rows{}, short_options(), q);
  training::validation_record<decltype(f.p)> loaded;
  CHECK(training::load_checkpoint(f.file.path, other, loaded).at("note") == "mine");
  CHECK(other.step_count() == 3);
  CHECK(other.skipped_count() == 1);
  CHECK(loaded.least == 0.125);
  CHECK(loaded.best_step == 2);
  CHECK(loaded.waited == 4);
  CHECK(equal_bits(loaded.parameters, f.p));
}

TEST_CASE("a checkpoint alone rebuilds the model, with the best parameters where there are any") {
  fixture f("rebuild");
  training::validation_record<decltype(f.p)> record{start_of(tiny_net(), 11), 0.5, 2, 0};
  training::save_checkpoint(f.file.path, f.trainer);
  auto stored = io::load_model<double, attd::models::dynamics_net<>>(f.file.path);
  CHECK(equal_bits(stored.parameters, f.p));
  CHECK(io::to_config(stored.model) == io::to_config(tiny_net()));
  training::save_checkpoint(f.file.path, f.trainer, record);
  stored = io::load_model<double, attd::models::dynamics_net<>>(f.file.path);
  CHECK(equal_bits(stored.parameters, record.parameters));
}

TEST_CASE("other options or another model are refused, unless changed options are allowed") {
  fixture f("options");
  auto options = short_options();
  options.batch = 7;
  auto q = start_of(tiny_net());
  auto other = make_trainer(tiny_net(), squared_rows{}, options, q);
  fixture::refuses(other, [&] { training::load_checkpoint(f.file.path, other); },
                   {"attd_training has batch 6, this trainer has 7", "hint"});
  training::load_checkpoint(f.file.path, other, training::changed_options::allow);
  CHECK(other.step_count() == 3);

  auto model = tiny_net();
  model.washout = 1;
  auto r = start_of(model);
  auto washed = make_trainer(model, squared_rows{}, short_options(), r);
  fixture::refuses(washed, [&] { training::load_checkpoint(f.file.path, washed); },
                   {"\"washout\":0", "\"washout\":1"});

  auto single = start_of<float>(tiny_net());
  auto narrow = make_trainer<float>(tiny_net(), squared_rows{}, short_options(), single);
  fixture::refuses(narrow, [&] { training::load_checkpoint(f.file.path, narrow); }, {"F64", "F32"});

  auto text = start_of(tiny_language_model());
  auto reader = make_trainer(tiny_language_model(), class_rows{}, short_options(), text);
  fixture::refuses(reader, [&] { training::load_checkpoint(f.file.path, reader); },
                   {"'dynamics_net'", "'sequence_model'"});
}

TEST_CASE("files that are cut anywhere are refused and change nothing") {
  fixture f("cut");
  const std::string whole = slurp(f.file.path);
  REQUIRE(whole.size() > 500);
  for (std::size_t length = 0; length < whole.size(); length += whole.size() / 40) {
    spill(f.file.path, whole.substr(0, length));
    f.refuses({"safetensors"});
  }
  spill(f.file.path, whole + "x");
  f.refuses({"safetensors"});
  std::filesystem::remove(f.file.path);
  f.refuses({"file", "attd_training_cut"});
}

TEST_CASE("tensors that are missing, foreign, of another shape or not finite are refused") {
  const auto without = [](const char* name) {
    return [=](auto& entries, auto&) {
      std::erase_if(entries, [&](const auto& e) { return e.name == name; });
    };
  };
  const char* moment = "optimizer.second.layers.1.dynamics.B";
  for (const char* name : {"model.layers.0.dynamics.A", moment, "training.step",
                           "training.best_step", "best.layers.0.dynamics.A"}) {
    fixture f("missing");
    f.tamper(without(name));
    f.refuses({"no tensor", name});
  }
  {
    fixture f("foreign");
    f.tamper([](auto& entries, auto&) { entries[0].name = "stranger"; });
    f.refuses({"'stranger'", "expected model.*"});
  }
  {
    fixture f("shape");
    f.tamper([](auto& entries, auto&) {
      for (auto& e : entries) {
        if (e.name == "model.layers.0.dynamics.B") e.shape = {2, 3};
      }
    });
    f.refuses({"model.layers.0.dynamics.B", "2", "3"});
  }
  {
    fixture f("nan");
    f.set("model.layers.1.dynamics.A", std::nan(""), 4);
    f.refuses({"model.layers.1.dynamics.A", "nan", "element 4"});
  }
  {
    fixture f("negative");
    f.set(moment, -1.0, 1);
    f.refuses({moment, "-1", "element 1", "from 0"});
  }
}

TEST_CASE("counts that contradict each other are refused") {
  const auto refuses = [](auto name, auto value, std::initializer_list<const char*> parts) {
    fixture f("counts");
    f.set(name, value);
    f.refuses(parts);
  };
  refuses("training.step", std::int64_t{-1}, {"training.step -1"});
  refuses("training.step", std::int64_t{4}, {"training.step 4", "updates 3"});
  refuses("training.skipped", std::int64_t{1}, {"training.skipped 1"});
  refuses("optimizer.updates", std::nan(""), {"optimizer.updates nan"});
  refuses("training.best_step", std::int64_t{9}, {"training.best_step 9"});
  refuses("training.waited", std::int64_t{-2}, {"training.waited -2"});
  refuses("training.least", std::nan(""), {"training.least nan"});
}

TEST_CASE("metadata that is missing, hostile or of another version is refused") {
  const auto refuses = [](const char* key, const char* value,
                          std::initializer_list<const char*> parts) {
    fixture f("metadata");
    f.tamper([&](auto&, auto& metadata) {
      if (value) {
        metadata[key] = value;
      } else {
        metadata.erase(key);
      }
    });
    f.refuses(parts);
  };
  refuses("attd_checkpoint", nullptr, {"attd_checkpoint (none)", "expected '1'"});
  refuses("attd_checkpoint", "2", {"attd_checkpoint '2'"});
  refuses("attd_format", "9", {"attd_format '9'"});
  refuses("attd_model", nullptr, {"no attd_model"});
  refuses("attd_model", "{]", {"attd_model", "not JSON"});
  refuses("attd_training", nullptr, {"no attd_training"});
  refuses("attd_training", "[]", {"array", "expected an object"});
  refuses("attd_training", R"({"type":"trainer","rate":"fast"})", {"rate", "string"});
}

#if defined(__unix__)
TEST_CASE("a program that is killed while it saves leaves a checkpoint that loads") {
  fixture f("killed");
  const auto folder = std::filesystem::temp_directory_path() / "attd_training_killed_folder";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directory(folder);
  const auto path = folder / "checkpoint.safetensors";
  training::save_checkpoint(path, f.trainer);
  int saved = 0;
  // On a busy machine the child may not come to save in so short a time: more tries then.
  for (int i = 0; i < 12 || (saved == 0 && i < 100); ++i) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {  // writes again and again, each time after one more step
      for (index_t step = 2;; ++step) {
        f.trainer.set_step_count(step);
        f.trainer.state().updates(0) = double(step);
        training::save_checkpoint(path, f.trainer);
      }
    }
    ::usleep(static_cast<useconds_t>(2000 + 700 * i));
    REQUIRE(::kill(child, SIGKILL) == 0);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));
    auto q = start_of(tiny_net(), 3);
    auto other = make_trainer(tiny_net(), squared_rows{}, short_options(), q);
    training::load_checkpoint(path, other);
    CHECK(equal_bits(q, f.p));
    saved += other.step_count() > 2 ? 1 : 0;
  }
  CHECK(saved > 0);  // the child did come to replace the file
  std::filesystem::remove_all(folder);
}
#endif
