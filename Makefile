# make demo   make .venv, run the laboratory experiment on the bundled digits, say where the report is
# make fuzz   read mutated files for SECONDS=600 with a seed from the clock; what fails is kept in FOUND=fuzz-found
# make test   make .venv with what testing needs; lint, types, import floors, all tests
#
# On Linux the default torch wheel brings several gigabytes of CUDA. For the CPU build:
#   make demo TORCH_INDEX=https://download.pytorch.org/whl/cpu

PYTHON ?= python3
TORCH_INDEX ?=
OUT ?= runs/demo-$(shell date -u +%Y%m%dT%H%M%SZ)
BIN := .venv/bin
NATIVE := $(wildcard setup.py src/lstmkit/nn/native/*)
NOTE := src/lstmkit/nn/_native.txt
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

SECONDS ?= 600
FOUND ?= fuzz-found

.PHONY: demo test fuzz docs clean

demo: .venv/installed
	@$(BIN)/lstmkit lab digits --out $(OUT)

test: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/python -m pytest

fuzz: .venv/installed-dev
	$(BIN)/python tests/fuzz/fuzz.py --seconds $(SECONDS) --keep $(FOUND) --cut

docs: .venv/installed
	$(BIN)/python -m lstmkit.config.document docs/configuration.md

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("error: Python %d.%d; lstmkit needs 3.11 or newer; give one with PYTHON=python3.11" % sys.version_info[:2])'
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python pyproject.toml constraints.txt $(NATIVE)
	$(if $(TORCH_INDEX),$(PIP) torch --index-url $(TORCH_INDEX))
	$(PIP) --editable '.[audio,parquet]'
	@test ! -f $(NOTE) || echo "note: installed without the native engine: $$(cat $(NOTE))"
	@touch $@

.venv/installed-dev: .venv/installed
	$(PIP) --editable '.[audio,parquet,dev]'
	@$(BIN)/pyright --version >/dev/null
	@touch $@

clean:
	rm -rf .venv build dist src/lstmkit/nn/_native.*
