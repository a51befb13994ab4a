# Everything lives in .venv/; delete it to start over.
PYTHON ?= python3
BIN := .venv/bin
TRIALS ?= 50
STUDY ?= default

.PHONY: setup data sweep dashboard test lint check parity chromium explorer lock clean

setup: .venv/installed

# Locked packages with checked hashes first, then this package itself, without its dependencies.
.venv/installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

data: setup
	$(BIN)/python -m harness.fetch

sweep: data
	$(BIN)/python -m harness.sweep --trials $(TRIALS) $(ARGS)

# Optuna's own page on a study; Ctrl-C ends it.
dashboard: setup
	$(BIN)/python -m harness.dashboard --study $(STUDY) $(ARGS)

# One process a core; a file's tests stay together, since they share what is slow to make. Files
# in their order: xdist would begin with those of many tests, and end waiting for the slowest.
# One BLAS thread each: two processes with two would wait for each other a hundred times as long.
test: data
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder $(ARGS)

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

check: lint test

# An independent implementation of the metrics to compare ours with; without it those tests skip.
# One by one, and without dependencies: only torch is large, and only it is needed.
parity: setup
	$(BIN)/python -m pip install --quiet torch==2.13.0
	$(BIN)/python -m pip install --quiet --no-deps torch-fidelity==0.4.0

# The browser that the report is tried in; without it those tests skip.
chromium:
	command -v chromium >/dev/null || command -v google-chrome >/dev/null || \
	  { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; }

# What runs generators in a browser, from npm into the user's cache; without it those tests skip.
explorer: setup
	command -v npm >/dev/null || \
	  { apt-get update -qq && apt-get install -y -qq --no-install-recommends npm; }
	$(BIN)/python -m harness.exporting.explorer_runtime

# Resolves the lock file anew for every supported Python and platform.
lock: setup
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --extra test pyproject.toml --output-file requirements.lock

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache
