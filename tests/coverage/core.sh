#!/bin/sh
# Line coverage of the pure core by the tests of its crate. Prints each file with what it lacks; fails below 100 %.
set -eu
state=target/coverage
# What is told all it knows (ARCHITECTURE.md): decisions, the values around them, and their way to and from a line of the
# ledger.
core='stock batch commit_trigger entry ids item money payment request suspense debts cluster placement ledger/row
ledger/detail ledger/kind ledger/fold'

rm -rf "$state"
mkdir -p "$state"
export LLVM_PROFILE_FILE="$PWD/$state/%p-%8m.profraw" RUSTC_WORKSPACE_WRAPPER="$PWD/tests/coverage/rustc.sh"
cargo test --locked --package doorbuster-actors --lib --test it --no-run --message-format=json 2>"$state/build" \
  | sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' >"$state/programs" || { cat "$state/build"; exit 1; }
for program in $(cat "$state/programs"); do
  (cd actors && CARGO_MANIFEST_DIR=$PWD "$program" --quiet) >"$state/tests" 2>&1 || { tail -n 40 "$state/tests"; exit 1; }
done
llvm-profdata-22 merge --sparse "$state"/*.profraw --output "$state/profile"
objects=$(sed 's/^/--object /' "$state/programs")
files=$(for part in $core; do ls "actors/src/$part.rs"; ls actors/src/"$part"/*.rs 2>/dev/null || true; done | grep -v '/tests.rs$')
# shellcheck disable=SC2086
llvm-cov-22 export $objects --instr-profile "$state/profile" --format lcov --skip-functions --sources $files >"$state/lcov"
awk -F '[:,]' '
  /^SF:/ { file = $2; sub(/.*actors\/src\//, "", file); next }
  /^DA:/ { lines[file]++; if ($3 > 0) run[file]++; else lacks[file] = lacks[file] " " $2 }
  END {
    for (file in lines) {
      all += lines[file]; hit += run[file]
      printf "%-28s %5d of %5d lines%s\n", file, run[file], lines[file], lacks[file] ? "  not run:" lacks[file] : "" | "sort"
    }
    close("sort")
    printf "coverage: %d of %d lines of the pure core, %.2f %%\n", hit, all, 100 * hit / all
    exit hit < all
  }' "$state/lcov"
