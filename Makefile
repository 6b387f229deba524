# The few commands of the project. Each first sees to it that the machine can build and run it (scripts/vulkan-driver.sh);
# with a driver, a linker and cargo in place they are the plain cargo commands shown here.

.DEFAULT_GOAL := help
.PHONY: help demo test lint fmt clippy doc machine

# rustup's folder, for shells that do not have it on their path yet.
export PATH := $(PATH):$(HOME)/.cargo/bin

TARGET := $(or $(CARGO_TARGET_DIR),./target)

help: ## this list
	@sed -n 's/^\([a-z]*\):[^#]*## /\1#/p' $(MAKEFILE_LIST) | while IFS='#' read -r name text; do \
		printf '  make %-8s %s\n' "$$name" "$$text"; done

demo: machine ## build, and train a network on the digits inside the program
	ANYGRAD_COMMIT=$$(git rev-parse --short=12 HEAD 2>/dev/null) cargo build --release --locked
	$(TARGET)/release/anygrad train

test: machine ## all tests; those of the kernels need an adapter, a software one will do
	cargo test --locked

lint: fmt clippy doc ## formatting, clippy and the documentation; a warning fails

fmt: ## formatting alone
	cargo fmt --check

clippy: machine ## clippy alone
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --no-default-features -- -D warnings

doc: machine ## the documentation, private items included
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items

machine: ## install what building and running need, if it is missing
	@scripts/vulkan-driver.sh
