# Each target that a comment with two hashes describes is listed by `make help`.
GO ?= go
PYTHON ?= python3
GOLANGCI_LINT_VERSION := v2.15.0

# The race detector needs cgo, which Go turns off where there is no C compiler.
RACE := $(if $(filter 1,$(shell $(GO) env CGO_ENABLED)),-race)
TOOLS := $(CURDIR)/.tools
LINTER := $(TOOLS)/$(GOLANGCI_LINT_VERSION)/golangci-lint

# Tests have brokers of their own.
unexport BMQ_BROKER_URI

.DEFAULT_GOAL := help
.PHONY: help test race lint fuzz test-native test-broker bench bench-quick examples venv clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  \1\t/p' $(MAKEFILE_LIST) | expand -t 16

ifeq ($(INTEROP),off)
test: export BMQ_INTEROP := off
test race: INTERPRETER :=
else
test: venv
test: INTERPRETER := $(CURDIR)/.venv/bin/python
endif
test: ## go vet, all tests that need neither libbmq nor an official broker, a summary; INTEROP=off leaves out Python
	$(GO) vet ./...
	$(if $(RACE),$(GO) vet -tags=bmqfake ./...)
	cd bench && $(GO) vet ./... && BMQ_PYTHON="$(INTERPRETER)" $(GO) test ./...
	scripts/test-plugins $(RACE)
	BMQ_PYTHON="$(INTERPRETER)" $(GO) run ./scripts/testrun -double -- $(RACE) ./...

race: ## all tests under the race detector, whatever was tested before
	$(GO) run ./scripts/testrun -- -race -count=1 ./...

lint: $(LINTER) ## formatting, go vet and golangci-lint, which is installed into .tools
	$(LINTER) run --allow-parallel-runners
	$(if $(RACE),$(LINTER) run --allow-parallel-runners --build-tags=bmqfake)
	cd bench && $(LINTER) run --allow-parallel-runners --config ../.golangci.yml
	for module in plugin/*/; do (cd $$module && $(LINTER) run --allow-parallel-runners) || exit 1; done

$(LINTER):
	GOBIN=$(dir $@) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)

fuzz: ## every fuzz target for FUZZTIME (10s)
	@FUZZTIME=$(FUZZTIME) scripts/fuzz

test-native: ## all tests with the native engine; needs libbmq, found by pkg-config
	@scripts/test-native

test-broker: ## conformance suite and comparisons with the official broker: BMQBRKR=path, or bmqbrkr on PATH
	@scripts/test-broker

bench: ## compare with the official clients; BENCH="-run post -rounds 7" for some of it, BENCH=-help
	@PYTHON="$(PYTHON)" scripts/venv || true
	cd bench && $(GO) run . $(BENCH)

bench-quick: ## the same in two minutes
	@PYTHON="$(PYTHON)" scripts/venv || true
	cd bench && $(GO) run . -quick $(BENCH)

# The folder with the installed libbmq, for the images.
LIBBMQ ?= /opt/bb
DOCKER_BUILD := docker build -f docker/Dockerfile --build-context libbmq=$(LIBBMQ)
.PHONY: docker-build docker-test docker-demo
docker-build: ## an image with the command and the examples, native engine, from an installed libbmq: LIBBMQ=/opt/bb
	$(DOCKER_BUILD) --target runtime -t bmq-go:latest .

docker-test: ## the tests of the native engine in the toolchain image
	$(DOCKER_BUILD) --target test -t bmq-go:test .

docker-demo: ## the examples in containers with the official broker
	LIBBMQ=$(LIBBMQ) docker compose -f docker/compose.yaml up --build --exit-code-from quickstart quickstart

examples: ## run each example on the embedded broker
	$(GO) run ./examples/quickstart
	$(GO) run ./examples/producer
	$(GO) run ./examples/health_monitoring
	$(GO) run ./examples/worker
	$(GO) run ./examples/fanout
	$(GO) run ./examples/rpc
	@echo "go run ./examples/consumer runs until Ctrl-C."

venv: ## make .venv with the Python SDK, for the tests in internal/interop
	@PYTHON="$(PYTHON)" scripts/venv

clean: ## remove what this Makefile made: .venv and .tools
	rm -rf .venv .tools
