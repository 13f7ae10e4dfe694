# Builds, runs and tests PhoneBill. Each target calls dev/cmd/phonebill; `make` without
# a target prints the list.

PHONEBILL := .local/bin/phonebill

.DEFAULT_GOAL := help

# Folders that replace components of components/local: names of components/alternatives, or paths.
COMPONENTS ?=
export PHONEBILL_COMPONENTS := $(COMPONENTS)

.PHONY: help
help: ## Print this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: phonebill ## Start the system, print requests to try, drain and stop on Ctrl-C; with other components: make run COMPONENTS="postgresql rabbitmq"
	@$(PHONEBILL) run

.PHONY: stop
stop: phonebill ## Drain and stop all processes that `make run` started
	@$(PHONEBILL) stop

.PHONY: status
status: phonebill ## Show each process and whether it is ready
	@$(PHONEBILL) status

.PHONY: observe
observe: phonebill ## Start Prometheus, Alertmanager, a collector and a status page beside the running system
	@$(PHONEBILL) observe

.PHONY: seed
seed: phonebill ## Add generated users to the running system: make seed USERS=1000
	@$(PHONEBILL) seed $(USERS)

FOR ?= 60s

.PHONY: trouble
trouble: phonebill ## Inject a fault into KOS, or list the faults: make trouble KOS=hang FOR=60s
	@$(PHONEBILL) trouble -kos="$(KOS)" -for="$(FOR)" -line="$(LINE)" -on="$(ON)"

LEVEL ?= debug

.PHONY: log-level
log-level: phonebill ## Change the log level of an app of the running system: make log-level APP=bill-inquiry-service LEVEL=configured
	@$(PHONEBILL) log-level "$(APP)" "$(LEVEL)"

REPLAY ?=

.PHONY: dead-letters
dead-letters: phonebill ## List the dead letters of the running system, or send them again: make dead-letters REPLAY=product.changed.v1
	@$(PHONEBILL) dead-letters -replay="$(REPLAY)"

.PHONY: test
test: phonebill ## Vet and test every module, then the whole system; or only: make test ONLY="-run Token ./apps/auth-service/..."
	@$(PHONEBILL) test $(ONLY)

.PHONY: test-cluster
test-cluster: images ## Install the charts on the cluster of KUBECONFIG and run the tests there; or only: make test-cluster ONLY="-run Roll"
	@$(PHONEBILL) test-cluster $(ONLY)

SEED ?= 1
CHANGES ?= 500
KILLS ?= 30

.PHONY: chaos
chaos: phonebill ## Kill every process in turn while plans are changed: make chaos SEED=7 CHANGES=500 KILLS=30
	@$(PHONEBILL) chaos -seed=$(SEED) -changes=$(CHANGES) -kills=$(KILLS)

WAITING ?= 100
OUTAGE ?= 5m

.PHONY: outage
outage: phonebill ## Order plan changes during an outage of KOS, check that they finish in order: make outage WAITING=100 OUTAGE=5m
	@$(PHONEBILL) outage -waiting=$(WAITING) -outage=$(OUTAGE)

SCENARIO ?= crowd
THINK ?= 10s
TIME ?= 60s

.PHONY: load
load: phonebill ## Measure the system under many users (scenarios: dev/load/README.md): make load SCENARIO=crowd USERS=10000 THINK=10s TIME=60s
	@$(PHONEBILL) load -scenario=$(SCENARIO) -users=$(or $(USERS),0) -think=$(THINK) -for=$(TIME)

TROUBLE ?= all

.PHONY: drill
drill: phonebill ## Run 200 users while KOS or Redis has a fault, and draw the results: make drill TROUBLE=hang
	@$(PHONEBILL) drill -trouble=$(TROUBLE)

FROM ?=
LINES ?= 40

.PHONY: alerts
alerts: phonebill ## Cause troubles; check that alerts fire, their runbooks show the cause, and they clear: make alerts TROUBLE=outage
	@$(PHONEBILL) alerts -trouble=$(TROUBLE)

.PHONY: upgrade
upgrade: phonebill ## Upgrade from another commit and roll back, while work waits for KOS: make upgrade FROM=<commit> LINES=40
	@$(PHONEBILL) upgrade -from="$(FROM)" -lines=$(LINES)

.PHONY: bench
bench: phonebill ## Run the benchmarks that have goals and compare; or any: make bench ONLY="-bench=Warm -count=1 ./apps/..."
	@$(PHONEBILL) bench $(ONLY)

LOGINS ?= 1000

.PHONY: storm
storm: phonebill ## Let users log in within ten seconds, beside inquiries, and compare with the ideal: make storm LOGINS=1000
	@$(PHONEBILL) storm -logins=$(LOGINS)

.PHONY: fuzz
fuzz: phonebill ## Run all fuzz tests, one at a time: make fuzz TIME=10m
	@$(PHONEBILL) fuzz $(TIME)

REQUESTS ?= 20000
FIRST ?= 0

.PHONY: fuzz-client
fuzz-client: phonebill ## Send mutated requests of every OpenAPI operation to the whole system: make fuzz-client SEED=7 REQUESTS=200000
	@$(PHONEBILL) fuzz-client -seed=$(SEED) -requests=$(REQUESTS) -first=$(FIRST)

.PHONY: lint
lint: phonebill ## Run golangci-lint on every module and check that each is tidy
	@$(PHONEBILL) lint

.PHONY: docs
docs: ## Generate documents from code and measurements: dev/docs/{messages,metrics}.md, dev/docs/mechanisms/capacity.md, dashboards
	@for metrics in apps/*/metrics.json; do go test ./$${metrics%/*}/internal/app -run MetricsAreListed -args -update || exit; done
	@GOWORK=off go -C dev/tools/dashboards run .
	@go test ./dev/docs -run 'Messages|Metrics' -update
	@go test ./dev/load -run CapacityPage -args -update

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
cluster-secrets: phonebill ## Print the Kubernetes Secrets of a cluster that has no vault: make cluster-secrets NAMESPACE=x | kubectl create -f -
	@$(PHONEBILL) cluster-secrets -namespace=$(NAMESPACE)

ROOT ?=

.PHONY: dapr-issuer
dapr-issuer: phonebill ## Print a new issuer certificate of Dapr as values of its chart: make dapr-issuer ROOT=folder | helm upgrade ... -f -
	@$(PHONEBILL) dapr-issuer -root="$(ROOT)"

.PHONY: clean
clean: phonebill ## Delete data, secrets and logs; keep the programs
	@$(PHONEBILL) clean

.PHONY: phonebill
phonebill:
	@go build -buildvcs=false -o $(PHONEBILL) ./dev/cmd/phonebill
