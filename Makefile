# What a reviewer would do, one word each. `make` alone lists them.

FEATURES := --features grpc-transport
PYTHON ?= python3
SECS ?= 600

.PHONY: help setup demo federation test soak check audit static image bench
.DEFAULT_GOAL := help

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what is missing, or say what to type
	@scripts/setup.sh

demo: ## Serve the shop on port 8080, with a PostgreSQL of its own
	@scripts/setup.sh demo
	cargo run --release $(FEATURES) -- dev examples/shop

federation: ## Start two services and a gateway over both, and print what they answer together
	@scripts/setup.sh federation
	cargo build --release $(FEATURES)
	node examples/federation/gateway/run.mjs "$${CARGO_TARGET_DIR:-target}/release/fraiseql" $(if $(KEEP),--keep)

test: setup ## Run every test, against a real PostgreSQL
	@if [ -d python/tests ]; then \
		PYTHONDONTWRITEBYTECODE=1 $(PYTHON) -m unittest discover -s python/tests -t python; fi
	cargo test $(FEATURES)

soak: setup ## Put load on every wire with a fault a minute, for SECS seconds (600), and a table
	SOAK_SECS=$(SECS) cargo test --release $(FEATURES) --test it soak::soak -- --nocapture

check: ## Check format and lints
	cargo fmt --check
	cargo clippy --all-targets $(FEATURES) -- -D warnings
	cargo clippy --all-targets -- -D warnings
	@scripts/audit.sh

audit: ## Check licences, sources and advisories of what is built in, and that all of it is used
	@scripts/audit.sh --all

static: ## Build one file that runs on any Linux; FEATURES=grpc-transport for gRPC
	@scripts/static.sh

image: ## Build the container image, at most 60 MB; FEATURES=grpc-transport for gRPC
	@scripts/image.sh

bench: ## Run the benchmarks, and write docs/benchmarks.md
	@scripts/setup.sh demo
	cargo bench $(FEATURES) --bench pure
	cargo bench $(FEATURES) --bench writes
	cargo bench $(FEATURES) --bench answer -- --write docs/benchmarks.md
