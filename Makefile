# Caibox's commands. Each sets up what it needs inside this folder and does it again only when a lock file changed.

PYTHON ?= python3
PIP := .venv/bin/python -m pip --quiet --disable-pip-version-check
VENDOR := app/web/static/vendor/.collected
CATALOGUES := $(shell find app -name '*.po' 2>/dev/null)

export PIP_CACHE_DIR := $(CURDIR)/build/cache/pip
export PORT RESET

.PHONY: help demo test check format bench lock clean

help:
	@sed -n 's/^#: //p' Makefile

#: make demo    set up and start everything; Ctrl-C stops it. PORT=5000 moves the web port, RESET=1 begins anew
# One plain command, so that make starts it without a shell between: a shell would swallow SIGTERM and orphan the rest.
demo: .venv/.demo .venv/.project $(VENDOR) build/.translations
	.venv/bin/caibox demo

#: make test    set up what tests need and run them all
test: .venv/.dev .venv/.project $(VENDOR) build/.translations
	.venv/bin/python setup/install_test_tools.py
	.venv/bin/python -m pytest -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder --durations 15

#: make check   format, lint, types, import contracts
check: .venv/.dev .venv/.project
	.venv/bin/ruff format --check --quiet
	.venv/bin/ruff check --quiet
	.venv/bin/mypy --no-error-summary
	.venv/bin/lint-imports --cache-dir build/cache/import_linter

#: make format  let ruff put files in order
format: .venv/.dev
	.venv/bin/ruff format
	.venv/bin/ruff check --fix

#: make bench   measure, and write build/bench.json
bench: .venv/.dev .venv/.project $(VENDOR) build/.translations
	.venv/bin/python -m benchmarks

#: make lock    look up the newest allowed versions and write the lock files again
lock: build/lock/bin/uv
	build/lock/bin/uv pip compile $(COMPILE) --extra demo --extra dev -o requirements-dev.txt
	build/lock/bin/uv pip compile $(COMPILE) --extra demo -c requirements-dev.txt -o requirements-demo.txt
	build/lock/bin/uv pip compile $(COMPILE) -c requirements-dev.txt -o requirements.txt

COMPILE := pyproject.toml --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header

#: make clean   remove what make made; the demo's data in .caibox stay
clean:
	rm -rf .venv node_modules build app/web/static/vendor firmware_sim/static/vendor .mypy_cache .ruff_cache .pytest_cache

.venv/bin/python:
	$(PYTHON) setup/make_venv.py .venv

.venv/.demo: requirements-demo.txt | .venv/bin/python
	@echo 'installing what the demo needs'
	$(PIP) install --require-hashes -r requirements-demo.txt
	@touch $@

.venv/.dev: requirements-dev.txt | .venv/bin/python
	@echo 'installing what the demo, tests and checks need'
	$(PIP) install --require-hashes -r requirements-dev.txt
	@touch $@ .venv/.demo

# The project itself, editable: only pyproject.toml decides what is written, the code is read where it lies.
.venv/.project: pyproject.toml | .venv/.demo
	$(PIP) install --no-deps --no-build-isolation --no-index --editable .
	@touch $@

node_modules/.installed: package.json package-lock.json .npmrc | .venv/.demo
	@echo 'fetching front-end packages'
	.venv/bin/python setup/fetch_npm.py
	@touch $@

$(VENDOR): node_modules/.installed setup/collect_vendor.py $(wildcard app/demo/products.toml)
	.venv/bin/python setup/collect_vendor.py
	@touch $@

build/.translations: $(CATALOGUES) setup/compile_translations.py | .venv/.demo
	@mkdir -p build
	.venv/bin/python setup/compile_translations.py
	@touch $@

build/lock/bin/uv:
	$(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip --quiet --disable-pip-version-check install uv==0.13.9
