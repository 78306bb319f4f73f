# Ombud: `make demo` runs the main job on real input, `make test` proves the whole.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
WORKSPACE ?= .demo
SERVE ?= 1
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help
help: ## Show what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  \033[1m%-12s\033[0m %s\n", $$1, $$2}'

$(VENV)/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Ombud needs Python 3.11 or newer; '$(PYTHON)' is older. Say PYTHON=python3.11."; exit 3; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "python3 cannot make a virtual environment: install Debian's python3-venv."; exit 3; }
	@echo "Installing Ombud's packages into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed requirements-dev.lock
	@echo "Installing the tools of the tests into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

.PHONY: demo
demo: $(VENV)/installed ## Work the case of 2016 on real data and serve it (WORKSPACE=... SERVE=0)
	@$(BIN)/ombud --workspace $(WORKSPACE) demo $(if $(filter 0,$(SERVE)),--no-serve,--serve)

.PHONY: test
test: $(VENV)/installed-dev ## Lint, types, floors, all tests with coverage
	@.ci/needs
	@.ci/test

.PHONY: lint
lint: $(VENV)/installed-dev ## Lint, format, types and floors alone
	@.ci/lint

.PHONY: format
format: $(VENV)/installed-dev ## Format and mend what can be mended
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

.PHONY: evaluate
evaluate: $(VENV)/installed ## Measure the ranking of apps on ten simulated platforms (about ten minutes)
	@$(BIN)/python benchmarks/audit_ranking.py

.PHONY: docs
docs: $(VENV)/installed ## Write the reference pages that are made from the code
	@$(BIN)/python docs/generate.py

.PHONY: lock
lock: $(VENV)/installed-dev ## Lock the packages again (ARGS=--upgrade for newer ones)
	@$(BIN)/python -m pip install --quiet uv && .ci/lock $(ARGS)

.PHONY: clean
clean: ## Remove the demo's workspace and all caches
	@rm -rf .demo .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage* htmlcov
