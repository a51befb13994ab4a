# Everything lives in .venv/; delete it to start over.
PYTHON ?= python3
BIN := .venv/bin
TRIALS ?= 50
STUDY ?= default

# The machine's own uv, or the locked one.
UV := PATH="$$PATH:$(CURDIR)/$(BIN)" uv
# Answers or gives up, so that tests begin on a machine without a network, too.
APT_GET := DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=1 -o Acquire::http::Timeout=20

.PHONY: setup data sweep dashboard test lint check docs parity chromium explorer lock clean

setup: .venv/installed

# Locked packages with checked hashes first, then this package itself, without its dependencies.
.venv/installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	command -v uv >/dev/null || awk '/^[^ ]/ {uv = /^uv==/} uv' requirements.lock | \
	  $(BIN)/python -m pip install --quiet --require-hashes --requirement /dev/stdin
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes --requirement requirements.lock
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	touch $@

data: setup
	$(BIN)/python -m harness.fetch

sweep: data
	$(BIN)/python -m harness.sweep --trials $(TRIALS) $(ARGS)

# Optuna's own page on a study; Ctrl-C ends it.
dashboard: setup
	$(BIN)/python -m harness.dashboard --study $(STUDY) $(ARGS)

# First what some tests need and the machine may lack; where it cannot be had, those tests skip.
# One process a core; a file's tests stay together, since they share what is slow to make. Files
# in their order: xdist would begin with those of many tests, and end waiting for the slowest.
# One BLAS thread each: two processes with two would wait for each other a hundred times as long.
test: data
	-@$(MAKE) --silent chromium
	-@$(MAKE) --silent explorer
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder $(ARGS)

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

check: lint docs test

# Every warning is an error: a link that leads nowhere, a name that the code no longer has.
docs: setup
	$(BIN)/python -m sphinx -q -W --keep-going -c docs -b html . build/docs
	@echo "build/docs/index.html"

# Asks an independent implementation of the metrics anew for the values that tests compare with,
# and runs what needs PyTorch: in an environment of its own, since that is a gigabyte. Without
# torch-fidelity's dependencies, of which none but PyTorch and what is locked is used.
parity: setup
	$(PYTHON) -m venv .venv/parity
	$(UV) pip install --quiet --python .venv/parity/bin/python --require-hashes --requirement requirements.lock
	.venv/parity/bin/python -m pip install --quiet torch==2.13.0
	.venv/parity/bin/python -m pip install --quiet --no-deps torch-fidelity==0.4.0
	.venv/parity/bin/python -m tests.metrics.parity_values
	OPENBLAS_NUM_THREADS=1 .venv/parity/bin/python -m pytest -m torch $(ARGS)

# The browser that pages are tried in.
chromium:
	{ command -v chromium || command -v google-chrome; } >/dev/null || \
	  { $(APT_GET) update -qq && $(APT_GET) install -y -qq --no-install-recommends chromium; }

# What runs generators in a browser, from npm into the user's cache.
explorer: setup
	command -v npm >/dev/null || \
	  { $(APT_GET) update -qq && $(APT_GET) install -y -qq --no-install-recommends npm; }
	$(BIN)/python -m harness.exporting.explorer_runtime >/dev/null

# Resolves the lock file anew for every supported Python and platform. uv does not heed that
# backports-strenum 1.3 refuses Python 3.11 and later.
lock: setup
	echo 'backports-strenum<1.3' | $(UV) pip compile --quiet --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-header --extra test --extra docs \
	  --constraints - pyproject.toml --output-file requirements.lock

clean:
	rm -rf .venv build .mypy_cache .ruff_cache .pytest_cache
