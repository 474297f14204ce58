# Every verb of the project. `make help` lists them.
PORT ?= 8000
LOCAL_DIR ?= ./.local
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.installed

.PHONY: help install spark run test faults mutation instruments schemathesis lint types contracts check verify archive demo bench analytics-bench lock clean
.DEFAULT_GOAL := help

help: ## list the verbs
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 24

install: $(READY) ## install into .venv from the hash-checked lock

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Installing into $(VENV) (about a minute, the first time only) ..."
	@$(PYTHON) -m venv $(VENV) || { echo "The venv module is missing: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

spark: $(READY) ## install Spark too, for the detections on it (half a gigabyte; needs Java 17)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-spark.lock

run: $(READY) ## start everything: servers, API on 127.0.0.1:PORT, worker (PORT=8000 LOCAL_DIR=./.local)
	@$(BIN)/venmo-api run --port $(PORT) --local-dir "$(LOCAL_DIR)"

test: $(READY) ## the whole test suite on a throw-away stack
	@$(BIN)/python -m pytest -n 2 --dist loadgroup

faults: $(READY) ## kill and starve real processes at random, many times (20 minutes; SEED=... throws the same dice again)
	@VENMO_FAULTS=long SEED=$(SEED) $(BIN)/python -m pytest -s tests/faults tests/races tests/archive/test_crashes.py

mutation: $(READY) ## how many small faults in the rules of money the tests notice (three minutes)
	@$(BIN)/python -m tests.mutation

instruments: $(READY) ## spectral (OWASP), redocly, bandit, detect-secrets: what they find (a minute; needs node)
	@$(BIN)/python -m tests.instruments

schemathesis: $(READY) ## schemathesis against a running API, over 5,000 cases (half an hour; SEED=... runs one seed)
	@VENMO_FUZZ=long SEED=$(SEED) $(BIN)/python -m pytest -s tests/instruments/test_schemathesis.py

lint: $(READY) ## ruff: rules and formatting
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: $(READY) ## mypy, strict
	@$(BIN)/mypy

contracts: $(READY) ## the import contracts of the tower, and the dependencies declared
	@$(BIN)/lint-imports && $(BIN)/deptry src

check: lint types contracts ## lint, types and contracts

verify: $(READY) ## prove the ledger and the archive of the stack in LOCAL_DIR
	@$(BIN)/venmo-api verify --local-dir "$(LOCAL_DIR)"

archive: $(READY) ## move all history up to now to S3 (the worker moves only old days)
	@$(BIN)/venmo-api archive --before now --local-dir "$(LOCAL_DIR)"

demo: $(READY) ## play a town of 300 people against the stack in LOCAL_DIR, started if it is not running
	@$(BIN)/venmo-api with --port $(PORT) --local-dir "$(LOCAL_DIR)" -- $(BIN)/python -m demo \
	  --base-url http://127.0.0.1:$(PORT) --archive-command "$(BIN)/venmo-api archive --before now --local-dir '$(LOCAL_DIR)'" \
	  --verify-command "$(BIN)/venmo-api verify --local-dir '$(LOCAL_DIR)'" $(ARGS)

bench: $(READY) ## measure the figures of the README (half an hour; needs wrk; BENCH_PARTS=money, feed, risk or archive alone)
	@$(BIN)/python -m bench

analytics-bench: $(READY) ## measure the detections (a quarter of an hour; needs 10 GB of disk; ANALYTICS_SCALE=0.01 for a small one)
	@$(BIN)/python -m bench.analytics

lock: ## write the locks anew from pyproject.toml (needs uv)
	@for extras in "--extra local --extra analytics --extra dev -o requirements.lock" "--extra analytics -o requirements-runtime.lock" \
	  "--extra analytics --extra spark -o requirements-spark.lock"; do \
	  uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 pyproject.toml $$extras; done

clean: ## remove the installation and caches; data in LOCAL_DIR stays
	@rm -rf $(VENV) .instruments .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
