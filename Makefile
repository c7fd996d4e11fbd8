# make run      set up, export a day of sample data, print it, then serve on port 7071 (ONCE=1: do not serve)
# make test     set up and run all tests but the slow ones (make test-all: those too)
# make check    check format, lint, types, import rules; parse and scan the Bicep files
# make start    run the app alone, on the storage that local.settings.json names (PORT=, AUTH=1)
# make sample   land generated rows of the newest hours, where make start finds them (HOURS=)
# make azurite  run the storage emulator alone (BLOB_PORT=, QUEUE_PORT=, TABLE_PORT=)
# make recipes  write the table schemas of docs/recipes
# make lock     write requirements.txt from requirements.in (UPGRADE=1: with newer versions)
# make package  write package.zip, which is deployed, and its checksum
# make bench    measure time, memory and storage calls (QUICK=1)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
SHELL := /bin/sh

VENV    := .venv
PYTHON3 := $(VENV)/bin/python
# Each stamp is inside the folder that it stands for: if the folder is deleted, make creates it again.
PY_READY   := $(VENV)/.ready
NODE_READY := node_modules/.ready

PORT       ?= 7071
BLOB_PORT  ?= 10000
QUEUE_PORT ?= 10001
TABLE_PORT ?= 10002
HOURS      ?= 24

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

.PHONY: sample
sample: $(PY_READY) local.settings.json
	@$(PYTHON3) -m infra.local.sample --last $(HOURS) --container landing

# By name: the long tests (contract, e2e) start before the many short ones (unit).
PARALLEL := -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: test
test: setup
	@$(PYTHON3) -m pytest -m "not slow" $(PARALLEL) $(ARGS)

.PHONY: coverage
coverage: setup
	@$(PYTHON3) -m pytest -m "not slow" -n 2 --cov --cov-report=term --cov-report=html

# Separate environments: the scanner of infra/azure, the peers that make bench compares with (a gigabyte), what the
# recipes for readers use (another one), and the tool that writes requirements.txt.
SCAN_READY    := .scan/.ready
PEERS_READY   := .peers/.ready
RECIPES_READY := .recipes/.ready
LOCK_READY    := .lock/.ready
PURPOSE_scan    := make check
PURPOSE_peers   := make bench
PURPOSE_recipes := make test-all
PURPOSE_lock    := make lock
$(SCAN_READY) $(PEERS_READY) $(RECIPES_READY) $(LOCK_READY): .%/.ready: pyproject.toml $(PY_READY)
	@echo "Python environment for $(PURPOSE_$*): .$*"
	@$(PYTHON3) -m venv .$*
	@.$*/bin/python -m pip install -qq --upgrade "pip>=25.1"
	@.$*/bin/python -m pip install -qq --group $*
	@touch $@

.PHONY: test-all
test-all: setup $(RECIPES_READY)
	@$(PYTHON3) -m pytest $(PARALLEL) $(ARGS)

.PHONY: recipes
recipes: $(PY_READY)
	@$(PYTHON3) -m infra.recipes

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

# With the hashes of the wheels of every system and CPU, so that pip installs nothing else.
.PHONY: lock
lock: $(LOCK_READY)
	@.lock/bin/uv pip compile --quiet --universal --python-version 3.13 --generate-hashes --no-annotate \
	    --custom-compile-command "make lock" $(if $(filter 1,$(UPGRADE)),--upgrade) \
	    --output-file requirements.txt requirements.in

.PHONY: package
package: $(PY_READY)
	@$(PYTHON3) -m infra.local.package package.zip | tee package.zip.sha256

.PHONY: bench
bench: setup $(PEERS_READY)
	@$(PYTHON3) -m tests.bench $(if $(filter 1,$(QUICK)),--quick)

.PHONY: clean
clean:
	rm -rf $(VENV) .scan .peers .recipes .lock node_modules .azurite .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache bench-data htmlcov .coverage
