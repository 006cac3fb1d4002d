# Outcrop's targets; `make help` lists them.
SHELL := /bin/bash
BIN   := .cache/bin
LINT  := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.14.0

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: ## compare the five methods on the simulator
	go run ./cmd/outcrop compare

.PHONY: build
build: ## build the program into bin/
	go build -trimpath -o bin/outcrop ./cmd/outcrop

.PHONY: test
test: clients engine ## all tests, with the real clients of other languages and a real engine
	OUTCROP_CLIENTS=1 go test ./...

.PHONY: test-all
test-all: clients engine ## the long tests too: the race detector and a minute of every fuzz target
	OUTCROP_CLIENTS=1 go test -race -timeout 30m ./...
	scripts/fuzz.sh 60s

.PHONY: test-long
test-long: ## the suites over real-world schemas, all of them (OUTCROP_MASKBENCH names the archive), and each practice without its feature
	OUTCROP_LONG=1 go test -timeout 60m . ./structured/... ./lowered/... ./memory/...
	OUTCROP_LONG=1 go test -timeout 180m -run '^TestSwitchedOff$$' ./internal/document

.PHONY: test-aws
test-aws: ## ask Amazon Bedrock on your account: costs less than 5 US cents, and says what it spent
	OUTCROP_TEST_AWS=1 go test -count=1 -v -run '^TestAWS$$' ./internal/awstest

.PHONY: clients
clients: ## install the clients that tests use
	@scripts/clients.sh

.PHONY: engine
engine: ## install a llama-server for the tests of real models (12 MB, from Debian)
	@internal/testengine/llama-server.sh .cache/llama.cpp || \
		{ rm -rf .cache/llama.cpp; echo "engine: no llama-server, its tests are skipped; OUTCROP_LLAMA_SERVER names one that is installed"; }

.PHONY: lint
lint: $(BIN)/golangci-lint ## formatting, vet, linters, the arrows between packages
	$(BIN)/golangci-lint run ./...

# Built by its own go.sum, as its authors ask; the Go build cache keeps it.
$(BIN)/golangci-lint: Makefile
	GOBIN=$(abspath $(BIN)) go install $(LINT)

.PHONY: format
format: $(BIN)/golangci-lint ## rewrite the sources as gofumpt does
	$(BIN)/golangci-lint fmt ./...

.PHONY: generate
generate: ## write the wire types anew from the API models
	go generate ./...

.PHONY: bench
bench: bench-serve bench-jobs ## benchmarks, side by side with their baselines in one run
	go test -run '^$$' -bench . -skip '^Benchmark(Serve|DurableJob)' -benchmem ./...

.PHONY: bench-jobs
bench-jobs: ## batch jobs of 50,000 and 1,000,000 records, and interactive calls beside them (ten minutes)
	go test -run '^$$' -bench '^BenchmarkDurableJob$$' -benchtime 1x -timeout 30m ./journal/jobs
	go test -run '^$$' -bench '^BenchmarkServeInteractive$$' -benchtime 200x -timeout 30m ./cmd/outcrop

.PHONY: bench-serve
bench-serve: ## the figures of docs/performance.md: the program against a bare handler and a proxy (6 minutes)
	go test -run '^$$' -bench 'Serve$$' -benchtime 40000x ./cmd/outcrop
	go test -run '^$$' -bench 'ServeHop/whole' -benchtime 10000x ./cmd/outcrop
	go test -run '^$$' -bench 'ServeHop/burst' -benchtime 1024x ./cmd/outcrop
	go test -run '^$$' -bench 'ServeHop/paced' -benchtime 128x ./cmd/outcrop
	go test -run '^$$' -bench 'ServeOpenStreams' -benchtime 3x ./cmd/outcrop

.PHONY: bench-quota
bench-quota: ## the quota ledger against other clients, simulated; writes docs/quota.md
	go test ./bench/quotasim -run TestTable -table -write -v -timeout 6h

.PHONY: tidy
tidy: ## tidy the modules
	go mod tidy
