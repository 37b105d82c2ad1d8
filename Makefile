# make run [ARGS="…"]   start nnwalk-tui          make bench         the benchmarks
# make test             every check               make soak          the long-running tests
#                                                 make screenshots   the pictures of the documentation
# Each target first sets up .venv where it is missing or older than pyproject.toml.
# PYTHON=… chooses the interpreter that .venv is made with.

BIN := .venv/bin
READY := .venv/.ready
CODE := $(wildcard engine nnwalk_tui tests benchmarks screenshots)
PYTHON ?= python3 python3.13 python3.12 python3.11
# Containers often forbid it: then every process that a test starts compiles the program again, and all of torch.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: run test bench soak screenshots

run: $(READY)
	@$(BIN)/nnwalk-tui $(ARGS)

test: $(READY)
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/lint-imports --no-logo
	@nice $(BIN)/mypy --strict --no-error-summary $(CODE) & types=$$!; $(BIN)/pytest -q --workers 3; tests=$$?; \
	  wait $$types && exit $$tests

bench: $(READY)
	@$(BIN)/python -m benchmarks $(ARGS)

soak: $(READY)
	@HYPOTHESIS_PROFILE=thorough $(BIN)/pytest -q -m "soak or hypothesis"

screenshots: $(READY)
	@$(BIN)/python -m screenshots $(ARGS)

# Each candidate is run, not only looked up: a name on the path may be a shim without a Python behind it.
# Of the packages, what is used is compiled when it is used: pip would compile all, for a fifth of the whole time.
# The directory is made anew only where its pip does not run: never made, half made, moved, or its Python gone.
$(READY): pyproject.toml
	@if ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
	  for python in $(PYTHON); do \
	    if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$python; break; fi; \
	  done; \
	  if [ -z "$${found:-}" ]; then \
	    echo "nnwalk-tui needs Python 3.11 or later; tried: $(PYTHON)." >&2; \
	    echo "Install one, or name it: make PYTHON=/path/to/python3.11" >&2; \
	    exit 1; \
	  fi; \
	  if ! $$found -m venv --clear .venv; then \
	    echo "$$found cannot make .venv; on Debian and Ubuntu, install its package python3-venv." >&2; \
	    exit 1; \
	  fi; \
	fi
	@echo "Setting up .venv; the first time this downloads torch, which takes some minutes …" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --editable '.[dev]'
	@touch $@
