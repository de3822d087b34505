# make help            says what there is
# make verify test     is what CI runs (.ci/run)
.DEFAULT_GOAL := help

BIN := node_modules/.bin
# How long the demo streams.
SECONDS ?= 45
# A single part of the tests: make test TESTS=test/unit
TESTS ?=
# Options of a measurement: make bench-relay BENCH=--quick
BENCH ?=
# A part of the interop lanes: make conformance-interop INTEROP="--clients heddle --servers grpc-go"
INTEROP ?=
# How long make chaos breaks things, and which of them: KINDS="worker SIGKILL,director SIGSTOP". SEED=n replays a run.
MINUTES ?= 5
KINDS ?=
# How much make fuzz-rest asks.
REQUESTS ?= 10000
# Of the simulator: how many seeds, and from which.
SEEDS ?= 1000
FIRST ?= 1
# Options of the attacks: make attack ATTACK=--quick
ATTACK ?=

.PHONY: help
help: ## Print this
	@awk -F ':.*## ' '/^[a-z][a-z0-9-]*:.*## / { printf "  make %-20s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# ---- Build and run -------------------------------------------------------------------------------------------------

# A copy of the lock file beside what it installed tells whether they still belong together.
INSTALLED := node_modules/.installed-lock.json

.PHONY: install
install: ## Install the dependencies, if they are not
	@cmp -s package-lock.json $(INSTALLED) || { npm ci --no-audit --no-fund && cp package-lock.json $(INSTALLED); }

.PHONY: build
build: install ## Compile to dist/
	@rm -rf dist
	@$(BIN)/tsc -p tsconfig.build.json
	@node dist/scripts/dashboard.js

.PHONY: demo
demo: build ## Watch a cluster live, fail and recover (SECONDS=45)
	@node dist/scripts/demo.js --seconds $(SECONDS)

.PHONY: screenshots
screenshots: build ## Take the pictures of the dashboard in docs/images (needs Chromium)
	@$(BIN)/tsx scripts/screenshots.ts

.PHONY: generate
generate: install ## Generate the code from proto/
	@$(BIN)/tsx scripts/generate.ts

.PHONY: clean
clean: ## Remove what was built and cached
	rm -rf dist .cache coverage

# ---- Tests and measurements ----------------------------------------------------------------------------------------

.PHONY: test
test: build ## Run every test (TESTS=test/unit for a part)
	@mkdir -p .cache && rm -f .cache/jest.json
	@$(BIN)/tsx scripts/etcd.ts
	@$(BIN)/tsx scripts/python-grpc.ts
	@$(MAKE) --no-print-directory test-tools
	@$(BIN)/jest --json --outputFile=.cache/jest.json $(TESTS)

# The browser's tests need the one, those of a live terminal the other. Where neither is there nor can be had, their tests say that they are left out.
TEST_TOOLS := chromium tmux

.PHONY: test-tools
test-tools: ## Install Chromium and tmux, which some tests need, where they are missing (Debian; needs root)
	@missing=; for tool in $(TEST_TOOLS); do command -v $$tool >/dev/null || missing="$$missing $$tool"; done; \
	if [ -n "$$missing" ] && command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	  apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $$missing \
	    || echo "Not installed:$$missing. Tests that need it fail and say so, or are left out."; \
	fi

.PHONY: bench-picker
bench-picker: build ## Measure nanoseconds per pick, for every policy
	@node --expose-gc dist/test/bench/picker.js

.PHONY: bench-heartbeat
bench-heartbeat: build ## Measure a director with 2,000 workers' heartbeats
	@node dist/test/bench/heartbeat.js

.PHONY: bench-idle
bench-idle: build ## Measure the memory of an idle worker
	@node dist/test/bench/idle.js

.PHONY: bench-forward
bench-forward: build ## Measure CPU and heap per call of all that decides about it
	@node --expose-gc dist/test/bench/forward.js

.PHONY: bench-relay
bench-relay: build ## Measure CPU per relayed call, beside other proxies (BENCH="--rows 4x16 --quick")
	@node dist/test/bench/relay.js $(BENCH)

.PHONY: bench-direct
bench-direct: build ## Measure CPU per call straight to a worker, our client beside grpc-js (BENCH="--quick")
	@node dist/test/bench/direct.js $(BENCH)

.PHONY: bench-ends
bench-ends: build ## Measure CPU per call of servers, clients and whole calls, beside grpc-js, node:http2, grpc-go (BENCH="--quick")
	@node dist/test/bench/ends.js $(BENCH)

.PHONY: bench-ends-memory
bench-ends-memory: build ## Measure memory per idle connection and idle call of servers, beside other stacks (BENCH="--quick")
	@node dist/test/bench/ends-memory.js $(BENCH)

.PHONY: bench-relay-workers
bench-relay-workers: build ## Measure what HEDDLE_RELAY_WORKERS costs and brings (BENCH="--rounds 4 --calls 30000")
	@node dist/test/bench/relay-workers.js $(BENCH)

.PHONY: bench-gateway
bench-gateway: build ## Measure CPU per JSON call over HTTP to a worker, beside a hand-written Fastify and grpc-js handler (BENCH="--quick")
	@node dist/test/bench/gateway.js $(BENCH)

.PHONY: bench-threads
bench-threads: build ## Measure what WORKER_THREADS costs and brings (BENCH="--quick")
	@node dist/test/bench/threads.js $(BENCH)

.PHONY: bench-failover
bench-failover: build ## Measure what kills of workers and directors cost 500 calls/s, and how soon a stopped worker is suspected (BENCH="--quick")
	@node dist/test/bench/failover.js $(BENCH)

.PHONY: bench-dashboard
bench-dashboard: build ## Measure what the dashboard costs with 1,000 workers: the page, and the director that feeds it (needs Chromium)
	@node dist/test/bench/dashboard.js $(BENCH)

.PHONY: bench-tools
bench-tools: ## Install the other proxies and h2load (Debian; needs root)
	apt-get update -q
	DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends nginx-light haproxy nghttp2-client nghttp2-proxy

.PHONY: bench-http2
bench-http2: build ## Measure CPU per call of an echo server on our HTTP/2 engine, beside node:http2
	@node dist/test/bench/http2-echo.js

.PHONY: conformance
conformance: conformance-h2spec conformance-negative conformance-interop ## Run what others test HTTP/2 and gRPC with (needs Go)

.PHONY: conformance-h2spec
conformance-h2spec: build ## Run h2spec against our HTTP/2 engine, a gRPC server on it, a director and a worker, plain and TLS (needs Go)
	@$(BIN)/tsx scripts/h2spec.ts

.PHONY: conformance-interop
conformance-interop: build ## Run gRPC's interop cases and grpcurl through the director: grpc-go, grpcio, grpc-c++, grpc-js, our own (those there is no Go, Python or C++ for are left out)
	@$(BIN)/tsx scripts/conformance/grpc-interop.ts $(INTEROP)

.PHONY: conformance-negative
conformance-negative: build ## Run gRPC's negative HTTP/2 cases against our client, straight and through a director
	@$(BIN)/tsx scripts/conformance/negative-http2.ts

.PHONY: conformance-tools
conformance-tools: ## Install gRPC for C++, for its interop lanes (Debian; needs root)
	apt-get update -q
	DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends g++ libgrpc++-dev libprotobuf-dev protobuf-compiler protobuf-compiler-grpc

.PHONY: fuzz-http2
fuzz-http2: install ## Feed the HTTP/2 engine with hostile bytes (SECONDS=60, SEED=n to replay)
	@$(BIN)/tsx scripts/fuzz-http2.ts --seconds $(SECONDS) $(if $(SEED),--seed $(SEED))

.PHONY: fuzz-rpc
fuzz-rpc: install ## Feed both ends of gRPC with hostile messages and metadata (SECONDS=60, SEED=n to replay)
	@$(BIN)/tsx scripts/fuzz-rpc.ts --seconds $(SECONDS) $(if $(SEED),--seed $(SEED))

.PHONY: fuzz-rest
fuzz-rest: install ## Ask a director for everything that its OpenAPI document has, rightly and wrongly (REQUESTS=10000, SEED=n to replay)
	@$(BIN)/tsx scripts/fuzz-rest.ts --requests $(REQUESTS) $(if $(SEED),--seed $(SEED))

.PHONY: simulate
simulate: build ## Simulate whole clusters on bad days and check what must always be so (SEEDS=1000, SEED=n or SCENARIO=file to replay)
	@node dist/scripts/simulate.js --seeds $(SEEDS) --first $(FIRST) $(if $(SEED),--seed $(SEED)) $(if $(SCENARIO),--scenario $(SCENARIO))

.PHONY: simulate-mutants
simulate-mutants: build ## Plant bugs and see that the simulator finds each (SEEDS=1000, MUTANT=name for one)
	@node dist/scripts/simulate-mutants.js --seeds $(SEEDS) $(if $(MUTANT),--mutant $(MUTANT))

.PHONY: attack
attack: build ## Attack a director and a worker in every known way, beside other proxies (ATTACK="--quick", "--targets worker")
	@node dist/test/attack/run.js $(ATTACK)

.PHONY: chaos
chaos: build ## Break real directors, workers, etcd and links under load, and check that nothing is lost (MINUTES=5, SEED=n to replay)
	@node dist/test/chaos/run.js --minutes $(MINUTES) $(if $(SEED),--seed $(SEED)) $(if $(KINDS),--kinds "$(KINDS)")

# ---- Verify: what CI asks, each with the target that puts it right -------------------------------------------------

CHECKS := verify-format verify-lint verify-types verify-layers verify-buf-lint verify-buf-format verify-buf-breaking \
  verify-generated verify-docs verify-audit

.PHONY: verify
verify: $(CHECKS) ## Run all of the checks below
	@echo "verify: all well"

.PHONY: fix
fix: fix-buf-format fix-generated fix-docs fix-lint fix-format ## Put right all that can be put right without thought

.PHONY: verify-format fix-format
verify-format: install ## Formatting (prettier)
	@$(BIN)/prettier --check --log-level warn . || { echo "Run: make fix-format"; exit 1; }
fix-format: install
	@$(BIN)/prettier --write --log-level warn .

.PHONY: verify-lint fix-lint
verify-lint: install ## Lint, with types (eslint)
	@$(BIN)/eslint . || { echo "Some may be fixed by: make fix-lint"; exit 1; }
fix-lint: install
	@$(BIN)/eslint --fix .

.PHONY: verify-types
verify-types: install ## Types (tsc)
	@$(BIN)/tsc -p tsconfig.json
	@$(BIN)/tsc -p src/dashboard/tsconfig.json

.PHONY: verify-layers
verify-layers: install ## Who may import whom, and tidiness (jest)
	@$(BIN)/jest --silent test/unit/layers.test.ts test/unit/tidy.test.ts

.PHONY: verify-buf-lint
verify-buf-lint: install ## The contract's style (buf lint)
	@$(BIN)/buf lint

.PHONY: verify-buf-format fix-buf-format
verify-buf-format: install ## The contract's formatting (buf format)
	@$(BIN)/buf format -d --exit-code || { echo "Run: make fix-buf-format"; exit 1; }
fix-buf-format: install
	@$(BIN)/buf format -w

.PHONY: verify-buf-breaking
verify-buf-breaking: install ## The contract's promises to its users (buf breaking)
	@$(BIN)/tsx scripts/buf-breaking.ts

.PHONY: verify-generated fix-generated
verify-generated: install ## Generated code is what proto/ generates
	@$(BIN)/tsx scripts/generate.ts --check || { echo "Run: make fix-generated"; exit 1; }
fix-generated: generate

.PHONY: verify-docs fix-docs
verify-docs: install ## docs/ say what the code does
	@$(BIN)/tsx scripts/docs.ts --check
fix-docs: install
	@$(BIN)/tsx scripts/docs.ts

.PHONY: verify-audit fix-audit
verify-audit: install ## Known vulnerabilities of what we depend on (npm audit)
	@$(BIN)/tsx scripts/audit.ts
fix-audit: install
	@npm audit fix --omit=dev
