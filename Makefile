# make run      set up, export a day of sample data, print it, then serve (PORT=, ONCE=1: do not serve, SOURCE=1: pull it)
# make test     set up and run all tests but the slow ones (make test-all: those too; NATIVE_CODE=off)
# make check    check format, lint, types, import rules, the OpenAPI document; parse and scan the Bicep files
# make start    run the app alone, on the storage that local.settings.json names (PORT=, AUTH=1)
# make sample   land generated rows of the newest hours, where make start finds them (HOURS=)
# make azurite  run the storage emulator alone (BLOB_PORT=, QUEUE_PORT=, TABLE_PORT=)
# make console  build the web page that the app serves at /console/
# make api-types  write the types of the API that the console's code uses
# make bicep    compile and lint infra/azure, compare with tests/infra/snapshots (BICEP=path, UPDATE=1: write these)
# make recipes  write the table schemas of docs/recipes
# make native build the native code (make setup does it, too)
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
# The page of the console: written last by its build.
CONSOLE    := exporter/console/static/index.html

PORT       ?= 7071
BLOB_PORT  ?= 10000
QUEUE_PORT ?= 10001
TABLE_PORT ?= 10002
HOURS      ?= 24
BICEP      ?= bicep

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

# Optional: what cannot be built is said, and the app does without. The stamp is not inside the folder of its files, so
# that the package has nothing else in it.
NATIVE_READY := $(VENV)/.native-ready
NATIVE_FILES := exporter/pipeline/native
$(NATIVE_READY): $(NATIVE_FILES)/scan.c $(NATIVE_FILES)/keys.c $(NATIVE_FILES)/scanner.py infra/local/native.py $(PY_READY)
	@$(PYTHON3) -m infra.local.native
	@touch $@

.PHONY: native
native: $(PY_READY)
	@$(PYTHON3) -m infra.local.native
	@touch $(NATIVE_READY)

.PHONY: setup
setup: $(PY_READY) $(NODE_READY) $(CONSOLE) $(NATIVE_READY)

$(CONSOLE): $(NODE_READY) exporter/console/build.mjs $(shell find exporter/console/src -type f)
	@node exporter/console/build.mjs

.PHONY: console
console: $(CONSOLE)

.PHONY: api-types
api-types: $(PY_READY) $(NODE_READY)
	@$(PYTHON3) -m infra.openapi | node_modules/.bin/openapi-typescript --output exporter/console/src/api/schema.d.ts

.PHONY: run
run: setup
	@exec $(PYTHON3) -m infra.local.demo --port $(PORT) $(if $(filter 1,$(ONCE)),--once) $(if $(filter 1,$(SOURCE)),--source)

.PHONY: start
start: $(PY_READY) $(NATIVE_READY) local.settings.json
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
PARALLEL := -n 3 --dist loadfile --no-loadscope-reorder

.PHONY: test
test: setup
	@$(PYTHON3) -m pytest -m "not slow" $(PARALLEL) $(ARGS)

.PHONY: coverage
coverage: setup
	@$(PYTHON3) -m pytest -m "not slow" -n 2 --cov --cov-report=term --cov-report=html

# Separate environments: the scanner of infra/azure, the peers that make bench compares with (a gigabyte), what the
# recipes for readers use (another one), the tool that writes requirements.txt, and one that makes clients of the API.
SCAN_READY    := .scan/.ready
PEERS_READY   := .peers/.ready
RECIPES_READY := .recipes/.ready
LOCK_READY    := .lock/.ready
CLIENTS_READY := .clients/.ready
PURPOSE_scan    := make check
PURPOSE_peers   := make bench
PURPOSE_recipes := make test-all
PURPOSE_lock    := make lock
PURPOSE_clients := make test-all
$(SCAN_READY) $(PEERS_READY) $(RECIPES_READY) $(LOCK_READY) $(CLIENTS_READY): .%/.ready: pyproject.toml $(PY_READY)
	@echo "Python environment for $(PURPOSE_$*): .$*"
	@$(PYTHON3) -m venv .$*
	@.$*/bin/python -m pip install -qq --upgrade "pip>=25.1"
	@.$*/bin/python -m pip install -qq --group $*
	@touch $@

# The linters of the OpenAPI document, in an environment of their own: make setup does not need their 80 MB.
OPENAPI_READY := .openapi/.ready
OPENAPI := infra/openapi
$(OPENAPI_READY): $(OPENAPI)/package.json $(OPENAPI)/package-lock.json
	@echo "Linters of the OpenAPI document: .openapi"
	@mkdir -p .openapi && cp $(OPENAPI)/package.json $(OPENAPI)/package-lock.json $(OPENAPI)/.npmrc .openapi/
	@cd .openapi && npm ci --ignore-scripts --no-progress --loglevel=error
	@touch $@

.PHONY: check-openapi
check-openapi: $(PY_READY) $(OPENAPI_READY)
	@$(PYTHON3) -m infra.openapi .openapi/openapi.json
	@.openapi/node_modules/.bin/spectral lint --quiet --ruleset $(OPENAPI)/spectral.yaml --fail-severity hint .openapi/openapi.json
	@REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true \
	    .openapi/node_modules/.bin/redocly lint --config $(OPENAPI)/redocly.yaml .openapi/openapi.json

.PHONY: test-all
test-all: setup $(RECIPES_READY) $(CLIENTS_READY)
	@$(PYTHON3) -m pytest $(PARALLEL) $(ARGS)

.PHONY: recipes
recipes: $(PY_READY)
	@$(PYTHON3) -m infra.recipes

# The scanner reads no types of our own: it gets the templates without them. It would pass what it cannot read.
UNTYPED := -e '/^import /d' -e 's/^(param|output) ([A-Za-z]+) [A-Za-z]+\[\]/\1 \2 array/' \
    -e 's/^(param|output) ([A-Za-z]+) [A-Za-z]+Type/\1 \2 object/'

.PHONY: check
check: setup $(SCAN_READY) check-openapi
	@$(PYTHON3) -m ruff format --check .
	@$(PYTHON3) -m ruff check .
	@$(PYTHON3) -m mypy
	@$(VENV)/bin/lint-imports
	@node_modules/.bin/tsc --project exporter/console
	@rm -rf .scan/azure
	@for each in $$(cd infra && find azure -name '*.bicep' ! -name types.bicep); do \
	    mkdir -p ".scan/$$(dirname "$$each")" && sed -E $(UNTYPED) "infra/$$each" > ".scan/$$each"; \
	done
	@LOG_LEVEL=ERROR .scan/bin/checkov --directory .scan/azure --config-file infra/azure/.checkov.yaml | tee .scan/found.txt
	@grep -q "Passed checks: [0-9][0-9]" .scan/found.txt
	@$(PYTHON3) -m pytest -q tests/infra

# az bicep install --version v0.49.2, which puts it into ~/.azure/bin, gets the compiler. Without it, make check leaves it out.
.PHONY: bicep
bicep: $(PY_READY)
	@command -v "$(BICEP)" >/dev/null || { echo "no Bicep compiler: az bicep install --version v0.49.2" >&2; exit 1; }
	@BICEP="$(BICEP)" UPDATE_SNAPSHOTS="$(UPDATE)" $(PYTHON3) -m pytest -q tests/infra/test_compiler.py

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
package: setup
	@$(PYTHON3) -m infra.local.package package.zip | tee package.zip.sha256

.PHONY: bench
bench: setup $(PEERS_READY)
	@$(PYTHON3) -m tests.bench $(if $(filter 1,$(QUICK)),--quick)

.PHONY: clean
clean:
	rm -f exporter/pipeline/native/scan-*
	rm -rf $(VENV) .scan .peers .recipes .lock .openapi .clients node_modules exporter/console/static .azurite .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache bench-data htmlcov .coverage
