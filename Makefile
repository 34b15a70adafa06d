# Everything here builds .venv by itself from requirements.lock; nothing is installed
# outside this folder.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint bench format lock clean

demo: $(VENV)/.ready
	$(BIN)/cosignal demo

# A file's tests stay in one process, which may share a module's fixtures. More than four
# processes would starve the networks of nodes that some tests start.
test: $(VENV)/.ready
	$(BIN)/pytest -n auto --maxprocesses 4 --dist loadfile

lint: $(VENV)/.ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.ready
	@$(BIN)/python -m tests.benchmarks

format: $(VENV)/.ready
	$(BIN)/ruff check --fix --exit-zero --quiet .
	$(BIN)/ruff format .

# Every file is pinned by hash. The project itself is installed editable, without
# fetching anything more.
$(VENV)/.ready: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Cosignal needs Python 3.11 or newer; try: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# Renews the lock file; needs uv on the PATH.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-emit-package cosignal --no-emit-index-url --no-emit-find-links --all-extras --group dev --no-header --output-file requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist
