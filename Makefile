# Everything that is done to this repository has a name here; `make` lists the names. CI runs .ci/run,
# which calls the same ones. Nothing needs to be installed but Go: the tools are built from tools/, each
# in a module of its own, into .bin/, and Postgres is found or fetched by scripts/with-postgres.sh.

SHELL := /bin/bash
.DEFAULT_GOAL := help

GO ?= go
WITH_POSTGRES := scripts/with-postgres.sh
WITH_CHROMIUM := scripts/with-chromium.sh

# The versions are the tools' modules': one place to change, and a new version is a new file name.
version_of = $(shell awk '$$1 == "$(2)" { print $$2 }' tools/$(1)/go.mod)
SQLC := .bin/sqlc-$(call version_of,sqlc,github.com/sqlc-dev/sqlc)
GOLANGCI_LINT := .bin/golangci-lint-$(call version_of,lint,github.com/golangci/golangci-lint/v2)

.PHONY: help
help: ## list what can be made
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## run the quickstart on SQLite: a durable workflow that is killed and resumes
	$(GO) run ./examples/quickstart

.PHONY: build
build: ## build everything; the command goes to .bin/openworkflow
	CGO_ENABLED=0 $(GO) build ./...
	CGO_ENABLED=0 $(GO) build -o .bin/openworkflow ./cmd/openworkflow

.PHONY: test
test: ## the whole suite, on Postgres too (found, in Docker, or installed by apt), with -race where it pays
	$(WITH_POSTGRES) scripts/test.sh

.PHONY: test-versions
test-versions: ## the whole suite on Postgres 14 to 18, which npm fetches; VERSIONS="17 18" for some
	scripts/test-versions.sh $(VERSIONS)

.PHONY: test-short
test-short: ## what needs no database server, without -race: for while you write
	$(GO) test -short ./...

.PHONY: test-crash
test-crash: ## the crash test alone: real processes, killed at random, on Postgres and SQLite
	OPENWORKFLOW_CRASH_SECONDS=$(or $(SECONDS_OF_FAULTS),60) $(WITH_POSTGRES) scripts/test.sh crash -v

.PHONY: test-failover
test-failover: ## the crash test while the Postgres server dies and its standby takes over
	env -u OPENWORKFLOW_TEST_POSTGRES_URL OPENWORKFLOW_CRASH_SECONDS=$(or $(SECONDS_OF_FAULTS),15) OPENWORKFLOW_TEST_POSTGRES_PAIR=1 $(WITH_POSTGRES) scripts/test.sh crash -v -run Failover

.PHONY: test-interop
test-interop: ## Go and TypeScript on one Postgres: skipped, saying why, without Node 20 and npm
	$(WITH_POSTGRES) $(GO) test -count=1 -timeout 15m -v ./internal/interop | grep -Ev '^ *=== (RUN|PAUSE|CONT)'; exit $${PIPESTATUS[0]}

.PHONY: test-browser
test-browser: ## the dashboard in Chromium (found, or installed by apt), on Postgres and SQLite; pictures in internal/browsertest/screenshots
	$(WITH_POSTGRES) $(WITH_CHROMIUM) $(GO) -C internal/browsertest test -count=1 -timeout 10m -parallel 4 .

.PHONY: dashboard-demo
dashboard-demo: ## the dashboard with made-up runs, to look at: http://127.0.0.1:8233
	$(GO) -C internal/browsertest run ./demo

.PHONY: dashboard-pictures
dashboard-pictures: ## take the pictures of docs/images again
	OPENWORKFLOW_TEST_PICTURES=$(CURDIR)/docs/images $(WITH_CHROMIUM) $(GO) -C internal/browsertest test -count=1 -run TestPictures .

.PHONY: soak
soak: ## the crash test for SOAK (default 10m) instead of seconds
	OPENWORKFLOW_SOAK=$(or $(SOAK),10m) $(WITH_POSTGRES) scripts/test.sh crash -timeout 0

.PHONY: bench
bench: ## the benchmarks, on SQLite and Postgres: make bench BENCH="-quick -workloads W1,W2"
	$(WITH_POSTGRES) $(GO) -C bench run . $(BENCH)

.PHONY: bench-compare
bench-compare: ## ours beside River and the TypeScript OpenWorkflow (if there is node), on the same Postgres, in turn
	$(WITH_POSTGRES) $(GO) -C bench run . -compare $(BENCH)

.PHONY: lint
lint: $(GOLANGCI_LINT) ## golangci-lint with .golangci.yaml, the PromQL of docs/, and shellcheck where there is one
	CGO_ENABLED=0 $(GOLANGCI_LINT) run ./...
	cd bench && CGO_ENABLED=0 ../$(GOLANGCI_LINT) run ./...
	cd internal/browsertest && CGO_ENABLED=0 ../../$(GOLANGCI_LINT) run ./...
	CGO_ENABLED=0 $(GO) -C tools/promql run . ../../docs
	@if command -v shellcheck >/dev/null; then shellcheck scripts/*.sh .ci/run && echo "shellcheck: 0 issues."; fi

.PHONY: fmt
fmt: $(GOLANGCI_LINT) ## format all Go code
	$(GOLANGCI_LINT) fmt

.PHONY: generate
generate: $(SQLC) ## generate the stores' query code from db/ with sqlc
	$(SQLC) generate

.PHONY: generate-check
generate-check: $(SQLC) ## prove that the generated code, the embedded migrations and go.mod are current
	scripts/generate-check.sh $(SQLC)

.PHONY: tools
tools: $(SQLC) $(GOLANGCI_LINT) ## build the tools into .bin/

# Without cgo: sqlc then parses with a WebAssembly build of Postgres' parser, which spares a long C build.
.bin/sqlc-%: tools/sqlc/go.mod tools/sqlc/go.sum
	scripts/build-tool.sh tools/sqlc github.com/sqlc-dev/sqlc/cmd/sqlc $@

.bin/golangci-lint-%: tools/lint/go.mod tools/lint/go.sum
	scripts/build-tool.sh tools/lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint $@

.PHONY: clean
clean: ## remove the tools and what was built
	rm -rf .bin
