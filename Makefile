# Two commands do everything on a machine with Python >= 3.11, pip and make.
#   make demo   the whole loop on real data, on this machine
#   make test   the whole gate: format, lint, types, floors, tests

PYTHON ?= python3
BIN := .venv/bin
PYTEST ?= $(BIN)/python -m pytest -n 2 --dist worksteal

.PHONY: demo test test-all lint readme bench clean

demo: .venv/.demo
	$(BIN)/toolkit demo

test: .venv/.dev .venv/bin/docker-registry lint
	$(PYTEST) -m "not exhaustive and not docker"

test-all: .venv/.dev .venv/bin/docker-registry lint
	$(PYTEST) -m "not docker"

lint: .venv/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

readme: .venv/.dev
	$(BIN)/python -m tests.house.readme
	PARITY=write $(PYTEST) tests/conformance

bench: .venv/.dev
	$(BIN)/python -m benchmarks

.venv/.python:
	@$(PYTHON) -c 'import sys; sys.exit("toolkit needs Python 3.11 or newer; this is " + sys.version.split()[0] + ": make PYTHON=python3.13 ...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade uv
	@touch $@

.venv/.demo: .venv/.python pyproject.toml
	$(BIN)/uv pip install --quiet --python $(BIN)/python -e '.[local,demo]'
	@touch $@

.venv/.dev: .venv/.python pyproject.toml
	$(BIN)/uv pip install --quiet --python $(BIN)/python -e '.[dev]'
	@touch $@ .venv/.demo

# A real registry for the tests of images, unpacked and not installed. No reason to fetch it again.
.venv/bin/docker-registry: | .venv/.python
	infra/image/fetch-registry $@

clean:
	rm -rf .venv .toolkit dist build
