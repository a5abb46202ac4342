# Two commands matter: `make demo` and `make test`. The rest serves them.
.PHONY: demo test test-15 setup setup-test check lock
BIN := .venv/bin
PY := $(BIN)/python
INSTALL := $(BIN)/uv pip install --quiet --python $(PY)
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-annotate --no-header
# Three files of tests at a time, the longest first (tests/conftest.py): on two cores, since many wait for a browser.
APART := -n 3 --dist loadfile --no-loadscope-reorder
EXTRAS := --extra embedded --extra insight --extra demo

# Where the system has certificates, trust those, as pip does: a hospital's proxy may have its own.
ifneq ($(wildcard /etc/ssl/certs/ca-certificates.crt),)
export UV_SYSTEM_CERTS ?= true
endif

demo: setup
	@exec $(BIN)/careline demo --with-parent

# The whole suite runs against the PostgreSQL of the wheel, what uses the database also against a PostgreSQL 15 of the system.
# The journeys (the marker `alone`) fill the machine and come last, with nothing beside them.
test:
	@$(MAKE) --no-print-directory setup-test
	@$(PY) tests/needs.py --install
	@$(MAKE) --no-print-directory check test-15
	CARELINE_POSTGRES=wheel $(BIN)/pytest -q $(APART) -m "not alone"
	CARELINE_POSTGRES=wheel $(BIN)/pytest -q -m alone

test-15:
	@bin=$$($(PY) tests/needs.py --postgres-15); \
	if [ -n "$$bin" ]; then \
	  echo "The database tests against PostgreSQL 15 ($$bin):" && \
	  env -u DATABASE_URL CARELINE_POSTGRES="$$bin" $(BIN)/pytest -q $(APART) -m "database and not browser"; \
	else \
	  echo "This system has no PostgreSQL 15: the database tests run against the wheel's version only."; \
	fi

check:
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

setup: $(BIN)/.setup
setup-test: $(BIN)/.setup-test

$(BIN)/uv:
	@echo "Making .venv ..."
	@python3 -m venv .venv
	@$(PY) -m pip install --quiet --disable-pip-version-check uv

$(BIN)/.setup: locks/demo.txt pyproject.toml | $(BIN)/uv
	@echo "Installing Careline (the first time takes about a minute) ..."
	@$(INSTALL) -r locks/demo.txt
	@$(INSTALL) --no-deps -e .
	@touch $@

$(BIN)/.setup-test: locks/test.txt pyproject.toml | $(BIN)/uv
	@echo "Installing Careline and what its tests need ..."
	@$(INSTALL) -r locks/test.txt
	@$(INSTALL) --no-deps -e .
	@touch $@ $(BIN)/.setup

lock: $(BIN)/uv
	$(COMPILE) $(EXTRAS) pyproject.toml -o locks/demo.txt
	$(COMPILE) $(EXTRAS) --group dev pyproject.toml -o locks/test.txt
