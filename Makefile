# `make test` is everything CI runs: it installs what the tests need, then format, lints, tests.

# Debian packages the tests use, and the program each is recognised by.
TEST_TOOLS = redis-server:redis-server openssl:openssl chromium:chromium chromium-driver:chromedriver strace:strace
# The same of the peers of `make bench`. pg_ctlcluster comes with the server, not with its clients.
BENCH_TOOLS = redis-server:redis-server redis-tools:redis-benchmark postgresql:pg_ctlcluster
TOOLS = $(TEST_TOOLS)

.PHONY: test prepare lint bench crash-campaign power-campaign damage-campaign

test: prepare lint
	cargo test --release --workspace --locked

lint:
	cargo fmt --all -- --check
	cargo clippy --release --workspace --all-targets --locked -- -D warnings

prepare:
	@missing=""; \
	for tool in $(TOOLS); do \
	  command -v "$${tool#*:}" >/dev/null 2>&1 || missing="$$missing $${tool%:*}"; \
	done; \
	[ -z "$$missing" ] && exit 0; \
	sudo=""; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	echo "installing$$missing"; \
	$$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends $$missing

# Our figures, their baselines and the peers, side by side: target/bench/report.md and .json. ROUNDS, SECONDS and
# OVERLOAD_SECONDS make it longer; QUICK=1 is a smoke test. PROFILE=dist measures what an operator should install, which
# takes some ten minutes more to build. All is built before anything is measured.
PROFILE ?= release
bench: export BENCH_PROFILE = $(PROFILE)
bench: TOOLS = $(BENCH_TOOLS)
bench: prepare
	cargo bench --workspace --locked --profile $(PROFILE) --no-run \
	  --bench canonical --bench group_commit --bench recovery --bench memory
	cargo bench --workspace --locked --profile $(PROFILE) --bench canonical

# Kills a selling server at random moments, as often as KILLS says, and checks every promise after each restart.
KILLS ?= 2000
crash-campaign: prepare
	CRASH_KILLS=$(KILLS) cargo test --release --locked --test it crash:: -- --nocapture

# Rebuilds the disks that a power cut could leave of a recorded sale: a longer one, with a checkpoint in its middle, and so
# many times the ordinary draws.
TIMES ?= 20
power-campaign: prepare
	CRASH_STATES=$(TIMES) cargo test --release --locked --test it crash_states:: -- --nocapture

# Flips one bit of every byte of the files that a killed server leaves, instead of a sample's.
damage-campaign: prepare
	BIT_ROT=every cargo test --release --locked --test it damage:: -- --nocapture
