# What people do with Vireo. Each target says what it does; the work is in scripts/ and cargo.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

# Everything that is built goes here; cargo reads the variable as well.
export CARGO_TARGET_DIR ?= $(CURDIR)/target
VIREO = $(CARGO_TARGET_DIR)/release/vireo
# Crates outside the workspace, checked on the host; flows are linked by scripts/build-flow.sh.
FLOW_CRATES = $(patsubst %/Cargo.toml,%,$(wildcard sdk/rust/Cargo.toml examples/*/Cargo.toml flows/*/Cargo.toml tests/flows/Cargo.toml tests/conformance/flows/rust/Cargo.toml))
# Built by scripts/build-workers.sh, with libraries that only they need.
WORKER_CRATES = media/speech/piper media/speech/vosk
STEP = @printf '\n== %s\n' "$(1)"

## Show this list
.PHONY: help
help:
	@awk '/^## / { text = substr($$0, 4) } \
	      /^[a-z-]+:/ && text { split($$0, name, ":"); printf "make %-10s %s\n", name[1], text; text = "" }' Makefile

## Place a real call to the demo flow and check what was heard
.PHONY: demo
demo: setup words flows build recognizer
	$(call STEP,A call to the demo flow)
	@$(VIREO) demo --config examples/demo.toml
	$(call STEP,Spoken dialogues)
	@scripts/demo-spoken.sh $(VIREO)

## Leave the demo's server running for your softphone (ADDRESS=... for one on another machine)
.PHONY: run
run: setup words flows build recognizer
	@scripts/run.sh $(VIREO) $(ADDRESS)

## Run all checks and tests, end to end with SIPp
.PHONY: test
test: setup words flows check build workers languages
	$(call STEP,Tests of the SDK and of the flows)
	@for crate in $(FLOW_CRATES); do \
	    CARGO_TARGET_DIR=$(CARGO_TARGET_DIR)/sdk cargo test --quiet --release --locked --manifest-path $$crate/Cargo.toml; \
	done
	$(call STEP,Scripts of the flows)
	@$(VIREO) test examples flows tests/flows
	@$(VIREO) test --config examples/hotline.toml tests/hotline
	$(call STEP,Tests of the server)
	@cargo test --release --locked --workspace
	$(call STEP,Tests of the speech models)
	@/usr/bin/python3 -m unittest discover --start-directory media/speech/model
	$(call STEP,Tests of the workers)
	@scripts/build-workers.sh test
	$(call STEP,Projects of vireo new)
	@VIREO=$(VIREO) scripts/test-projects.sh

## Measure what calls cost (ONLY=signalling,ivr-a,ivr-b,overload,tts,asr; ARGS=--quick): docs/load-testing.md
.PHONY: bench
bench: setup prompts flows build workers
	$(call STEP,Benchmark)
	@$(CARGO_TARGET_DIR)/release/vireo-bench $(if $(ONLY),--only $(ONLY)) $(ARGS)

## Half of the load for MINUTES=20 with CALLS=2000 at the same time; then nothing may be left
.PHONY: soak
soak: setup prompts flows build
	$(call STEP,Soak)
	@$(CARGO_TARGET_DIR)/release/vireo-bench $(ARGS) soak --minutes $(or $(MINUTES),20) --concurrent $(or $(CALLS),2000)

## Check formatting, lints and licences
.PHONY: check
check: fmt-check licences
	@scripts/make-bindings.sh --check
	$(call STEP,Lints)
	@cargo clippy --release --locked --workspace --all-targets -- -D warnings
	@scripts/build-workers.sh lint
	@for crate in $(FLOW_CRATES); do \
	    CARGO_TARGET_DIR=$(CARGO_TARGET_DIR)/sdk cargo clippy --quiet --release --locked --all-targets \
	        --manifest-path $$crate/Cargo.toml -- -D warnings; \
	done

## Build the server and the tools
.PHONY: build
build:
	$(call STEP,Server (the first build takes some minutes))
	@cargo build --release --locked --workspace --bins

.PHONY: recognizer
recognizer: setup
	$(call STEP,Recognizer)
	@scripts/build-workers.sh build vosk

## Build the workers that need a library from PyPI, which is fetched once: libvosk, ONNX Runtime
.PHONY: workers
workers: setup
	$(call STEP,Workers)
	@scripts/build-workers.sh

## Build the flows of examples and tests into target/flows
.PHONY: flows
flows: setup
	$(call STEP,Flows)
	@scripts/build-flows.sh

## Fetch the compilers of the flow languages (LANGS=rust,c narrows it) and build the conformance flows
.PHONY: languages
languages: build
	$(call STEP,Flow languages)
	@scripts/languages.sh fetch
	@VIREO=$(VIREO) scripts/build-conformance.sh

## Make the words of numbers, dates and amounts in target/prompts, in English and Mandarin
.PHONY: words
words: prompts build
	$(call STEP,Words)
	@for language in en zh; do $(VIREO) prompts build --language $$language --out target/prompts; done

## Make the prompts of examples and tests in target/prompts
.PHONY: prompts
prompts: setup
	$(call STEP,Prompts)
	@scripts/make-prompts.sh

## Install what is missing on this machine
.PHONY: setup
setup:
	@scripts/setup.sh

## Format the code
.PHONY: fmt
fmt:
	@cargo fmt --all
	@for crate in $(FLOW_CRATES) $(WORKER_CRATES); do cargo fmt --manifest-path $$crate/Cargo.toml; done

.PHONY: fmt-check
fmt-check:
	$(call STEP,Formatting)
	@cargo fmt --all --check
	@for crate in $(FLOW_CRATES) $(WORKER_CRATES); do cargo fmt --check --manifest-path $$crate/Cargo.toml; done

.PHONY: licences
licences:
	$(call STEP,Licences)
	@scripts/check-licences.py
