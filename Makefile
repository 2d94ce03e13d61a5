# The only set-up a fresh clone needs: every target makes the environment first where it is missing.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
NODE := docs/clients/node_modules/ready
export HUBEL_DATA ?= $(wildcard $(CURDIR)/../shared/data)

.PHONY: demo test test-all check accept format wheel clean

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train,deploy,serve,test,check]'
	@touch $@

# What the programs of docs/clients need, pinned there; where npm cannot get it their tests are skipped.
$(NODE): docs/clients/package-lock.json
	@if command -v npm >/dev/null; then npm ci --prefix docs/clients --ignore-scripts --no-audit \
		--no-fund --loglevel=error && touch $@ || echo "without the programs of docs/clients"; fi

demo: $(VENV)/ready        ## train on real digits, answer for unseen ones, show where everything lies
	@$(BIN)/hubel demo

test: $(VENV)/ready $(NODE) ## the tests of every room
	$(BIN)/python -m pytest -m "not slow"

test-all: $(VENV)/ready $(NODE) ## the same for every registered network, and the long ones
	$(BIN)/python -m pytest

check: $(VENV)/ready       ## formatter, linter, types, import order of the rooms
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_architecture.py

accept: $(VENV)/ready      ## write the stored expectations of the networks anew; read the diff
	$(BIN)/python -m hubel.analysis.catalogue
	$(BIN)/python -m tests.contract

format: $(VENV)/ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

wheel: $(VENV)/ready
	$(BIN)/python -m build --wheel

clean:
	rm -rf $(VENV) docs/clients/node_modules build dist .pytest_cache .mypy_cache .ruff_cache
