# The only door to building, running and checking PhoneBill. The work is done by
# dev/cmd/phonebill; `make` alone prints what there is.

PHONEBILL := .local/bin/phonebill

.DEFAULT_GOAL := help

.PHONY: help
help: ## Print this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: phonebill ## Start everything, print what to try, stay until Ctrl-C, then drain and stop
	@$(PHONEBILL) run

.PHONY: stop
stop: phonebill ## Drain and stop what `make run` started, or what is left of it
	@$(PHONEBILL) stop

.PHONY: status
status: phonebill ## Show each process and whether it is ready
	@$(PHONEBILL) status

.PHONY: seed
seed: phonebill ## Add generated users to the running system: make seed USERS=1000
	@$(PHONEBILL) seed $(USERS)

FOR ?= 60s

.PHONY: trouble
trouble: phonebill ## Put KOS into a trouble, or list what there is: make trouble KOS=hang FOR=60s
	@$(PHONEBILL) trouble -kos="$(KOS)" -for="$(FOR)" -line="$(LINE)" -on="$(ON)"

.PHONY: test
test: phonebill ## Vet and test every module, then the whole system; or only: make test ONLY="-run Token ./apps/auth-service/..."
	@$(PHONEBILL) test $(ONLY)

.PHONY: test-cluster
test-cluster: images ## Install the charts on the cluster of KUBECONFIG and prove them there; or only: make test-cluster ONLY="-run Roll"
	@$(PHONEBILL) test-cluster $(ONLY)

SEED ?= 1
CHANGES ?= 500
KILLS ?= 30

.PHONY: chaos
chaos: phonebill ## Kill every part while plans are changed: make chaos SEED=7 CHANGES=500 KILLS=30
	@$(PHONEBILL) chaos -seed=$(SEED) -changes=$(CHANGES) -kills=$(KILLS)

WAITING ?= 100
OUTAGE ?= 5m

.PHONY: outage
outage: phonebill ## Let changes wait while KOS is out, and finish in order: make outage WAITING=100 OUTAGE=5m
	@$(PHONEBILL) outage -waiting=$(WAITING) -outage=$(OUTAGE)

TROUBLE ?= all

.PHONY: drill
drill: phonebill ## Let 200 users ask while KOS or Redis is in trouble, and draw it: make drill TROUBLE=hang
	@$(PHONEBILL) drill -trouble=$(TROUBLE)

.PHONY: bench
bench: phonebill ## Run every benchmark, one package after the other; or only: make bench ONLY="-bench=Warm ./apps/..."
	@$(PHONEBILL) bench $(ONLY)

TIME ?= 60s

.PHONY: fuzz
fuzz: phonebill ## Run every fuzz test, one after the other: make fuzz TIME=10m
	@$(PHONEBILL) fuzz $(TIME)

REQUESTS ?= 20000
FIRST ?= 0

.PHONY: fuzz-client
fuzz-client: phonebill ## Send mutations of every described request to the whole system: make fuzz-client SEED=7 REQUESTS=200000
	@$(PHONEBILL) fuzz-client -seed=$(SEED) -requests=$(REQUESTS) -first=$(FIRST)

.PHONY: lint
lint: phonebill ## Run golangci-lint on every module and check that each is tidy
	@$(PHONEBILL) lint

.PHONY: docs
docs: ## Generate the documents that follow from the code: dev/docs/messages.md
	@go test ./dev/docs -run Messages -update

.PHONY: fmt
fmt: phonebill ## Format all Go files
	@$(PHONEBILL) fmt

.PHONY: tidy
tidy: phonebill ## Tidy the go.mod of every module
	@$(PHONEBILL) tidy

.PHONY: build
build: phonebill ## Compile every package
	@$(PHONEBILL) build

ARCH ?= amd64

.PHONY: images
images: phonebill ## Build the container images into .local/images: make images VERSION=1.2.3 ARCH=arm64
	@$(PHONEBILL) images -version=$(VERSION) -arch=$(ARCH)

NAMESPACE ?= phonebill

.PHONY: cluster-secrets
cluster-secrets: phonebill ## Print the Secrets of a cluster without a vault: make cluster-secrets NAMESPACE=x | kubectl create -f -
	@$(PHONEBILL) cluster-secrets -namespace=$(NAMESPACE)

.PHONY: clean
clean: phonebill ## Forget data, secrets and logs; keeps the programs that were built
	@$(PHONEBILL) clean

.PHONY: phonebill
phonebill:
	@go build -buildvcs=false -o $(PHONEBILL) ./dev/cmd/phonebill
