# `make test` is everything CI runs: it installs what the tests need, then format, lints, tests.

# Debian packages the tests use, and the program each is recognised by.
TEST_TOOLS = redis-server:redis-server openssl:openssl chromium:chromium chromium-driver:chromedriver strace:strace \
  nginx:nginx faketime:faketime prometheus:promtool gnumeric:ssconvert curl:curl \
  python3-pip:pip3 fakeroot:fakeroot dpkg-dev:dpkg-shlibdeps binutils:strip lintian:lintian systemd:systemd-analyze
# The same of the peers of `make bench`. pg_ctlcluster comes with the server, not with its clients.
BENCH_TOOLS = redis-server:redis-server redis-tools:redis-benchmark postgresql:pg_ctlcluster
# The same of `make deb` and `make dist`.
PACKAGE_TOOLS = dpkg-dev:dpkg-shlibdeps binutils:strip
TOOLS = $(TEST_TOOLS)

# Tools that do not come with Rust, by version: another version is another folder.
DENY = target/tools/cargo-deny-0.20.2/bin/cargo-deny
SHEAR = target/tools/cargo-shear-1.14.0/bin/cargo-shear
SCHEMATHESIS = target/tools/schemathesis-4.32.5/bin/schemathesis
CARGO_DEB = target/tools/cargo-deb-3.8.0/bin/cargo-deb

.DEFAULT_GOAL = help
.PHONY: help test quick lint fmt fix doc deny unused prepare staged deb dist bench crash-campaign power-campaign damage-campaign \
  syscall-campaign units-campaign simulation-campaign fuzz-campaign schemathesis-campaign \
  coverage planted-bugs

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-22s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

test: prepare lint ## everything CI runs: tools, lints, all tests (a quarter of an hour on a fresh clone)
	cargo test --release --workspace --locked

# tests/tidy.rs reads sources and needs none of them: cargo would build the whole program for it first.
quick: ## what is wrong most often, in the dev profile: format, rules of the tree, lints and unit tests of the libraries
	cargo fmt --all -- --check
	CARGO_MANIFEST_DIR=$(CURDIR) rustc --edition 2024 --test -C opt-level=1 --out-dir target/tidy tests/tidy.rs
	target/tidy/tidy --quiet
	cargo clippy --workspace --lib --bins --locked -- -D warnings
	cargo test --workspace --lib --locked

lint: deny unused ## format, lints, links of the documentation, licences, unused dependencies
	cargo fmt --all -- --check
	cargo clippy --release --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --release --workspace --no-deps --locked

fmt: ## formats all sources
	cargo fmt --all

fix: ## formats, and lets clippy mend what it can; look at the difference before you commit it
	cargo clippy --workspace --all-targets --locked --fix --allow-dirty --allow-staged
	cargo fmt --all

doc: ## the documentation of both libraries, in target/doc; a broken link is an error
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

deny: $(DENY) ## licences, origins and, where their list is on this machine, known weaknesses of all dependencies (.deny.toml)
	$(DENY) --locked check --hide-inclusion-graph licenses bans sources
	@if ls -d "$${CARGO_HOME:-$$HOME/.cargo}"/advisory-dbs/*/ >/dev/null 2>&1; \
	  then $(DENY) --locked check --disable-fetch --hide-inclusion-graph advisories; \
	  else echo "advisories: their list is not on this machine and is not fetched here: cargo deny check advisories"; fi

unused: $(SHEAR) ## dependencies that nothing uses, or only tests do
	$(SHEAR) --locked

# Prebuilt where pip is there, which takes two seconds; .ci has the hashes. Else from source and without optimisation, about
# a minute each on two cores: a debug build of either answers in a few seconds.
$(DENY): from_source = 0.20.2
# The newest that our compiler builds.
$(SHEAR): from_source = 1.11.0
$(DENY) $(SHEAR):
	@name=$(notdir $@); root=$(abspath $(dir $@)/..); rm -rf "$$root"; echo "installing $$name"; \
	PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
	  --only-binary :all: --target "$$root" --requirement ".ci/$$name.txt" && test -x "$@" \
	  || cargo install --quiet --debug --locked --version $(from_source) --root "$$root" "$$name"

# Nothing else makes requests of our OpenAPI document, so it has no substitute.
$(SCHEMATHESIS):
	@name=$(notdir $(abspath $(dir $@)/..)); root=$(abspath $(dir $@)/..); rm -rf "$$root"; echo "installing $$name"; \
	PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
	  --only-binary :all: --target "$$root" --requirement ".ci/$$name.txt" || { rm -rf "$$root"; exit 1; }

# Nobody has it prebuilt in this version.
$(CARGO_DEB):
	@root=$(abspath $(dir $@)/..); rm -rf "$$root"; echo "installing cargo-deb"; \
	cargo install --quiet --debug --locked --version 3.8.0 --no-default-features --features lzma --root "$$root" cargo-deb

# Debian starts the services of what it installs (Redis on 6379, Prometheus on 9090), now and at every boot: the tests start
# their own, so a policy keeps it from that while we install. What was there before is left alone.
prepare: $(CARGO_DEB) ## installs the Debian packages that the tests use; leaves no service running
	@missing=""; \
	for tool in $(TOOLS); do \
	  command -v "$${tool#*:}" >/dev/null 2>&1 || missing="$$missing $${tool%:*}"; \
	done; \
	[ -z "$$missing" ] && exit 0; \
	sudo=""; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	echo "installing$$missing"; \
	$$sudo apt-get update -qq || exit 1; \
	policy=/usr/sbin/policy-rc.d; \
	if [ ! -e "$$policy" ]; then \
	  trap "$$sudo rm -f $$policy" EXIT; \
	  printf '#!/bin/sh\nexit 101\n' | $$sudo tee "$$policy" >/dev/null && $$sudo chmod 755 "$$policy"; \
	fi; \
	$$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing || exit 1; \
	for package in $$missing; do $$sudo systemctl disable --quiet "$$package" >/dev/null 2>&1 || true; done
	@$(if $(findstring python3-pip,$(TOOLS)),$(MAKE) --no-print-directory $(SCHEMATHESIS))

# What operators install: target/packages/. All dates in it are the commit's.
PACKAGE_PROFILE := $(or $(PROFILE),dist)
PACKED = target/$(PACKAGE_PROFILE)
VERSION := $(shell sed -n 's/^version = "\(.*\)"$$/\1/p' Cargo.toml | head -n 1)
deb dist staged: TOOLS = $(PACKAGE_TOOLS)
deb dist staged: export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct)
staged: prepare
	cargo build --profile $(PACKAGE_PROFILE) --locked
	deploy/stage.sh $(PACKED)/doorbuster $(PACKED)/package $(VERSION)-1
deb: staged ## a Debian package of the profile dist, which takes ten minutes to build (PROFILE=release: three)
	$(CARGO_DEB) --no-build --profile $(PACKAGE_PROFILE) --locked --output target/packages/
dist: staged ## the same as a tarball for other systems, with its checksum
	deploy/tarball.sh $(PACKED)/doorbuster $(PACKED)/package $(VERSION) target/packages

# Our figures, their baselines and the peers, side by side: target/bench/report.md and .json. ROUNDS, SECONDS and
# OVERLOAD_SECONDS make it longer; QUICK=1 is a smoke test. PROFILE=dist measures what an operator should install, which
# takes some ten minutes more to build. All is built before anything is measured.
PROFILE ?= release
bench: export BENCH_PROFILE = $(PROFILE)
bench: TOOLS = $(BENCH_TOOLS)
bench: prepare ## the canonical set beside its baselines (QUICK=1: two minutes)
	cargo bench --workspace --locked --profile $(PROFILE) --no-run \
	  --bench canonical --bench group_commit --bench recovery --bench memory
	cargo bench --workspace --locked --profile $(PROFILE) --bench canonical

# Kills servers in the middle of everything, as often as KILLS says, and checks every promise after each restart.
KILLS ?= 2000
crash-campaign: prepare ## kills servers in the middle of everything KILLS times
	CRASH_KILLS=$(KILLS) cargo test --release --locked --test it crash::mix -- --nocapture

# Records one sale after the other and starts from every disk that a crash could leave of them, and of the starts after a
# crash, until so many different disks were started from.
STATES ?= 1000000
power-campaign: prepare ## crashes at every write of recorded sales, until STATES different disks were started from
	CRASH_STATES=$(STATES) cargo test --release --locked --test it crash_states:: -- --nocapture

# Flips one bit of every byte of the files that a killed server leaves, instead of a sample's.
damage-campaign: prepare ## a flipped bit in every byte of the files of a killed server
	BIT_ROT=every cargo test --release --locked --test it damage:: -- --nocapture

# Kills, EIO, ENOSPC, EINTR, two seconds of waiting and short writes at every system call on the files of two short sales
# and of an inventory.
syscall-campaign: prepare ## every fault at every system call on the files of server and inventory
	SYSCALL_FAULTS=every cargo test --release --locked --test it syscall_faults:: -- --nocapture --test-threads 1

# Runs a simulated shop a seed, in virtual time; THREADS of them at once. It prints a failing one as a short story.
SEEDS ?= 1000000
FROM ?= 1
THREADS ?= $(shell nproc)
simulation-campaign: ## SEEDS simulated shops around the real core, from seed FROM on
	cargo run --release --locked -p doorbuster-actors --example simulate -- \
	  --seeds $(SEEDS) --from $(FROM) --threads $(THREADS)

# Feeds every target of tests/fuzz with RUNS inputs in all, THREADS at once; libFuzzer is C++.
RUNS ?= 100000000
fuzz-campaign: ## RUNS inputs in all for the fuzz targets: bodies, tokens, webhooks, feeds, damaged files and the rest
	$(MAKE) --no-print-directory prepare TOOLS=g++:g++
	RUSTC_WORKSPACE_WRAPPER=$(CURDIR)/tests/fuzz/rustc.sh \
	  cargo build --release --locked -p doorbuster-fuzz --features libfuzzer
	tests/fuzz/campaign.sh target/release $(RUNS) $(THREADS) $(TARGETS)

# The compiler's own counters, read by the LLVM of its version.
coverage: ## the lines of the pure core that its crate's tests run; fails below all of them
	$(MAKE) --no-print-directory prepare TOOLS=llvm-22:llvm-cov-22
	tests/coverage/core.sh

# Plants the bugs of tests/planted/, one after the other, in a copy of the tree; BUGS="7 12" plants only these.
planted-bugs: prepare ## plants known bugs in a copy of the tree: the tests must find each
	tests/planted-bugs.sh $(BUGS)

# Sends requests that are generated from the served OpenAPI document to both listeners of a running server: EXAMPLES per
# operation and phase, valid and invalid ones. It ends with one line of figures.
EXAMPLES ?= 200
schemathesis-campaign: prepare ## EXAMPLES generated requests for every operation, in all phases
	SCHEMATHESIS_EXAMPLES=$(EXAMPLES) cargo test --release --locked --test it schemathesis:: -- --nocapture

# Boots a Debian of its own in namespaces (root, debootstrap) and lives through what happens to an installation there.
units-campaign: deb ## the package and its units under a systemd that really runs
	$(MAKE) --no-print-directory prepare TOOLS=debootstrap:debootstrap
	$(CARGO_DEB) --no-build --profile $(PACKAGE_PROFILE) --locked --deb-version $(VERSION)-2 --output target/units/later.deb
	tests/units-campaign.sh target/packages/doorbuster_$(VERSION)-1_*.deb target/units/later.deb target/units
