// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// libFuzzer target: any bytes as a ListOps table give samples that hold together or an attd::error.
#include <attd/tasks/listops_file.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

void read(std::string_view text, const attd::tasks::listops_file_options& options) {
  std::vector<attd::tasks::example<float>> examples;
  try {
    examples = attd::tasks::parse_listops<float>(text, options, "fuzz");
  } catch (const attd::error&) {
    return;
  }
  check(!examples.empty());
  check(options.limit == 0 || static_cast<attd::index_t>(examples.size()) <= options.limit);
  std::string again = "Source\tTarget\n";
  for (const auto& e : examples) {
    check(!e.ids.empty() && e.split == e.length());
    check(options.max_tokens == 0 || e.length() <= options.max_tokens);
    const attd::index_t value = attd::tasks::evaluate_listops(e.ids);
    check(!options.check_labels || value == e.label);
    again += attd::tasks::listops_text(e.ids) + '\t' + std::to_string(value) + '\n';
  }
  const auto same = attd::tasks::parse_listops<float>(again, {}, "again");
  check(same.size() == examples.size());
  for (std::size_t i = 0; i < same.size(); ++i) check(same[i].ids == examples[i].ids);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using attd::tasks::listops_format;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read(text, {});
  read(text, {.check_labels = false, .max_tokens = 8, .limit = 2});
  read(text, {.format = listops_format::original});
  read(text, {.format = listops_format::original, .check_labels = false});
  return 0;
}
