# make demo | test | check | bench is the whole interface; Python 3.11 or newer is all it needs.
SHELL := /bin/sh
BIN := .venv/bin
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
PIP := $(BIN)/python -m pip --disable-pip-version-check install -qq
LOCK := uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --group build pyproject.toml
.PHONY: help demo test check bench lock
help: ## show these lines
	@sed -n 's/^\([a-z]*\):.*## /  make \1  /p' Makefile | expand -t 14
demo: .venv/demo.stamp ## a store with radio, gateways, server and phones, live; Ctrl-C ends it
	@$(BIN)/footfall-sim demo

test: .venv/dev.stamp ## all tests, in parallel, in random order, with coverage by branch
	@MALLOC_MMAP_THRESHOLD_=131072 $(BIN)/python tests $(ARGS)

check: .venv/dev.stamp ## style, types, import directions, dependencies, spelling
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy
	$(BIN)/lint-imports --no-logo && $(BIN)/deptry . && $(BIN)/codespell

bench: .venv/dev.stamp ## measurements beside the best peers, one after the other
	@$(BIN)/python tests/bench $(ARGS)

lock: ## pin the requirements anew (needs uv)
	$(LOCK) --extra dev -o requirements-dev.txt && $(LOCK) --extra sim -c requirements-dev.txt -o requirements.txt

.venv/pyvenv.cfg:
	@test -n "$(PYTHON)" || { echo "Footfall needs Python 3.11 or newer: install it, or make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Missing: apt install python3-venv" >&2; exit 1; }
	@echo "Making .venv; the first time takes a minute or two." && $(PYTHON) -m venv .venv

.venv/demo.stamp: requirements.txt pyproject.toml .venv/pyvenv.cfg
	$(PIP) --require-hashes -r requirements.txt && $(PIP) --no-deps --no-build-isolation -e . && touch $@

.venv/dev.stamp: requirements-dev.txt pyproject.toml .venv/pyvenv.cfg
	$(PIP) --require-hashes -r requirements-dev.txt && $(PIP) --no-deps --no-build-isolation -e . && touch $@
