# Two commands: `make demo` runs the whole path on the embedded example, `make test` every check.
# PYTHON chooses the interpreter (3.11 to 3.13), VENV the folder of the virtual environment.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
WORKERS = $(shell $(BIN)/python -c "import os; print((os.cpu_count() or 1) + 1)")
SUDO := $(if $(filter 0,$(shell id -u)),,sudo -n)

.PHONY: demo test lint format browser docs clean

demo: $(READY)
	$(BIN)/penchant demo --out runs/demo

# One worker more than there are cores, because tests wait for servers and browsers. Each takes the next file in their
# order: the last ones are the shortest, so that all workers end together. Compiled modules are kept, even where the
# environment says otherwise: tests start many processes that import them.
test: lint browser
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

# Tests of the dashboard drive a real browser; on Debian and its kin it is installed where there is none.
browser:
	@command -v chromium || command -v chromium-browser || command -v google-chrome || test -x "$$PENCHANT_CHROMIUM" || \
	  { $(SUDO) apt-get update -qq && $(SUDO) apt-get install -qq -y --no-install-recommends chromium >/dev/null; } || \
	  { echo "no Chromium is here, and apt-get cannot install it; install one, or set PENCHANT_CHROMIUM to it"; exit 1; }

# The documents as a site with search, in build/site; they can be read without it.
docs: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going -c docs/code . build/site
	@echo "The site is build/site/index.html"

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy -n auto
	$(BIN)/codespell

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) runs build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
