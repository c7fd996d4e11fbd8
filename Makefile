# make run      from nothing to exported files in a table; then serves on port 7071 (ONCE=1: stops instead)
# make test     from nothing to all tests but the slow ones (make test-all: those too)
# make check    format, lint, types, import rules; Bicep parsed and scanned
# make start    the app alone, on the storage that local.settings.json names (PORT=, AUTH=1)
# make azurite  the storage emulator alone (BLOB_PORT=, QUEUE_PORT=, TABLE_PORT=)
# make lock     requirements.txt anew from requirements.in (UPGRADE=1: with newer versions of what that needs)
# make bench    what it costs: time, memory, storage calls (QUICK=1)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
SHELL := /bin/sh

VENV    := .venv
PYTHON3 := $(VENV)/bin/python
# Both stamps live inside the folder they vouch for: delete the folder, and it is made again.
PY_READY   := $(VENV)/.ready
NODE_READY := node_modules/.ready

PORT       ?= 7071
BLOB_PORT  ?= 10000
QUEUE_PORT ?= 10001
TABLE_PORT ?= 10002

export PYTHONDONTWRITEBYTECODE :=
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help
help:
	@sed -n 's/^# make/make/p' Makefile

$(PY_READY): requirements.txt pyproject.toml infra/local/find-python.sh
	@echo "Python environment: $(VENV)"
	@python="$$(PYTHON="$(PYTHON)" sh infra/local/find-python.sh)" && "$$python" -m venv $(VENV)
	@$(PYTHON3) -m pip install -qq --upgrade "pip>=25.1"
	@$(PYTHON3) -m pip install -qq --requirement requirements.txt
	@sed -n 's/^\([^ #]*==[^ ]*\).*/\1/p' requirements.txt > $(VENV)/deployed.txt
	@$(PYTHON3) -m pip install -qq --constraint $(VENV)/deployed.txt --group dev
	@touch $@

$(NODE_READY): package.json package-lock.json .npmrc
	@command -v npm >/dev/null || { echo "npm not found: install Node.js 22 (it runs Azurite, the storage emulator)" >&2; exit 1; }
	@echo "Storage emulator: Azurite, in node_modules"
	@npm ci --ignore-scripts --no-progress --loglevel=error
	@touch $@

.PHONY: setup
setup: $(PY_READY) $(NODE_READY)

.PHONY: run
run: setup
	@exec $(PYTHON3) -m infra.local.demo --port $(PORT) $(if $(filter 1,$(ONCE)),--once)

.PHONY: start
start: $(PY_READY) local.settings.json
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH"; \
	if command -v func >/dev/null; then \
	    exec func start --port $(PORT) $(if $(filter 1,$(AUTH)),--enableAuth); \
	else \
	    exec $(PYTHON3) -m infra.local.host --port $(PORT) $(if $(filter 1,$(AUTH)),--auth); \
	fi

local.settings.json: | $(PY_READY)
	@$(PYTHON3) -m infra.local.settings_file $@

.PHONY: azurite
azurite: setup
	@exec $(PYTHON3) -m infra.local.azurite --data .azurite \
	    --blob-port $(BLOB_PORT) --queue-port $(QUEUE_PORT) --table-port $(TABLE_PORT)

# In the order of their names, so that the long ones (contract, e2e) come before the many short ones (unit).
PARALLEL := -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: test
test: setup
	@$(PYTHON3) -m pytest -m "not slow" $(PARALLEL) $(ARGS)

.PHONY: test-all
test-all: setup
	@$(PYTHON3) -m pytest $(PARALLEL) $(ARGS)

.PHONY: coverage
coverage: setup
	@$(PYTHON3) -m pytest -m "not slow" -n 2 --cov --cov-report=term --cov-report=html

# Apart from all else: the scanner of infra/azure, what make bench compares with, which takes a gigabyte, and
# what writes requirements.txt.
SCAN_READY  := .scan/.ready
PEERS_READY := .peers/.ready
LOCK_READY  := .lock/.ready
PURPOSE_scan  := make check
PURPOSE_peers := make bench
PURPOSE_lock  := make lock
$(SCAN_READY) $(PEERS_READY) $(LOCK_READY): .%/.ready: pyproject.toml $(PY_READY)
	@echo "Python environment, for $(PURPOSE_$*) alone: .$*"
	@$(PYTHON3) -m venv .$*
	@.$*/bin/python -m pip install -qq --upgrade "pip>=25.1"
	@.$*/bin/python -m pip install -qq --group $*
	@touch $@

.PHONY: check
check: $(PY_READY) $(SCAN_READY)
	@$(PYTHON3) -m ruff format --check .
	@$(PYTHON3) -m ruff check .
	@$(PYTHON3) -m mypy
	@$(VENV)/bin/lint-imports
	@LOG_LEVEL=ERROR .scan/bin/checkov --directory infra/azure --config-file infra/azure/.checkov.yaml
	@$(PYTHON3) -m pytest -q tests/infra

.PHONY: format
format: $(PY_READY)
	@$(PYTHON3) -m ruff format .
	@$(PYTHON3) -m ruff check --fix .

# For every system and CPU that has wheels, with the hash of each: pip then installs nothing else.
.PHONY: lock
lock: $(LOCK_READY)
	@.lock/bin/uv pip compile --quiet --universal --python-version 3.13 --generate-hashes --no-annotate \
	    --custom-compile-command "make lock" $(if $(filter 1,$(UPGRADE)),--upgrade) \
	    --output-file requirements.txt requirements.in

.PHONY: bench
bench: setup $(PEERS_READY)
	@$(PYTHON3) -m tests.bench $(if $(filter 1,$(QUICK)),--quick)

.PHONY: clean
clean:
	rm -rf $(VENV) .scan .peers .lock node_modules .azurite .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache bench-data htmlcov .coverage
