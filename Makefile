# nanclean: everything a contributor types. Plain `make` lists it.
#
# Needs Python 3.11 or newer, make and git; the environment is made in .venv on first use.

PYTHON ?= python3
VENV   ?= .venv
JOBS   ?= 2
TESTS  ?= tests
BENCH  ?=

BIN    := $(VENV)/bin
NEEDED := $(VENV)/.python
RUN    := $(VENV)/.run
DEV    := $(VENV)/.dev
PEERS  := $(VENV)/.bench
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet install
LOWEST ?= .venv-lowest
# What needs newer tools, not a newer library beneath nanclean: the linter's click, msgspec's way to write a schema,
# and a pyarrow that can write (not only read) fixed-size lists with nulls.
NOT_LOWEST := --ignore tests/test_imports.py \
  --deselect tests/test_report.py::test_the_published_schemas_are_up_to_date \
  --deselect tests/test_numerics.py::test_lists_of_numbers_are_looked_into

.DEFAULT_GOAL := help
.PHONY: help demo install test lint format types check docs bench dist lowest clean

help: ## list the targets
	@echo "Targets (make PYTHON=python3.12 TARGET chooses the Python):"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 12

demo: $(RUN) ## install, scan and fix sample_data/: start here
	$(BIN)/nanclean check --fail-on never sample_data/flats.parquet sample_data/flats.npy sample_data/export.csv
	@echo
	$(BIN)/nanclean scan sample_data/flats.csv --label rented --id id
	@echo
	@mkdir -p build
	$(BIN)/nanclean fix sample_data/flats.csv -p sample_data/flats.toml -o build/flats.clean.csv --recipe build/flats.json --force
	@echo
	$(BIN)/nanclean scan build/flats.clean.csv --label rented --id id

install: $(DEV) ## make .venv with all that development needs

test: demo lint types $(DEV) ## everything: demo, lint, types, all tests with coverage
	$(BIN)/python -m pytest $(TESTS) -q -n $(JOBS) --cov=nanclean --cov-report=term

lint: $(DEV) ## ruff, and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

format: $(DEV) ## let ruff rewrite what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(DEV) ## mypy, strict
	$(BIN)/mypy

check: lint types ## lint and types, without the tests

docs: $(DEV) ## run the commands in README.md and docs/, write down what they print, build build/site
	$(BIN)/python tests/test_readme.py
	NO_MKDOCS_2_WARNING=true $(BIN)/python -m mkdocs build --strict

bench: $(PEERS) ## speed, growth and memory beside other libraries, into bench/RESULTS.md (25 minutes, 8 GB); a part: BENCH=speed
	$(BIN)/python -m bench $(BENCH)

dist: $(DEV) ## wheel and source archive, into dist/
	rm -rf dist
	$(BIN)/python -m build --outdir dist .

lowest: ## all tests against the lowest versions of pyproject.toml (Python 3.11)
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip --disable-pip-version-check --quiet install -e '.[test]' \
	  $$($(PYTHON) tests/lowest.py)
	$(LOWEST)/bin/python -m pytest $(TESTS) -q -n $(JOBS) -m "not network" $(NOT_LOWEST)

clean: ## remove what can be made again
	rm -rf $(VENV) $(LOWEST) dist build bench/data htmlcov .coverage .coverage.* \
	  .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find nanclean tests bench sample_data -name __pycache__ -prune -exec rm -rf {} +

# The stamps: each is made again only when pyproject.toml has changed.
$(NEEDED):
	@$(PYTHON) --version > /dev/null 2>&1 || { echo "There is no $(PYTHON). Name one: make PYTHON=... $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "nanclean needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1)."; \
	  echo "Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make environments: its modules venv and ensurepip are not installed."; \
	  echo "On Debian and Ubuntu: apt install python3-venv. Or name another Python: make PYTHON=... $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(RUN): $(NEEDED) pyproject.toml
	$(PIP) -e .
	@touch $@

$(DEV): $(NEEDED) pyproject.toml
	$(PIP) -e '.[dev]'
	@touch $@ $(RUN)

$(PEERS): $(DEV)
	$(PIP) -e '.[bench]'
	@touch $@
