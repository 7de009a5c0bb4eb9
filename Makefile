# BadgeKMS. The two commands of the README are `make demo` and `make test`;
# `make help` lists the rest.

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO       ?= go
FUZZTIME ?= 5s
BENCH    ?= .
READER   ?= simulated
export KEEP

# Programs that need no PC/SC are built without cgo; the others with it.
PLAIN  := kms kmsctl hsm-sim card-sim
PCSC   := enroll terminal
BUF     = $$($(GO) -C $(CURDIR)/test/buf tool -n buf)

.PHONY: help
help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## enrol three badges and tap them, on embedded defaults (READER=pcsc: through pcscd; KEEP=DIR keeps the files)
ifeq ($(READER),pcsc)
	@test/scripts/packages.sh
	@$(GO) build -o bin/demo ./cmd/demo
else
	@CGO_ENABLED=0 $(GO) build -o bin/demo ./cmd/demo
endif
	@bin/demo --reader $(READER)

.PHONY: build
build: ## all programs, into bin/ (enroll and terminal need libpcsclite-dev)
	@for p in $(PLAIN); do CGO_ENABLED=0 $(GO) build -o bin/badgekms-$$p ./cmd/$$p; done
	@for p in $(PCSC); do $(GO) build -o bin/badgekms-$$p ./cmd/$$p; done
	@ls bin

.PHONY: check
check: ## the inner loop: gofmt, vet, unit tests, no packages needed (under 2 minutes)
	@test/scripts/format.sh
	@CGO_ENABLED=0 $(GO) vet ./...
	@CGO_ENABLED=0 $(GO) test -short ./...

.PHONY: test
test: ## everything, through a real pcscd; installs the system packages it needs
	@test/scripts/packages.sh
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory platforms
	@BADGEKMS_TEST_PCSCD=1 $(GO) test -race -timeout 12m ./...
	@$(MAKE) --no-print-directory fuzz
	@$(MAKE) --no-print-directory demo

.PHONY: lint
lint: ## gofmt, vet, staticcheck, buf lint, and generated code is up to date
	@test/scripts/format.sh
	@$(GO) vet ./...
	@$(GO) tool staticcheck ./...
	@cd proto && "$(BUF)" lint
	@test/scripts/generated.sh "$(BUF)"

.PHONY: generate
generate: ## the Go code of proto/
	@cd proto && "$(BUF)" generate

.PHONY: platforms
platforms: ## builds without cgo, and for Windows
	@CGO_ENABLED=0 $(GO) build ./...
	@CGO_ENABLED=0 GOOS=windows $(GO) build ./...
	@echo "platforms: linux without cgo, windows without cgo: built"

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME (5s each)
	@GO="$(GO)" test/scripts/fuzz.sh $(FUZZTIME)

.PHONY: bench
bench: ## the benchmarks of the crypto paths, each next to its floor
	@CGO_ENABLED=0 $(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -count 3 ./kms/an10922 ./reader/key ./reader/desfire

.PHONY: vuln
vuln: ## known vulnerabilities of the dependencies (needs the internet)
	@$(GO) run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./...

.PHONY: fresh
fresh: ## proves both README commands on a fresh Debian machine in a chroot (root, slow)
	@test/scripts/fresh.sh

.PHONY: clean
clean: ## removes bin/
	@rm -rf bin
