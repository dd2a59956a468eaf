# `make run` and `make test` need nothing but Python 3.11 or newer; both set up .venv themselves.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: run test check lint types imports unit catalog notebooks bench clean

run: .venv/core.stamp
	$(BIN)/hwsim estimate llama-3-8b --chip tpu_v4i --phase decode --batch 1 --context 2048

test: check unit

check: lint types imports

lint: .venv/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/dev.stamp
	$(BIN)/pyright

imports: .venv/dev.stamp
	$(BIN)/lint-imports

unit: .venv/dev.stamp
	$(BIN)/python -m pytest -n 2 --dist worksteal --ignore tests/trace --cov --cov-report=term:skip-covered
	$(BIN)/python -m pytest -n 2 --dist worksteal --durations 5 tests/trace

# Re-trace every shipped graph; needs the extra `trace`.
catalog: .venv/dev.stamp
	$(BIN)/python -m workloads.build_catalog

# Write each notebook's .ipynb from its .py.
notebooks: .venv/dev.stamp
	$(BIN)/jupytext --quiet --to ipynb notebooks/*.py

bench: .venv/dev.stamp
	$(BIN)/python benchmarks/speed.py

clean:
	rm -rf .venv dist build .pytest_cache .ruff_cache .hypothesis .import_linter_cache

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("hwsim needs Python 3.11 or newer; try: make PYTHON=python3.11") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv

.venv/core.stamp: pyproject.toml constraints.txt .venv/bin/python
	$(PIP) install --quiet -c constraints.txt -e .
	touch $@

.venv/dev.stamp: pyproject.toml constraints.txt .venv/bin/python
	$(PIP) install --quiet -c constraints.txt -e ".[trace,dev]"
	touch $@ .venv/core.stamp
