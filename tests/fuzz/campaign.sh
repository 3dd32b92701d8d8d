#!/bin/sh
# Fuzzes every target: campaign.sh PROGRAMS RUNS THREADS [TARGET...], THREADS of them at once. Prints a line a target and
# one with the sum; fails if a target did. What it found is in target/fuzz: the inputs that reached something new in corpus/, and
# those that broke something in artifacts/.
set -eu
programs=$1 runs=$2 threads=$3
shift 3
here=$(dirname "$0")
state=target/fuzz
mkdir -p "$state/logs"

# The share of each target, in thousandths of all executions: those that cost microseconds bear the number. Longest
# first, so that no core waits at the end.
shares='recovery 1
http_answers 10
config 4
feed_lines 6
token 30
catalogue 16
item_body 70
webhook_wechat 40
webhook_alipay 40
webhook_stripe 60
webhook_standard 60
webhook_own 78
feed_entry 70
ledger_fold 66
ledger_row 140
order_body 150
http_head 159'

fuzz() {
  target=$1 share=$2
  corpus=$state/corpus/$target artifacts=$state/artifacts/$target/ log=$state/logs/$target
  mkdir -p "$corpus" "$artifacts"
  dictionary=$here/dictionaries/$target
  [ -f "$dictionary" ] && dictionary=-dict=$dictionary || dictionary=-verbosity=1
  started=$(date +%s)
  result=ok
  "$programs/$target" "$corpus" "$here/corpus/$target" "$dictionary" -runs=$((runs / 1000 * share)) \
    -max_len=4096 -timeout=10 -rss_limit_mb=4096 -print_final_stats=1 -artifact_prefix="$artifacts" \
    </dev/null >"$log" 2>&1 &
  process=$!
  wait $process || result=FAILED
  # Its data files: they are in memory where there is such a place.
  rm -rf "/dev/shm/doorbuster-fuzz-$process"-* "${TMPDIR:-/tmp}/doorbuster-fuzz-$process"-*
  executed=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  coverage=$(sed -n 's/^#.*cov: \([0-9]*\).*/\1/p' "$log" | tail -n 1)
  printf '%-18s %12s executions %7s counters %5s s  %s\n' \
    "$target" "${executed:-0}" "${coverage:-?}" $(($(date +%s) - started)) "$result" | tee "$state/logs/$target.line"
  [ "$result" = ok ] || tail -n 12 "$log"
}

if [ "${FUZZ_ONE:-}" ]; then
  fuzz "$1" "$2"
  exit
fi
[ $# -gt 0 ] && shares=$(for target in "$@"; do echo "$shares" | grep "^$target "; done)
rm -f "$state"/logs/*
echo "$shares" | FUZZ_ONE=1 xargs -n 2 -P "$threads" "$0" "$programs" "$runs" "$threads"
cat "$state"/logs/*.line | awk '
  { executions += $2; if ($NF != "ok") crashes += 1 }
  END { printf "fuzz: %d targets, %d executions, %d crashes\n", NR, executions, crashes; exit crashes > 0 }'
