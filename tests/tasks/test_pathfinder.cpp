// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Pathfinder: what is drawn, labels by construction, statistics against reference images, files.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <attd/tasks/observe.hpp>
#include <attd/tasks/pathfinder.hpp>
#include <attd/tasks/pathfinder_file.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "support/data.hpp"
#include "tasks/checks.hpp"

namespace tasks = attd::tasks;
using attd::index_t;
using attd_test::contains;
using attd_test::message_of;
using tasks::pathfinder_difficulty;
using images_type = std::vector<tasks::pathfinder_image>;

namespace {

constexpr std::array<pathfinder_difficulty, 3> difficulties{
    pathfinder_difficulty::easy, pathfinder_difficulty::intermediate, pathfinder_difficulty::hard};

images_type draw_images(const tasks::pathfinder_options& o, index_t count) {
  const tasks::pathfinder_generator generator(o);
  images_type images;
  for (index_t i = 0; i < count; ++i) images.push_back(generator(i));
  return images;
}

/// Number of connected parts (8 neighbours) of the cells that are set, and each cell's part.
struct connected_parts {
  index_t count = 0;
  std::vector<index_t> part;  // -1: not set

  connected_parts(const std::vector<bool>& set, index_t side) : part(set.size(), -1) {
    for (std::size_t start = 0; start < set.size(); ++start) {
      if (!set[start] || part[start] >= 0) continue;
      std::vector<std::size_t> open{start};
      part[start] = count;
      while (!open.empty()) {
        const auto cell = static_cast<index_t>(open.back());
        open.pop_back();
        for (index_t y = cell / side - 1; y <= cell / side + 1; ++y) {
          for (index_t x = cell % side - 1; x <= cell % side + 1; ++x) {
            if (y < 0 || x < 0 || y >= side || x >= side) continue;
            const auto next = static_cast<std::size_t>(y * side + x);
            if (set[next] && part[next] < 0) {
              part[next] = count;
              open.push_back(next);
            }
          }
        }
      }
      ++count;
    }
  }
};

/// Cells of a contour that are visible (lines of one pixel at twice the resolution reach 0.6 to 0.9
/// of 1.5), and `grow` cells around them.
std::vector<bool> cells_of(const tasks::detail::layer& drawn, index_t side, index_t grow) {
  std::vector<bool> set(drawn.size());
  for (index_t cell = 0; cell < side * side; ++cell) {
    if (drawn[static_cast<std::size_t>(cell)] < 0.2) continue;
    for (index_t y = cell / side - grow; y <= cell / side + grow; ++y) {
      for (index_t x = cell % side - grow; x <= cell % side + grow; ++x) {
        if (y < 0 || x < 0 || y >= side || x >= side) continue;
        set[static_cast<std::size_t>(y * side + x)] = true;
      }
    }
  }
  return set;
}

/// How many places of an image could be the middle of a disc: nowhere darker than a disc there.
index_t possible_discs(const tasks::pathfinder_image& image) {
  static const auto disc = tasks::detail::draw_disc({64, 32}, 32, {16, 16}, 1.5);
  index_t found = 0;
  for (index_t cell = 0; cell < 32 * 32; ++cell) {
    bool fits = true;
    for (index_t y = std::max<index_t>(0, cell / 32 - 1); y <= std::min<index_t>(31, cell / 32 + 1);
         ++y) {
      for (index_t x = std::max<index_t>(0, cell % 32 - 1);
           x <= std::min<index_t>(31, cell % 32 + 1); ++x) {
        // Discs have half of the highest contrast; at the border they are a little brighter.
        const int wanted = disc.at(16 + y - cell / 32, 16 + x - cell % 32) / 2 - 2;
        fits = fits && image.pixels[static_cast<std::size_t>(y * 32 + x)] >= wanted;
      }
    }
    found += fits;
  }
  return found;
}

/// What is compared between two sets of images, each with the error of its mean over images.
struct image_statistics {
  static constexpr std::size_t rings = 16;
  struct mean {
    double value = 0, error = 0;
  };
  mean intensity, lit, brightest, half, label;
  std::array<mean, rings> ring;     // intensity by distance from the border
  std::array<double, 256> share{};  // of each intensity

  explicit image_statistics(const images_type& images) {
    std::vector<std::vector<double>> values(5 + rings);
    for (const auto& image : images) {
      std::array<double, rings> sum{}, cells{};
      double lit_cells = 0, bright_cells = 0, half_cells = 0;
      for (index_t cell = 0; cell < 1024; ++cell) {
        const int v = image.pixels[static_cast<std::size_t>(cell)];
        const index_t y = cell / 32, x = cell % 32;
        const auto r = static_cast<std::size_t>(std::min({y, x, 31 - y, 31 - x}));
        sum[r] += v;
        ++cells[r];
        lit_cells += v > 30;
        bright_cells += v == 255;
        half_cells += v == 127 || v == 128;
        ++share[static_cast<std::size_t>(v)];
      }
      values[0].push_back(std::accumulate(sum.begin(), sum.end(), 0.0) / 1024);
      values[1].push_back(lit_cells / 1024);
      values[2].push_back(bright_cells / 1024);
      values[3].push_back(half_cells / 1024);
      values[4].push_back(static_cast<double>(image.label));
      for (std::size_t r = 0; r < rings; ++r) values[5 + r].push_back(sum[r] / cells[r]);
    }
    const auto n = static_cast<double>(images.size());
    for (double& count : share) count /= 1024 * n;
    const auto mean_of = [&](const std::vector<double>& v) {
      double total = 0, squares = 0;
      for (double x : v) {
        total += x;
        squares += x * x;
      }
      return mean{total / n, std::sqrt((squares / n - total * total / n / n) / n)};
    };
    intensity = mean_of(values[0]);
    lit = mean_of(values[1]);
    brightest = mean_of(values[2]);
    half = mean_of(values[3]);
    label = mean_of(values[4]);
    for (std::size_t r = 0; r < rings; ++r) ring[r] = mean_of(values[5 + r]);
  }
};

/// Deviation of two means in units of its standard error.
double distance(image_statistics::mean a, image_statistics::mean b) {
  return std::abs(a.value - b.value) / std::hypot(a.error, b.error);
}

struct scratch_set {
  std::filesystem::path path = std::filesystem::temp_directory_path() / "attd_test_pathfinder";
  scratch_set() {
    std::filesystem::remove_all(path);
    std::filesystem::create_directories(path / "metadata");
    std::filesystem::create_directories(path / "imgs/0");
  }
  ~scratch_set() { std::filesystem::remove_all(path); }
  void write(const std::string& name, const std::string& content) const {
    std::ofstream(path / name, std::ios::binary) << content;
  }
};

/// 4 x 4 pixels 0, 3, 6, ...
std::string pixels_of(int first) {
  std::string pixels;
  for (int i = 0; i < 16; ++i) pixels += static_cast<char>(first + 3 * i);
  return pixels;
}

}  // namespace

TEST_CASE("pathfinder: shrinking keeps even areas, and halves a step at its edge") {
  const tasks::detail::lanczos_shrink half(16, 8);
  tasks::detail::byte_square image(16);
  std::fill(image.values.begin(), image.values.end(), std::uint8_t{200});
  for (std::uint8_t value : half(image).values) CHECK(value == 200);
  for (index_t y = 0; y < 16; ++y) {
    for (index_t x = 0; x < 16; ++x) image.at(y, x) = x < 7 ? 0 : 255;
  }
  const auto step = half(image);  // pixel 3 covers columns 6 and 7
  for (index_t y = 0; y < 8; ++y) {
    CHECK(step.at(y, 1) <= 10);
    CHECK(std::abs(step.at(y, 3) - 128) <= 1);
    CHECK(step.at(y, 6) >= 245);
  }
}

TEST_CASE("pathfinder: lines have one pixel a step and both ends") {
  tasks::detail::byte_square image(9);
  tasks::detail::draw_line(image, {4, 4}, {2, 8});
  const std::set<std::pair<index_t, index_t>> expected{{4, 4}, {3, 5}, {3, 6}, {2, 7}, {2, 8}};
  std::set<std::pair<index_t, index_t>> drawn;
  for (index_t y = 0; y < 9; ++y) {
    for (index_t x = 0; x < 9; ++x) {
      if (image.at(y, x) == 255) drawn.insert({y, x});
    }
  }
  CHECK(drawn == expected);
  tasks::detail::byte_square point(3);
  tasks::detail::draw_line(point, {1, 1}, {1, 1});
  CHECK(std::accumulate(point.values.begin(), point.values.end(), 0) == 255);
}

TEST_CASE("pathfinder: the published parameters are the defaults") {
  const auto hard = tasks::pathfinder_parameters(pathfinder_difficulty::hard);
  const tasks::pathfinder_options defaults;
  CHECK(hard.contour_length == defaults.contour_length);
  CHECK(hard.distractor_length == defaults.distractor_length);
  CHECK(hard.distractors == defaults.distractors);
  CHECK(hard.seed_distance == defaults.seed_distance);
  CHECK(hard.contour_length == 14);
  CHECK(hard.distractor_length == 4);
  CHECK(hard.distractors == 5);
  CHECK(hard.seed_distance == 7);
  const auto middle = tasks::pathfinder_parameters(pathfinder_difficulty::intermediate);
  CHECK(middle.contour_length == 9);
  CHECK(middle.distractor_length == 3);
  CHECK(middle.distractors == 6);
  const auto easy = tasks::pathfinder_parameters(pathfinder_difficulty::easy);
  CHECK(easy.contour_length == 6);
  CHECK(easy.distractor_length == 2);
  CHECK(easy.distractors == 10);
}

TEST_CASE("pathfinder: sets are made in a few lines") {
  const auto options =
      attd::tasks::pathfinder_parameters(attd::tasks::pathfinder_difficulty::easy, 16);
  const auto train = attd::tasks::pathfinder_examples<float>(options, 0, 30);
  const auto test = attd::tasks::pathfinder_examples<float>(options, 30, 10);
  CHECK(train.size() == 30);
  CHECK(test.size() == 10);
  CHECK(test[0].input.view().columns() == 1);
}

TEST_CASE("pathfinder: image i is a function of the seed and i") {
  auto o = tasks::pathfinder_parameters(pathfinder_difficulty::easy);
  const auto images = draw_images(o, 6);
  const auto later = tasks::pathfinder_examples<float>(o, 4, 2, tasks::pathfinder_input::ids);
  CHECK(std::equal(later[0].ids.begin(), later[0].ids.end(), images[4].pixels.begin()));
  CHECK(later[1].label == images[5].label);
  CHECK(later[1].cluster == 5);
  o.seed = 1;
  CHECK(draw_images(o, 1)[0].pixels != images[0].pixels);
  CHECK(*std::min_element(images[0].pixels.begin(), images[0].pixels.end()) == 0);
  CHECK(*std::max_element(images[0].pixels.begin(), images[0].pixels.end()) == 255);
}

TEST_CASE("pathfinder: the label says whether both discs are on one contour") {
  for (pathfinder_difficulty difficulty : difficulties) {
    const auto o = tasks::pathfinder_parameters(difficulty);
    const tasks::pathfinder_generator generator(o);
    index_t whole = 0, pieces = 0, shared = 0, ambiguous = 0;
    constexpr index_t count = 200;
    for (index_t i = 0; i < count; ++i) {
      const auto drawn = generator.draw_parts(i);
      std::array<bool, 2> first{}, last{};
      for (std::size_t t = 0; t < 2; ++t) {
        const auto& target = drawn.targets[t];
        const auto cell = [&](tasks::detail::grid_point p) {
          return static_cast<std::size_t>(p.y * o.side + p.x);
        };
        first[t] = drawn.discs[0] == target.origin;
        last[t] = drawn.discs[1] == target.tip;
        // With a cell around each paddle the gaps of a contour close: it is one piece from the
        // first end to the last.
        const connected_parts closed(cells_of(target.drawn, o.side, 1), o.side);
        const index_t start = closed.part[cell(target.origin)];
        whole += start >= 0 && start == closed.part[cell(target.tip)] && closed.count == 1;
        const connected_parts open(cells_of(target.drawn, o.side, 0), o.side);
        CHECK(open.count <= o.contour_length);
        pieces += open.count;
      }
      CHECK(first[0] != first[1]);
      const bool same = (first[0] && last[0]) || (first[1] && last[1]);
      const bool different = (first[0] && last[1]) || (first[1] && last[0]);
      CHECK((drawn.label == 1 ? same : different));
      ambiguous += same == different;
      for (std::size_t c = 0; c < drawn.image.size(); ++c) {
        shared += std::min(drawn.targets[0].drawn[c], drawn.targets[1].drawn[c]) >= 0.2;
      }
    }
    CHECK(whole == 2 * count);
    CHECK(pieces > 3 * count);  // dashed, not drawn through
    // A target's latest paddle is no obstacle to the other one's next, so that contours touch now
    // and then, and rarely end at the same place. They do not cross.
    CHECK(shared <= 3 * count / 2);
    CHECK(ambiguous <= count / 50);
  }
}

TEST_CASE("pathfinder: reference images and ours have the same statistics") {
  struct set {
    const char* file;
    std::size_t count;
    pathfinder_difficulty difficulty;
  };
  std::array<images_type, 3> drawn;
  for (const set& one : {set{"easy_train", 2500, pathfinder_difficulty::easy},
                         set{"easy_test", 500, pathfinder_difficulty::easy},
                         set{"intermediate_test", 600, pathfinder_difficulty::intermediate},
                         set{"hard_train", 1240, pathfinder_difficulty::hard},
                         set{"hard_test", 460, pathfinder_difficulty::hard}}) {
    const auto path = attd_test::data_file("pathfinder32-ref/" + std::string(one.file) + ".bin");
    if (!path) return;
    const images_type images = tasks::read_pathfinder_records(*path);
    CHECK(images.size() == one.count);
    auto& ours = drawn[static_cast<std::size_t>(one.difficulty)];
    if (ours.empty()) ours = draw_images(tasks::pathfinder_parameters(one.difficulty), 1500);
    const image_statistics reference(images), generated(ours);
    CAPTURE(one.file);
    // Means over independent images: beyond 3.9 errors by chance once in ten thousand.
    CHECK(distance(reference.intensity, generated.intensity) < 3.9);
    CHECK(distance(reference.lit, generated.lit) < 3.9);
    CHECK(distance(reference.brightest, generated.brightest) < 3.9);
    CHECK(distance(reference.half, generated.half) < 3.9);
    CHECK(distance(reference.label, generated.label) < 3.9);
    for (std::size_t r = 0; r < image_statistics::rings; ++r) {
      CAPTURE(r);
      CHECK(distance(reference.ring[r], generated.ring[r]) < 3.9);
    }
    // Paddles and discs are drawn alike to the byte: intensities that one has, the other has too.
    double reference_only = 0, generated_only = 0, total = 0;
    for (std::size_t v = 0; v < 256; ++v) {
      total += std::abs(reference.share[v] - generated.share[v]) / 2;
      if (generated.share[v] == 0) reference_only += reference.share[v];
      if (reference.share[v] == 0) generated_only += generated.share[v];
    }
    CHECK(reference_only < 1e-4);
    CHECK(generated_only < 1e-4);
    CHECK(total < 0.02);
    const auto with_discs = [](const images_type& all) {
      return std::count_if(all.begin(), all.end(),
                           [](const auto& i) { return possible_discs(i) >= 2; });
    };
    CHECK(with_discs(images) == static_cast<std::ptrdiff_t>(images.size()));
    CHECK(with_discs(ours) == static_cast<std::ptrdiff_t>(ours.size()));
  }
}

TEST_CASE("pathfinder: a smaller side makes a shorter task of the same kind") {
  for (pathfinder_difficulty difficulty : difficulties) {
    const auto o = tasks::pathfinder_parameters(difficulty, 16);
    const auto examples = tasks::pathfinder_examples<double>(o, 0, 100);
    index_t positive = 0;
    for (const auto& e : examples) {
      CHECK(e.length() == 256);
      CHECK(e.split == 256);
      positive += e.label;
    }
    CHECK(positive > 30);
    CHECK(positive < 70);
  }
  CHECK(contains(message_of([] { tasks::pathfinder_parameters(pathfinder_difficulty::easy, 8); }),
                 "side is 8, expected at least 16"));
}

TEST_CASE("pathfinder: an example is a sequence of intensities or of ids") {
  tasks::pathfinder_image image{2, 1, {0, 255, 51, 204}};
  const auto signal = tasks::pathfinder_example<double>(image);
  CHECK(signal.ids.empty());
  CHECK(signal.input(0, 0) == doctest::Approx(-1));
  CHECK(signal.input(1, 0) == doctest::Approx(1));
  CHECK(signal.input(2, 0) == doctest::Approx(-0.6));
  CHECK(signal.input(3, 0) == doctest::Approx(0.6));
  CHECK(signal.label == 1);
  CHECK(signal.target.empty());
  CHECK(tasks::observe(signal).length() == 4);
  const auto tokens = tasks::pathfinder_example<float>(image, tasks::pathfinder_input::ids, 3);
  CHECK(tokens.ids == std::vector<index_t>{0, 255, 51, 204});
  CHECK(tokens.input.empty());
  CHECK(tokens.cluster == 3);
  image.pixels.pop_back();
  CHECK(contains(message_of([&] { tasks::pathfinder_example<float>(image); }),
                 "side 2 has 3 pixels, expected 4"));
}

TEST_CASE("pathfinder: options that contradict each other are refused with their values") {
  const auto fault = [](auto change) {
    tasks::pathfinder_options o;
    change(o);
    return message_of([&] { draw_images(o, 1); });
  };
  CHECK(contains(fault([](auto& o) { o.side = 7; }), "side is 7, expected 8 .. 4096"));
  CHECK(contains(fault([](auto& o) { o.contour_length = 1; }), "contour_length 1, distractor"));
  CHECK(contains(fault([](auto& o) { o.padding = 0; }), "padding 0, paddle_length 2"));
  CHECK(contains(fault([](auto& o) { o.seed_distance = 8; }),
                 "seed_distance is 8, expected 1 .. 7 for a side of 32"));
  CHECK(contains(fault([](auto& o) { o.continuity = 0; }), "continuity 0"));
  CHECK(contains(fault([](auto& o) {
                   o.side = 8;
                   o.seed_distance = 1;
                   o.contour_length = 40;
                 }),
                 "no two contours of 40 paddles in 100000 tries on 8 x 8 pixels; hint: lower"));
  CHECK(contains(message_of([] { tasks::pathfinder_examples<float>({}, -1, 1); }), "index is -1"));
}

TEST_CASE("pathfinder: records are read, and refused when they do not fit") {
  tasks::pathfinder_file_options o;
  o.side = 4;
  const auto parse = [&](const std::string& bytes) {
    return tasks::parse_pathfinder_records(bytes, o, "a.bin");
  };
  const std::string one = '\1' + pixels_of(0), zero = '\0' + pixels_of(100);
  const auto images = parse(one + zero);
  REQUIRE(images.size() == 2);
  CHECK(images[0].label == 1);
  CHECK(images[1].label == 0);
  CHECK(images[1].pixels[15] == 145);
  CHECK(contains(message_of([&] { parse(""); }), "'a.bin' has 0 bytes, expected a multiple of 17"));
  CHECK(
      contains(message_of([&] { parse(one + "x"); }), "'a.bin' has 18 bytes, expected a multiple"));
  CHECK(contains(message_of([&] { parse(one + '\2' + pixels_of(0)); }),
                 "'a.bin' record 1: label is 2, expected 0 or 1"));
  const std::string blank = '\1' + std::string(16, '\7');
  CHECK(contains(message_of([&] { parse(one + blank); }),
                 "'a.bin' record 1: the image is blank, all its pixels are 7; hint: drop_blank"));
  o.drop_blank = true;
  CHECK(parse(blank + one).size() == 1);
  CHECK(contains(message_of([&] { parse(blank); }), "has blank images only, 1 of them"));
  o.limit = 1;
  CHECK(parse(blank + one + zero).at(0).label == 1);
  CHECK(parse(blank + one + zero).size() == 1);
  o.limit = -1;
  CHECK(contains(message_of([&] { parse(one); }), "side is 4 and limit -1"));
  const auto examples = tasks::pathfinder_examples<float>(std::span(images));
  CHECK(examples.at(1).cluster == 1);
  CHECK(examples.at(0).label == 1);
}

TEST_CASE(
    "pathfinder: folders of metadata and PGM images are read as published sets are laid out") {
  const scratch_set folder;
  tasks::pathfinder_file_options o;
  o.side = 4;
  const auto read = [&] { return tasks::read_pathfinder_folder(folder.path, o); };
  CHECK(contains(message_of(read), "has no metadata/*.npy; hint: name the folder of one set"));
  folder.write("metadata/10.npy", "imgs/0 c.png 0 1 1.0 14 4 2 0.5 1 1\n");
  folder.write("metadata/2.npy",
               "imgs/0 a.png 0 0 1.0 14 4 2 0.5 1 1\nimgs/0 b.pgm 1 1 1.0 14 4 2 0.5 1 1\n");
  CHECK(contains(message_of(read), "a.pgm' does not exist"));
  folder.write("imgs/0/a.pgm", "P5\n4 4\n255\n" + pixels_of(0));
  folder.write("imgs/0/b.pgm", "P5 # by hand\n4\t4 255 " + pixels_of(10));
  folder.write("imgs/0/c.pgm", "P5\n4 4\n255\n" + pixels_of(20));
  const auto images = read();
  REQUIRE(images.size() == 3);
  CHECK(images[0].label == 0);
  CHECK(images[0].pixels[1] == 3);
  CHECK(images[1].label == 1);
  CHECK(images[1].pixels[0] == 10);
  CHECK(images[2].pixels[0] == 20);  // the list numbered 10 comes after the one numbered 2
  folder.write("imgs/0/a.pgm", "");
  CHECK(contains(message_of(read), "a.pgm' the image is blank"));
  o.drop_blank = true;
  CHECK(read().size() == 2);
  o.limit = 1;
  CHECK(read().at(0).pixels[0] == 10);
}

TEST_CASE("pathfinder: malformed images and metadata are refused with what was found") {
  const auto pgm = [](const std::string& bytes) {
    return message_of([&] { tasks::parse_pgm(bytes, 4, "a.pgm"); });
  };
  CHECK(pgm("P5 4 4 255\n" + pixels_of(0)).empty());
  CHECK(
      contains(pgm("\x89PNG\r\n"), "'a.pgm' starts with '?PNG', expected 'P5'; hint: only binary"));
  CHECK(contains(pgm("P5 4 5 255\n"), "has 4 x 5 pixels of maximum 255, expected 4 x 4"));
  CHECK(
      contains(pgm("P5 4 4 65535\n"), "4 x 4 pixels of maximum 65535, expected 4 x 4 and at most"));
  CHECK(contains(pgm("P5 4 4 255\n123"), "has 3 bytes of pixels, expected 16"));
  CHECK(contains(pgm("P5 4 4 255\n" + pixels_of(0) + "x"), "has 17 bytes of pixels, expected 16"));
  CHECK(contains(pgm("P5 4 x"), "height is 'x', expected a number 1 .. 65535"));
  CHECK(contains(pgm("P54 4 255\n"), "width is '4', expected a number"));
  CHECK(contains(pgm("P5 # no end"), "width is '', expected"));
  CHECK(contains(pgm("P5 999999999999999999999 4"), "width is '999999999999999999999', expected"));

  const auto list = [](const std::string& text) {
    return message_of([&] { tasks::parse_pathfinder_metadata(text, "0.npy"); });
  };
  CHECK(list("imgs/0 a.png 0 1\r\nimgs/0 b.png 1 0 1.0\n").empty());
  CHECK(contains(list(""), "'0.npy' is empty"));
  CHECK(contains(list("imgs/0 a.png 0 1\nimgs/0 b.png 1\n"),
                 "line 2: 3 fields, expected at least 4"));
  CHECK(contains(list("imgs/0 a.png 0 2\n"), "line 1: label is '2', expected 0 or 1"));
  CHECK(contains(list("imgs/../../x a.png 0 1\n"), "image '../x/a.png' is not below the set's"));
  CHECK(contains(list("/etc a.png 0 1\n"), "image '/etc/a.png' is not below"));
  CHECK(contains(list("\x93NUMPY\x01"), "'0.npy' is a NumPy array, expected lines of text"));
}
