#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 the attd authors
# SPDX-License-Identifier: MIT
# Checks what the pages and the sources say of each other; needs bash, awk, grep and find only.
#   tools/check_docs.sh [ROOT]
# 1. Every page (and anchor) that a source names exists: those of compile errors above all.
# 2. Every relative link of every page leads to a file, and its anchor to a heading.
# 3. Every citation [Key1234] of a header or a page has an entry in docs/bibliography.md.
# 4. Every header, example, test, tool or script that a page or a header names exists.
# 5. Every code block below a line `<!-- from FILE -->` stands in that file, line by line.
# Prints one line for each fault and ends with status 1 if there is any.
set -euo pipefail
export LC_ALL=C
root=$(cd "${1:-$(dirname "$0")/..}" && pwd)
cd "$root"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

find . \( -name .git -o -path ./build -o -name 'build-*' \) -prune -o -name '*.md' -print |
  sed 's|^\./||' | sort >"$work/pages"
find include backends examples tests bench fuzz scripts tools cmake -type f \
  \( -name '*.hpp' -o -name '*.cpp' -o -name '*.sh' -o -name '*.cmake' -o -name CMakeLists.txt \) \
  2>/dev/null | sort >"$work/sources"
find . \( -name .git -o -path ./build -o -name 'build-*' \) -prune -o -print |
  sed 's|^\./||' >"$work/files"
grep -oE '^- \*\*\[[A-Za-z0-9]+\]' docs/bibliography.md | sed 's/^- \*\*\[//; s/\]$//' >"$work/keys"
mapfile -t pages <"$work/pages"
mapfile -t sources <"$work/sources"
if [ ${#pages[@]} -eq 0 ] || [ ${#sources[@]} -eq 0 ]; then
  echo "check_docs: no pages or no sources in $root"
  exit 1
fi

# Lines `anchor<TAB>page#anchor` and `link<TAB>page:line<TAB>target`. What stands in code is
# neither a heading nor a link. Anchors are made of headings as the usual hosts make them.
awk '
  FNR == 1 { fenced = 0 }
  /^ *(```|~~~)/ { fenced = !fenced; next }
  fenced { next }
  {
    line = $0
    while (match(line, /<a (id|name)="[^"]*"/)) {
      anchor = substr(line, RSTART, RLENGTH)
      sub(/^[^"]*"/, "", anchor); sub(/".*$/, "", anchor)
      print "anchor\t" FILENAME "#" anchor
      line = substr(line, RSTART + RLENGTH)
    }
  }
  /^#+ / {
    anchor = tolower($0)
    sub(/^#+ +/, "", anchor); sub(/ +#* *$/, "", anchor)
    gsub(/\]\([^)]*\)/, "", anchor)
    gsub(/[^a-z0-9_ -]/, "", anchor); gsub(/ /, "-", anchor)
    n = seen[FILENAME, anchor]++
    print "anchor\t" FILENAME "#" anchor (n > 0 ? "-" n : "")
  }
  {
    line = $0
    gsub(/`[^`]*`/, "", line)
    while (match(line, /\]\([^()]*\)/)) {
      target = substr(line, RSTART + 2, RLENGTH - 3)
      sub(/ .*$/, "", target)
      if (target !~ /^[a-z]+:/) print "link\t" FILENAME ":" FNR "\t" target
      line = substr(line, RSTART + RLENGTH)
    }
  }' "${pages[@]}" >"$work/found"

# Lines `page<TAB>place<TAB>page#anchor`: what sources say of pages.
grep -noE 'docs/[A-Za-z0-9_/.-]+\.md(#[A-Za-z0-9_-]+)?' /dev/null "${sources[@]}" |
  awk '{ i = index($0, ":docs/"); print "page\t" substr($0, 1, i - 1) "\t" substr($0, i + 1) }' \
    >>"$work/found" || true
mapfile -t headers < <(grep -E '^(include|backends)/' "$work/sources")
# Lines `key<TAB>place<TAB>Key1234`: citations in headers and pages.
grep -noE '\[[A-Z][A-Za-z]+(19|20|18)[0-9][0-9][a-z]?[],;]' /dev/null "${headers[@]}" "${pages[@]}" |
  awk '{ i = index($0, ":["); place = substr($0, 1, i - 1); key = substr($0, i + 2)
         sub(/[],;]$/, "", key); print "key\t" place "\t" key }' >>"$work/found" || true
# Lines `path<TAB>place<TAB>path`: files named in pages and in comments of headers.
grep -noE '(^|[^A-Za-z0-9_/.-])((include/|backends/[a-z_]+/include/)?attd/[a-z0-9_/]+\.hpp|(examples|tests|tools|scripts|bench|fuzz)/[a-z0-9_/]+\.(cpp|hpp|sh|py))' \
  /dev/null "${pages[@]}" "${headers[@]}" |
  awk '{ match($0, /:[0-9]+:/); place = substr($0, 1, RSTART + RLENGTH - 2)
         path = substr($0, RSTART + RLENGTH); sub(/^[^A-Za-z]/, "", path)
         print "path\t" place "\t" path }' >>"$work/found" || true

awk -F '\t' '
  function fault(text) { print text }
  # The path without `.` and `..`; empty where it leaves the tree.
  function resolved(folder, path,   part, n, i, depth, out, kept) {
    n = split(folder "/" path, part, "/")
    depth = 0
    for (i = 1; i <= n; i++) {
      if (part[i] == "" || part[i] == ".") continue
      if (part[i] == "..") { if (--depth < 0) return "" } else kept[++depth] = part[i]
    }
    out = ""
    for (i = 1; i <= depth; i++) out = out (i > 1 ? "/" : "") kept[i]
    return out
  }
  function check_target(place, said, page, anchor) {
    if (!(page in file)) fault(place ": " said " leads to no file")
    else if (anchor != "" && page ~ /\.md$/ && !((page "#" anchor) in heading))
      fault(place ": " said " leads to no heading")
  }
  FILENAME ~ /files$/ { file[$0] = 1; next }
  FILENAME ~ /keys$/ { known[$0] = 1; next }
  $1 == "anchor" { heading[$2] = 1; next }
  { kind[++count] = $1; place[count] = $2; said[count] = $3 }
  END {
    for (i = 1; i <= count; i++) {
      at = index(said[i], "#")
      path = at ? substr(said[i], 1, at - 1) : said[i]
      anchor = at ? substr(said[i], at + 1) : ""
      if (kind[i] == "page") {
        check_target(place[i], said[i], path, anchor)
      } else if (kind[i] == "link") {
        page = place[i]; sub(/:[0-9]+$/, "", page)
        folder = page; if (!sub(/\/[^\/]*$/, "", folder)) folder = ""
        check_target(place[i], said[i], path == "" ? page : resolved(folder, path), anchor)
      } else if (kind[i] == "key") {
        if (!(said[i] in known)) fault(place[i] ": [" said[i] "] is not in docs/bibliography.md")
      } else if (kind[i] == "path") {
        if (!(path in file) && !(("include/" path) in file) &&
            !(("backends/reference/include/" path) in file) &&
            !(("backends/eigen/include/" path) in file) &&
            !(("backends/thrust/include/" path) in file) &&
            !(("backends/cuda/include/" path) in file))
          fault(place[i] ": there is no file " path)
      }
    }
  }' "$work/files" "$work/keys" "$work/found" >"$work/faults" || true

# Code blocks below `<!-- from FILE -->`. Only what both have in common to the left is ignored.
awk '
  function fault(text) { print FILENAME ":" opened ": " text }
  # How far all lines but empty ones are moved to the right.
  function margin(lines, first, last,   i, least) {
    least = 1000
    for (i = first; i <= last; i++)
      if (lines[i] != "" && match(lines[i], /^ */) && RLENGTH < least) least = RLENGTH
    return least
  }
  function stands_in(path,   line, total, source, i, k, shift_block, shift_source) {
    total = 0
    while ((getline line < path) > 0) source[++total] = line
    close(path)
    if (total == 0) { fault("there is no file " path); return 1 }
    shift_block = margin(block, 1, size)
    for (i = 1; i + size - 1 <= total; i++) {
      shift_source = margin(source, i, i + size - 1)
      for (k = 1; k <= size; k++)
        if (substr(source[i + k - 1], shift_source + 1) != substr(block[k], shift_block + 1)) break
      if (k > size) return 1
    }
    return 0
  }
  FNR == 1 { from = ""; fenced = 0 }
  !fenced && /^<!-- from [^ ]+ -->$/ { from = $3; next }
  /^```/ {
    fenced = !fenced
    if (fenced) { opened = FNR; size = 0 }
    else if (from != "") {
      if (size == 0 || !stands_in(from)) fault("this code does not stand in " from)
      from = ""
    }
    next
  }
  fenced { block[++size] = $0 }
  !fenced && from != "" && !/^ *$/ { opened = FNR; fault("no code block below the name of its file"); from = "" }
  ' "${pages[@]}" >>"$work/faults"

if [ -s "$work/faults" ]; then
  sort -t: -k1,1 -k2,2n "$work/faults"
  echo "check_docs: $(wc -l <"$work/faults") faults"
  exit 1
fi
count() { grep -c "^$1" "$work/found" || true; }
for kind in anchor link page key path; do # a broken pattern would look like success
  [ "$(count "$kind")" -gt 0 ] || {
    echo "check_docs: found no $kind at all"
    exit 1
  }
done
echo "check_docs: ${#pages[@]} pages, $(count page) mentions of pages, $(count link) links," \
  "$(count key) citations, $(count path) files named, $(cat "${pages[@]}" |
    grep -c '^<!-- from ' || true) code blocks: no fault"
