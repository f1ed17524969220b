# `make help` lists what there is. All of it runs as an ordinary user, in .venv of this folder.

KAFKA ?= embedded
ARGS ?=
BIN := .venv/bin
INSTALLED := .venv/.installed
AUDIT := .audit
UV := $(shell command -v uv 2>/dev/null)
# The first Python on the PATH that the project runs on.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && { echo $$p; break; }; done)

HOURS ?= 1
SEEDS ?= 1000
SEED ?=
EXAMPLES ?= 2000
PROPERTIES := oracle properties merge_properties activation_properties beyond_bounds

.DEFAULT_GOAL := help
.PHONY: help setup demo stack test test-fast properties fuzz simulate chaos mutants soak sbom audit release check format lock clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1|/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-15s %s\n", $$1, $$2}'

setup: $(INSTALLED) ## .venv with all that the project needs; done again only when the lock has changed

$(INSTALLED): requirements.lock pyproject.toml
ifeq ($(UV),)
	@test -n "$(PYTHON)" || { echo "error: Python 3.11, 3.12 or 3.13 is needed: install one, or make PYTHON=/path/to/python" >&2; exit 1; }
	@echo "Setting up .venv with $$($(PYTHON) --version), from requirements.lock ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
else
	@echo "Setting up .venv with uv, from requirements.lock ..."
	@test -x $(BIN)/python || uv venv --quiet --python '>=3.11,<3.14' .venv
	@uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	@uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
endif
	@touch $@

demo: setup ## the main job on a stream of leads, on this machine alone (ARGS="--keep", KAFKA=apache)
	@$(BIN)/leadstream demo --kafka $(KAFKA) $(ARGS)

stack: setup ## a broker and a PostgreSQL until Ctrl-C (KAFKA=embedded, apache or docker)
	@$(BIN)/leadstream stack --kafka $(KAFKA) $(ARGS)

test: setup ## all tests, the heavy ones when the others are done (ARGS="-k decay")
	@$(BIN)/python -m tests.run light heavy $(ARGS)

test-fast: setup ## the tests that start no broker, no PostgreSQL and no other process (ARGS="-k decay")
	@$(BIN)/python -m tests.run fast $(ARGS)

properties: setup ## the fold against an independent oracle, EXAMPLES random histories for each (EXAMPLES=100000)
	LEADSTREAM_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest --timeout 0 $(PROPERTIES:%=tests/scoring/test_%.py) $(ARGS)

fuzz: setup ## hostile input for every decoder, EXAMPLES for each (EXAMPLES=100000)
	LEADSTREAM_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest --timeout 0 tests/fuzz $(ARGS)

simulate: setup ## tasks on a simulated log under faults (SEEDS=10000; SEED=7 for the trace of one)
	@$(BIN)/python -m tests.simulation.run $(if $(SEED),--seed $(SEED),--seeds $(SEEDS)) $(ARGS)

chaos: setup ## faults on Apache Kafka with real processes, a table at the end (SEED=7, ARGS="--only broker", "--short")
	@$(BIN)/python -m tests.chaos.run $(if $(SEED),--seed $(SEED)) $(ARGS)

mutants: setup ## faults planted in a copy, and what catches each (ARGS="--only position", ARGS=--requirements)
	@$(BIN)/python -m tests.mutants.run $(ARGS)

soak: setup ## one worker and one projector under a steady load: does anything grow? (HOURS=0.5)
	@$(BIN)/python -m tests.soak.run --hours $(HOURS) $(ARGS)

sbom: setup $(AUDIT)/.installed ## build/sbom.cdx.json: all dependencies, with versions, hashes and licences
	@$(BIN)/python -m tests.audit.sbom

audit: sbom ## known vulnerabilities of the dependencies (asks the service of PyPI)
	@$(BIN)/python -m tests.audit.run

$(AUDIT)/.installed: requirements-audit.lock | setup
	@echo "Setting up $(AUDIT), from requirements-audit.lock ..."
	@test -x $(AUDIT)/bin/python || $(BIN)/python -m venv $(AUDIT)
	@$(AUDIT)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-audit.lock
	@touch $@

release: setup ## dist/: wheel and source of this version, tried in a bare environment; publishes nothing
	@$(BIN)/python -m tests.release.run

check: setup ## lint, format, types, direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: setup ## what ruff can put right by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: ## requirements.lock and requirements-audit.lock from pyproject.toml (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--extra local --group dev pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--group audit -o requirements-audit.lock

clean: ## away with .venv and all caches
	rm -rf .venv $(AUDIT) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
