#!/bin/sh
# The compiler for coverage (RUSTC_WORKSPACE_WRAPPER): our own crates note which of their lines were run.
exec "$@" -Cinstrument-coverage
