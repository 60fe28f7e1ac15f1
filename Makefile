# Every target that runs our code makes the virtual environment first, so a fresh clone needs
# nothing but Python 3.11 and this file.  PYTHON=/path/to/python3.11 chooses the interpreter.
PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.installed

export TF_CPP_MIN_LOG_LEVEL ?= 3
export NO_MKDOCS_2_WARNING ?= 1
export PYTHONWARNINGS ?= ignore::UserWarning:tensorflow_addons

.PHONY: demo test test-slow bench docs lint clean environment

demo: environment
	$(BIN)/python pipelines/demo.py

test: lint
	$(BIN)/python -m pytest -m "not slow" --numprocesses=auto --dist=loadfile

test-slow: environment
	$(BIN)/python -m pytest -m slow --write-counts

bench: environment
	$(BIN)/python benchmarks/block.py
	$(BIN)/python benchmarks/data.py
	$(BIN)/python benchmarks/input.py
	$(BIN)/python benchmarks/models.py
	$(BIN)/python benchmarks/serving.py

docs: environment
	$(BIN)/python docs/figures.py
	$(BIN)/mkdocs build --strict

lint: environment
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/mypy

environment: $(READY)

# Before anything is downloaded: the pins resolve on CPython 3.11 only.
define CHECK_PYTHON
@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || { \
	  echo "error: RSTG-TF needs Python 3.11 (TensorFlow 2.15 has no wheel for '$(PYTHON)', which is $$("$(PYTHON)" --version 2>/dev/null || echo missing)); install it, or name one: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
endef

$(READY): requirements.txt pyproject.toml
	$(CHECK_PYTHON)
	"$(PYTHON)" -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $(READY)

clean:
	rm -rf $(VENV) build demo site *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
