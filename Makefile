# The commands of this repository. `make` lists them.

.DEFAULT_GOAL := list
.NOTPARALLEL:
SHELL := /bin/bash

target_dir := $(shell cargo metadata --no-deps --format-version 1 2>/dev/null | sed -E 's/.*"target_directory":"([^"]*)".*/\1/')
with_stores = $(target_dir)/debug/with-stores
claviger = $(target_dir)/debug/claviger
documented = api keys console

# nextest where it is installed: faster, and a test that hangs fails. Its configuration leaves out what `make chaos` runs.
ifeq ($(shell command -v cargo-nextest),)
test_runner = cargo test --workspace --exclude chaos --lib --bins --tests
chaos_runner = cargo test -p chaos --test it $(if $(GROUP),$(GROUP)::) -- --test-threads=1 --nocapture
else
test_runner = cargo nextest run --workspace
chaos_runner = cargo nextest run --workspace --profile chaos -E '$(chaos_tests)' --success-output immediate
endif

# $(call step,name,command): runs it and says how long it took.
define step
@echo "── $(1)"; start=$$SECONDS; $(2); status=$$?; echo "── $(1): $$((SECONDS - start)) s$$([ $$status = 0 ] || echo ', failed')"; exit $$status
endef

# $(call step_if,program,name,command): the same, where the program is installed.
define step_if
@if command -v $(1) >/dev/null; then \
	echo "── $(2)"; start=$$SECONDS; $(3); status=$$?; echo "── $(2): $$((SECONDS - start)) s$$([ $$status = 0 ] || echo ', failed')"; exit $$status; \
else echo "── $(2): skipped, $(1) is not installed"; fi
endef

.PHONY: list
list: ## list the commands
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 12

.PHONY: setup
setup: ## install what is missing on Debian: a C compiler, PostgreSQL, PgBouncer, Redis
	@scripts/setup.sh

.PHONY: setup-check
setup-check:
	@scripts/setup.sh check

.PHONY: setup-chaos
setup-chaos:
	@scripts/setup.sh chaos

.PHONY: run
run: setup ## start everything from nothing: claviger dev (ARGS="--reset", ARGS="--port-offset 100")
	cargo run -p claviger -- dev $(ARGS)

# Everything is built in one go, so that tests, servers and the binary share one set of features.
.PHONY: build
build: ## build every crate with its tests
	$(call step,build,cargo build --workspace --all-targets)

.PHONY: test
test: setup build ## run all tests, against real Postgres and Redis
	$(call step,test,$(with_stores) $(test_runner) $(ARGS))

.PHONY: fuzz
fuzz: ## a million executions of every parser of strangers' text (a few minutes)
	$(call step,fuzz,CLAVIGER_LONG=1 cargo nextest run --profile fuzz -p domain -p server -p api -p keys -E 'test(fuzz)' --success-output immediate)

.PHONY: check
check: setup-check fmt lint web-check test contract requests clients image helm docs deny unused alerts bare ## all that CI checks
	@echo "── all checks passed"

.PHONY: fix
fix: ## format, and regenerate what is generated: the examples, openapi.json with the web app's types of it, the access matrix and docs/events.md
	cargo fmt --all
	cargo build --workspace --all-targets
	CLAVIGER_UPDATE=1 $(with_stores) cargo test -q -p api --test it -- access events examples
	CLAVIGER_UPDATE=1 $(with_stores) cargo test -q -p keys --test it -- document
	cargo build -p claviger
	for service in $(documented); do $(claviger) openapi $$service > services/$$service/openapi.json.new && \
		mv services/$$service/openapi.json.new services/$$service/openapi.json || exit 1; done
	CLAVIGER_UPDATE=1 cargo test -q -p tidy -- frozen
	scripts/web.sh types

.PHONY: fmt
fmt:
	$(call step,fmt,cargo fmt --all --check)

.PHONY: lint
lint:
	$(call step,lint,cargo clippy --workspace --all-targets -- -D warnings)

.PHONY: web
web: ## build the console's web app: services/console/web/dist, which is committed (needs Node 20)
	$(call step,web,scripts/web.sh build)

.PHONY: web-check
web-check:
	$(call step,web,scripts/web.sh check)

.PHONY: contract
contract: build
	$(call step,contract,for service in $(documented); do $(claviger) openapi $$service | diff -u services/$$service/openapi.json - || \
		{ echo "services/$$service/openapi.json is not what the code says: run make fix"; exit 1; }; done)

.PHONY: requests
requests: build setup-check ## throw generated requests at a running installation (EXAMPLES=60 per operation)
	$(call step,requests,tests/contract/check.sh $(claviger) $(or $(EXAMPLES),10))

.PHONY: browser
browser: build setup-check ## open the console in Chromium, with every story, role and page (FILES="roles.test.mjs")
	$(call step_if,npm,browser,tests/browser/check.sh $(claviger) $(FILES))

# What every test has found is kept in a file, of which the page of promises is made.
findings = $(target_dir)/promises.jsonl
groups = revocation limits stores overload hostile durability
ifneq ($(filter-out $(groups),$(GROUP)),)
$(error GROUP is one of: $(groups))
endif
# Hostile connections and parsers are tested every day in short, and here as long as it is promised.
chaos_hostile = package(server) & test(/^hostile::/)
ifeq ($(GROUP),)
chaos_tests = binary_id(chaos::it) | $(chaos_hostile) | test(fuzz)
else
chaos_tests = binary_id(chaos::it) & test(/^$(GROUP)::/) $(if $(filter hostile,$(GROUP)),| $(chaos_hostile))
endif
commit = $$(git rev-parse --short HEAD)$$(git diff --quiet HEAD || echo +)

# The release build is that of `make bench`, so that whoever runs both builds once.
.PHONY: chaos
chaos: setup-chaos build ## break stores, networks, clocks and replicas, and put what that showed into docs/promises.md (an hour; GROUP=overload: ten minutes)
	$(call step,release build,cargo build --release -p claviger -p bench)
	$(call step,chaos$(if $(GROUP), $(GROUP)),rm -f $(findings); CLAVIGER_LONG=1 CLAVIGER_PROMISES=$(findings) \
		CLAVIGER_PROGRAM=$(target_dir)/release/claviger $(with_stores) $(chaos_runner); failed=$$?; \
		$(target_dir)/debug/chaos $(findings) docs/promises.md $(commit) && (exit $$failed))

.PHONY: bare
bare: build setup-check ## make test, one test of each kind, where nothing but Rust is installed
	$(call step,bare,scripts/check-bare.sh $(target_dir))

.PHONY: clients
clients: build setup-check ## generate clients from the documents with real tools, and run a life with them
	$(call step,clients,tests/clients/check.sh $(claviger))

.PHONY: image
image: build setup-check ## assemble the image, run it without rights, and verify the systemd units
	$(call step,image,deploy/check.sh $(claviger))

.PHONY: helm
helm: build setup-check ## check the Helm chart with Helm 3 and 4, and start what it configures
	$(call step,helm,helm/check.sh $(claviger))

.PHONY: docs
docs:
	$(call step,docs,RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --workspace)

.PHONY: deny
deny:
	$(call step_if,cargo-deny,deny,cargo deny check bans licenses sources)

.PHONY: unused
unused:
	$(call step_if,cargo-machete,unused,cargo machete)

.PHONY: alerts
alerts:
	$(call step_if,promtool,alerts,scripts/check-alerts.sh)

# One build, so that the program is the one that is shipped and the ceilings share its dependencies.
.PHONY: bench
bench: setup ## measure what a request costs, beside ceilings: docs/benchmarks.md (ARGS=--quick, ARGS=profile)
	$(call step,release build,cargo build --release -p claviger -p bench)
	$(call step,bench,$(target_dir)/release/bench $(ARGS))
