# Everything a fresh clone needs: Python 3.11 to 3.13, make and git.
# make demo installs what running needs (requirements.lock); make test adds the tools of the
# tests (requirements-dev.lock, which has the same versions of everything in the other).
# VENV=… and PYTHON=… choose another environment; ARGS=… goes to pytest.

VENV ?= .venv
ARGS ?=
NODE_TARGETS := tests/targets/node tests/targets/servers tests/targets/page
FAST = $(VENV)/bin/python -m pytest -m "not slow" -n auto
SLOW = $(VENV)/bin/python -m pytest -m

# Tests, and those that failed once more, alone: a fault of siotool fails there too, and one of a machine that had
# other work to do, or of a virtual one that was held up, does not.
define once_more
$(SLOW) $(1) $(2) $(filter-out -x --exitfirst --maxfail=%,$(ARGS)) || { [ $$? = 1 ] && \
	echo 'Once more, alone: $(SLOW) $(1) --last-failed' && \
	$(SLOW) $(1) --last-failed --last-failed-no-failures none --maxfail 5 $(ARGS); }
endef

# Exactly what a lock says, and nothing looked up: no dependencies are resolved, nothing is built.
INSTALL = $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check \
	--no-deps --only-binary :all: --require-hashes
CHECK = $(VENV)/bin/python -m pip --disable-pip-version-check check

# python3 if it will do, else the newest one that will (venv needs ensurepip, which Debian packages apart)
SUITS := import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c '$(SUITS)' 2>/dev/null && { echo $$python; break; }; done)

COMPILE := uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --quiet

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast test-slow coverage node lab lint types bench capacity-bench prediction architecture dist check-dist fuzz lock clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/.runs ## plan, load a chat server with a swarm of clients, and report
	$(VENV)/bin/siotool demo

test: test-fast test-slow ## every test; what needs a tool that is not here skips and says so

test-fast: $(VENV)/.installed ## the tests that start no servers and no browsers, on every core
	$(FAST) $(ARGS)

# They wait more than they work: four side by side do well on two cores.
test-slow: $(VENV)/.installed ## the others
	$(call once_more,"slow and not quiet",-n 4 --dist loadfile)
	$(call once_more,"slow and quiet",)

coverage: $(VENV)/.installed ## the fast tests, and which branches of the pure rooms they do not take
	$(FAST) --cov $(ARGS)
	$(VENV)/bin/python -m coverage json --quiet -o - | $(VENV)/bin/python tests/branch_gate.py

node: ## install the Node.js servers that the integration tests measure
	@if command -v npm >/dev/null; then \
	for target in $(NODE_TARGETS); do (cd $$target && npm ci --no-audit --no-fund) || exit 1; done; \
	else echo "npm is not installed: tests against Node.js will be skipped"; fi

lab: $(VENV)/.runs ## install the npm packages of siotool lab's servers, into your cache folder
	$(VENV)/bin/siotool lab doctor --install

lint: $(VENV)/.installed ## style and common mistakes
	$(VENV)/bin/python -m ruff check .
	$(VENV)/bin/python -m ruff format --check .

types: $(VENV)/.installed ## static types, strict
	$(VENV)/bin/python -m mypy

bench: $(VENV)/.installed ## CPU and memory per delivery, call and connection, beside other clients
	$(VENV)/bin/python -m tests.bench.bench $(ARGS)

prediction: $(VENV)/.installed ## calibrate four servers and predict what was not measured (80 minutes, on an idle machine)
	$(VENV)/bin/python tests/bench/prediction.py --capacity --write $(ARGS)

capacity-bench: $(VENV)/.installed ## 20 real searches of servers whose capacity is known: about 25 minutes
	$(VENV)/bin/python -m tests.bench.capacity --noise 0.02 --side-by-side 4 --out reports/capacity-bench $(ARGS)

fuzz: $(VENV)/.installed ## look for bytes of a server that break us: make fuzz SECONDS=600 (needs pip install atheris)
	$(VENV)/bin/python -m tests.fuzz.fuzz $(or $(SECONDS),60)

architecture: $(VENV)/.installed ## draw the map in docs/architecture.md anew from the imports
	$(VENV)/bin/python tests/architecture_map.py

# The time in the archives is that of the commit: the same commit makes the same bytes.
dist: $(VENV)/.locked ## build the sdist and the wheel in dist/, with the tools of the lock
	rm -rf dist
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(VENV)/bin/python -m hatchling build

check-dist: $(VENV)/.installed ## look at what is in dist/
	SIOTOOL_DIST=$(abspath dist) $(VENV)/bin/python -m pytest tests/integration/test_distribution.py $(ARGS)

lock: ## resolve both locks anew from pyproject.toml (needs uv)
	$(COMPILE) --extra build --output-file requirements.lock
	$(COMPILE) --extra dev --constraint requirements.lock --output-file requirements-dev.lock

clean: ## remove the environment and everything built
	rm -rf $(VENV) build dist .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
	rm -rf $(NODE_TARGETS:%=%/node_modules)

# The lock decides the environment: when it changes, the environment is made anew. One that others share,
# by a symbolic link, is not ours to clear.
$(VENV)/.locked: requirements.lock
	@$(or $(PYTHON),false) -c '$(SUITS)' 2>/dev/null || { echo "siotool needs Python 3.11, 3.12 or 3.13" \
		"with its venv module; name one with: make PYTHON=/path/to/python …" >&2; exit 2; }
	@test ! -L $(VENV) || { echo "$(VENV) is a symbolic link to $$(readlink $(VENV)): making it anew would" \
		"clear the environment there. Remove the link, or name another: make VENV=.venv-own …" >&2; exit 2; }
	@echo "Making $(VENV) with $$($(PYTHON) --version) from requirements.lock …"
	$(PYTHON) -m venv --clear $(VENV)
	$(INSTALL) -r requirements.lock
	$(CHECK)
	@touch $@

$(VENV)/.runs: $(VENV)/.locked pyproject.toml
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.installed: $(VENV)/.runs requirements-dev.lock
	$(INSTALL) -r requirements-dev.lock
	$(CHECK)
	@touch $@
