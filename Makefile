# What a reviewer would do, one word each. `make` alone lists them.

GRPC := --features grpc-transport
PYTHON ?= python3
SECS ?= 600

.PHONY: help setup demo federation test soak fuzz check audit deb image trial bench
.DEFAULT_GOAL := help

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what is missing, or say what to type
	@scripts/setup.sh

demo: ## Serve the shop on port 8080, with a PostgreSQL of its own
	@scripts/setup.sh demo
	cargo run --release $(GRPC) -- dev examples/shop

federation: ## Start two services and a gateway over both, and print what they answer together
	@scripts/setup.sh federation
	cargo build --release $(GRPC)
	node examples/federation/gateway/run.mjs "$${CARGO_TARGET_DIR:-target}/release/fraiseql" $(if $(KEEP),--keep)

test: setup ## Run every test, against a real PostgreSQL
	@if [ -d python/tests ]; then \
		PYTHONDONTWRITEBYTECODE=1 $(PYTHON) -m unittest discover -s python/tests -t python; fi
	cargo test $(GRPC)

soak: setup ## Put load on every wire with a fault a minute, for SECS seconds (600), and a table
	SOAK_SECS=$(SECS) cargo test --release $(GRPC) --test it soak::soak -- --nocapture

fuzz: ## Fuzz each target for SECS seconds (60), or TARGET alone
	@scripts/fuzz.sh $(if $(filter file,$(origin SECS)),60,$(SECS)) $(TARGET)

check: ## Check format and lints
	cargo fmt --check
	cargo clippy --all-targets $(GRPC) -- -D warnings
	cargo clippy --all-targets -- -D warnings
	@scripts/audit.sh

audit: ## Check licences, sources and advisories of what is built in, and that all of it is used
	@scripts/audit.sh --all

deb: ## Build a Debian package, in target/debian; FEATURES=grpc-transport for gRPC
	@scripts/deb.sh

image: ## Build the container image, at most 60 MB; FEATURES=grpc-transport for gRPC
	@scripts/image.sh

trial: ## Try the package and the image in clean Debians, as root, for some minutes
	package=$$(scripts/deb.sh) && scripts/try_deb.sh "$$package"
	scripts/image.sh --clean

bench: ## Run the benchmarks, and write docs/benchmarks.md
	@scripts/setup.sh demo
	cargo bench $(GRPC) --bench pure
	cargo bench $(GRPC) --bench writes
	cargo bench $(GRPC) --bench answer -- --write docs/benchmarks.md
