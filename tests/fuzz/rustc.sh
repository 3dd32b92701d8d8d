#!/bin/sh
# The compiler for fuzzing (RUSTC_WORKSPACE_WRAPPER): our own crates count which of their branches were taken, as
# libFuzzer wants it, and keep their debug assertions. The flags are LLVM's and need no nightly compiler; the address
# sanitizer would, and our crates have no `unsafe`. Dependencies are those of every other build.
case " $* " in
  *" --crate-name doorbuster "* | *" --crate-name doorbuster_actors "*)
    exec "$@" -Cdebug-assertions=on -Cpasses=sancov-module \
      -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
      -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares ;;
  *) exec "$@" ;;
esac
