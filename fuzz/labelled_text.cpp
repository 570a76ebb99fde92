// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// libFuzzer target: any bytes as labelled texts give a consistent list or an attd::error.
#include <attd/tasks/text_classification.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace tasks = attd::tasks;
  const std::string_view table(reinterpret_cast<const char*>(data), size);
  std::vector<tasks::labelled_text> texts;
  try {
    texts = tasks::parse_labelled_texts(table, "fuzz");
  } catch (const attd::error&) {
    return 0;
  }
  check(!texts.empty());
  for (const tasks::labelled_text& one : texts) {
    check((one.label == 0 || one.label == 1) && one.rating >= 1 && one.rating <= 10);
    check(one.id >= 0 && !one.text.empty() && one.text.find('\n') == one.text.npos);
  }
  for (const bool balanced : {false, true}) {
    tasks::text_classification_options o;
    o.balanced = balanced;
    o.max_length = 7;
    try {
      const auto examples = tasks::text_classification_examples<float>(texts, o);
      check(balanced ? examples.size() % 2 == 0 : examples.size() == texts.size());
      for (const auto& e : examples) {
        check(e.length() >= 1 && e.length() <= 7 && e.split == e.length());
      }
    } catch (const attd::error&) {
      check(balanced);  // one class only
    }
  }
  return 0;
}
