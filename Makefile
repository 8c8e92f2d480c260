# Two commands: `make demo` and `make test`. Both install what they need into .venv first; nothing needs root.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Where pip finds torch. Empty: the machine's own index, which is the CUDA build on most. For a CPU build:
#   make demo TORCH_INDEX=https://download.pytorch.org/whl/cpu
TORCH_INDEX ?=
EXTRAS := api,monitoring,local,gpu,draw,rembg,dev
STAMP := $(VENV)/.installed

.PHONY: help install demo up test test-fast chaos soak test-chaos lint format bench bench-photos bench-pipeline bench-generate bench-upscale bench-train bench-quality bench-people ablate compose-test pocket clean
help:
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

install: $(STAMP) ## make .venv and install everything, locked by version
$(STAMP): pyproject.toml constraints.txt tools/check_machine.sh
	@bash tools/check_machine.sh $(PYTHON)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -z "$(TORCH_INDEX)" || $(BIN)/pip install --quiet --constraint constraints.txt --index-url $(TORCH_INDEX) torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[$(EXTRAS)]'
	$(BIN)/python -m gpu_worker.assets
	@$(BIN)/python -c "import pymatting" # compiles its loops now, a minute at most, and not when a worker starts
	@touch $@

demo: install ## a sample customer's photos through the whole chain
	@$(BIN)/photogen demo

up: install ## everything on this machine, until Ctrl-C
	@$(BIN)/photogen up

test: install ## all tests, on real Redis, PostgreSQL, S3 and workers
	$(BIN)/python -m pytest

test-fast: install ## the tests of seconds
	$(BIN)/python -m pytest -m "not slow and not chaos"

chaos: install ## hundreds of jobs under kills and outages, and a checker of what may never happen
	$(BIN)/python -m tests.chaos

soak: install ## 3,000 jobs under all faults, an hour
	$(BIN)/python -m tests.chaos --soak --jobs 3000

test-chaos: install ## single faults, one test each, and twelve real jobs while workers are killed
	$(BIN)/python -m pytest -m chaos

lint: install ## ruff, mypy, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install ## what the linters can mend by themselves
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: install ## the benchmarks: drawn customers with and without their weights
	$(BIN)/python -m tests.benchmarks.subjects

bench-photos: install ## the gate and the mattes: how right, how fast
	$(BIN)/python -m tests.benchmarks.photos photogen-bench

bench-pipeline: install ## the pipeline's overhead: five-stage no-op jobs against a raw Celery chain
	$(BIN)/python -m tests.benchmarks.pipeline

bench-generate: install ## the resident engine against the bare loop and plain scripts
	$(BIN)/python -m tests.benchmarks.generate

bench-upscale: install ## tiles against the whole image in ncnn and torch: speed, errors at borders, memory
	$(BIN)/python -m tests.benchmarks.upscale

bench-train: install ## the trainer against the bare loop and a plain script
	$(BIN)/python -m tests.benchmarks.train

bench-quality: install ## the default recipe against that of diffusers' example: two hours, goes on where it stopped
	$(BIN)/python -m tests.benchmarks.quality --write-docs

bench-people: install ## do pocket's people and its subjects look like themselves to a face network: hours, goes on where it stopped
	$(BIN)/python -m tests.benchmarks.people --write-docs

ablate: install ## what each trick of the default recipe is worth: hours, goes on where it stopped
	$(BIN)/python -m tests.benchmarks.ablate

compose-test: install ## build both images, bring the stack up, send one job, take all down
	bash tests/compose/run.sh

pocket: install ## draw people and train a piece of the pocket base model: hours; PIECE=2 goes on from piece 1
	bash tools/train_pocket.sh pocket-training --piece $(or $(PIECE),1)

clean: ## remove what was made here
	rm -rf $(VENV) photogen-demo build *.egg-info
