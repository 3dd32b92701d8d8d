# `make test` is everything CI runs: it installs what the tests need, then format, lints, tests.

# Debian packages the tests use, and the program each is recognised by.
TEST_TOOLS = redis-server:redis-server openssl:openssl chromium:chromium chromium-driver:chromedriver

.PHONY: test prepare lint crash-campaign

test: prepare lint
	cargo test --release --workspace --locked

lint:
	cargo fmt --all -- --check
	cargo clippy --release --workspace --all-targets --locked -- -D warnings

prepare:
	@missing=""; \
	for tool in $(TEST_TOOLS); do \
	  command -v "$${tool#*:}" >/dev/null 2>&1 || missing="$$missing $${tool%:*}"; \
	done; \
	[ -z "$$missing" ] && exit 0; \
	sudo=""; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	echo "installing$$missing"; \
	$$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends $$missing

# Kills a selling server at random moments, as often as KILLS says, and checks every promise after each restart.
KILLS ?= 2000
crash-campaign: prepare
	CRASH_KILLS=$(KILLS) cargo test --release --locked --test crash -- --nocapture
