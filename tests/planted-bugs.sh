#!/bin/bash
# Plants the bugs of tests/planted/ one at a time in a copy of the tree, and expects the tests to find each: the one that
# its patch names goes red and says why. Usage: planted-bugs.sh [NUMBER...]; without a number all of them. A patch has
# these lines in front:
#   Bug:      what it does
#   Suite:    what is run: `actors`, `server` or `lib` and modules of that binary, or `clippy`
#   Red:      the test that finds it, or the lint
#   Because:  a part of what it says then
# The unpatched copy goes first and must be green. Logs and what was built stay in target/planted/.
set -euo pipefail
cd "$(dirname "$0")/.."
place=target/planted tree=target/planted/tree
# Longer than any short form takes, for a bug that makes a test wait for ever.
patience=1200
export CARGO_TARGET_DIR=$PWD/$place/target CARGO_PROFILE_DEV_OPT_LEVEL=0 CARGO_PROFILE_DEV_DEBUG=0
export CARGO_TERM_COLOR=never RUST_BACKTRACE=0

# Makes the copy what the tree is now. What is the same keeps its date, so that cargo builds only what is not.
mirror() {
    mkdir -p "$tree" "$place/logs"
    git ls-files --cached --others --exclude-standard | sort >"$place/files"
    while IFS= read -r file; do
        cmp -s "$file" "$tree/$file" && continue
        [ -e "$file" ] && mkdir -p "$tree/$(dirname "$file")" && cp --preserve=mode "$file" "$tree/$file"
    done <"$place/files"
    (cd "$tree" && find . -type f -printf '%P\n') | sort | comm -13 "$place/files" - | (cd "$tree" && xargs -r -d '\n' rm)
}

# Runs a short form on the copy: its kind, then modules of its binary.
run() {
    local kind=$1
    shift
    case $kind in
        actors) set -- test --locked --no-fail-fast -p doorbuster-actors --lib --test it -- "$@" ;;
        server) set -- test --locked --test it -- "$@" ;;
        lib) set -- test --locked --lib -- "$@" ;;
        clippy) set -- clippy --locked -p doorbuster-actors --lib -- -D warnings ;;
        *) echo "no suite is called $kind" >&2 && exit 2 ;;
    esac
    (cd "$tree" && timeout --kill-after=10 "$patience" cargo "$@")
}

header() {
    sed -n "s/^$2: *//p;/^---/q" "$1"
}

# What becomes of one bug, by its log: `found`, or what else.
verdict() {
    local log=$1 suite=$2 red=$3 because=$4
    if grep -qE '^error(\[E[0-9]+\]|: could not compile)' "$log" && [ "$suite" != clippy ]; then
        echo "does not build"
    elif [ "$suite" = clippy ]; then
        if ! grep -q "#${red#clippy::}\$" "$log"; then echo "not found"
        elif grep -qF -- "$because" "$log"; then echo found
        else echo "red for another reason"; fi
    elif ! grep -qxE "test $red( - should panic)? \.\.\. FAILED" "$log"; then
        if grep -q '\.\.\. FAILED$' "$log"; then echo "red for another reason"; else echo "not found"; fi
    # What a test has printed: a child of it that is the same test may have printed the same line.
    elif awk -v title="---- $red stdout ----" '/^---- .* stdout ----$|^ +Running / { on = $0 == title } on' "$log" |
        grep -F -- "$because" >/dev/null; then echo found
    else echo "red for another reason"; fi
}

# The unpatched copy: everything that the chosen patches run, in as few runs as can be.
green() {
    local kind suites filters
    suites=$(for patch in "$@"; do header "$patch" Suite; done)
    for kind in clippy actors lib server; do
        grep -q "^$kind" <<<"$suites" || continue
        filters=$(grep "^$kind" <<<"$suites" | tr ' ' '\n' | grep -vx "$kind" | sort -u || true)
        # shellcheck disable=SC2086
        if ! run "$kind" $filters >"$place/logs/unpatched-$kind.log" 2>&1; then
            echo "without any bug $kind is red, see $place/logs/unpatched-$kind.log:"
            grep -E '^error|\.\.\. FAILED$' "$place/logs/unpatched-$kind.log" || true
            exit 1
        fi
        echo "green without a bug: $kind" $filters
    done
}

# Hunks may have moved, and nothing more: a patch whose surroundings have changed has to be looked at.
apply() {
    local patch=$1
    shift
    patch --directory="$tree" --strip=1 --fuzz=0 --batch --no-backup-if-mismatch "$@" <"$patch"
}

plant() {
    local patch=$1 number log suite red because began outcome others
    number=$(basename "$patch" .patch) log=$place/logs/$(basename "$patch" .patch).log
    suite=$(header "$patch" Suite) red=$(header "$patch" Red) because=$(header "$patch" Because)
    began=$SECONDS
    if apply "$patch" --dry-run >"$log" 2>&1; then
        apply "$patch" >>"$log"
        # shellcheck disable=SC2086
        run $suite >>"$log" 2>&1 || true
        apply "$patch" --reverse >>"$log" || { echo "$number cannot be taken out again" && exit 2; }
        outcome=$(verdict "$log" "$suite" "$red" "$because")
    else
        outcome="does not apply"
    fi
    others=$(grep -oE '^test \S+ .*FAILED$' "$log" | sort -u | grep -cvF "test $red " || true)
    printf '%-24s %-52s %4d s  %s%s\n' "$outcome" "$number" $((SECONDS - began)) "$red" \
        "$([ "$others" = 0 ] || echo " and $others more")"
    [ "$outcome" = found ]
}

mirror
patches=()
if [ $# = 0 ]; then patches=(tests/planted/*.patch); fi
for number in "$@"; do
    patches+=(tests/planted/"$(printf '%02d' "$((10#$number))")"-*.patch)
done
green "${patches[@]}"
found=0
for patch in "${patches[@]}"; do
    if plant "$patch"; then found=$((found + 1)); fi
done
echo "$found of ${#patches[@]} found"
[ "$found" = "${#patches[@]}" ]
