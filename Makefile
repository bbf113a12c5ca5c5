# Every target that needs it sets the environment up first; nothing is done twice (scripts/setup).
# Variables: PYTHON (which Python), VENV (.venv), LOCKS (requirements/dev.lock), WORKERS (of pytest),
# PYTEST_ARGS, BENCH_ARGS, DEMO_ARGS, LOCK_ARGS.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup engine demo consortium anchors court test lint format bench lock clean

VENV ?= .venv
WORKERS ?= auto
export PYTHON VENV LOCKS

BIN := $(VENV)/bin

help:  ## Print this
	@awk -F ':.*##[ ]*' '/^[a-z]+:.*##/ { printf "make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup:  ## Create .venv and install what requirements/dev.lock names (the others call it)
	@scripts/setup

engine:  ## Build the consensus engine (Go) and print where it is
	@scripts/build-engine

demo: setup  ## Run a small ledger through its whole life and check its evidence offline
	$(BIN)/evidence-node demo $(DEMO_ARGS)

consortium: setup  ## Run four nodes: one killed, a fifth joins and is voted in, evidence from it
	@engine=$$(scripts/build-engine) && $(BIN)/evidence-node demo --consortium --engine "$$engine" $(DEMO_ARGS)

anchors: setup  ## Anchor to six outside chains: one killed, one lies, all receipts verified
	$(BIN)/python scripts/show-anchors

court: setup  ## Issue certificates of evidence, check them with everything, look at the pages
	@scripts/install-debian test || echo "going on without them"
	$(BIN)/python scripts/show-court

test: setup  ## Run the tests (PYTEST_ARGS='-k merkle' for some of them)
	$(BIN)/python -m pytest --numprocesses=$(WORKERS) --maxprocesses=8 \
		--dist=loadfile --no-loadscope-reorder $(PYTEST_ARGS)

lint: setup  ## Check style, types and layers
	@status=0; \
	for check in 'ruff check --output-format=concise .' 'ruff format --check .' mypy lint-imports; do \
		echo "$$check"; $(BIN)/$$check || status=1; \
	done; exit $$status

format: setup  ## Rewrite the code in the project's style
	$(BIN)/ruff check --fix --output-format=concise .
	$(BIN)/ruff format .

bench: setup  ## Measure throughput and latency (minutes)
	@scripts/install-debian bench || echo "going on without them"
	$(BIN)/python tests/benchmarks/run.py $(BENCH_ARGS)

lock: setup  ## Make requirements/*.lock anew (LOCK_ARGS=--upgrade takes the newest)
	scripts/lock $(LOCK_ARGS)

clean:  ## Remove .venv and everything that was made here (downloads stay in the cache)
	rm -rf .venv .venv.lock out build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
