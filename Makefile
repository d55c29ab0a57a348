# Needs GNU make, a POSIX shell and Python 3.11 or newer; everything else comes from the package index.
SHELL := /bin/sh
.DELETE_ON_ERROR:
.PHONY: help venv demo up test faults check interop bench lock clean

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
GATED := ghasi/smpp ghasi/sms workers sessions_gateway
GATE := 90
comma := ,

help: ## show the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST)

venv: $(STAMP) ## make the virtual environment with the pinned requirements

# An environment made by an interpreter that is gone or too old is made anew. The index may hiccup: three tries.
$(STAMP): requirements-dev.txt
	@$(find_python); \
	if ! $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "making $(VENV) with $$python"; \
	    "$$python" -m venv --clear $(VENV) || { \
	        echo "cannot make a virtual environment (on Debian: apt-get install python3-venv)" >&2; exit 1; }; \
	fi
	@echo "installing the pinned requirements"
	@for try in 1 2 3; do \
	    $(BIN)/python -m pip install -qq --disable-pip-version-check -r requirements-dev.txt && exit 0; \
	    echo "pip failed (try $$try of 3)" >&2; sleep $$try; \
	done; exit 1
	@touch $@

demo: $(STAMP) ## the whole connector with sample messages; EXIT=1 ends it and tells whether all went well
	@$(BIN)/python manage.py demo $(if $(filter 1,$(EXIT)),--exit)

up: $(STAMP) ## the whole connector without samples, until Ctrl-C
	@$(BIN)/python manage.py up

test: $(STAMP) ## all tests, real servers included
	@$(BIN)/python -m pytest $(GATED:%=--cov=%) --cov-report= $(ARGS)
	@for part in $(GATED); do \
	    $(BIN)/coverage report --skip-covered --include="$$part/*" --fail-under=$(GATE) || { \
	        echo "coverage of $$part is below $(GATE) %" >&2; exit 1; }; \
	done

faults: $(STAMP) ## every fault of docs/reliability.md, which is made anew; LONG=1 for the long set, FAULTS_SEED=n
	@status=0; FAULTS=$(if $(filter 1,$(LONG)),long,full) $(BIN)/python -m pytest tests/faults $(ARGS) || status=$$?; \
	$(BIN)/python -m tests.faults.report; exit $$status

check: $(STAMP) ## style, types, imports, migrations, links in the docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	$(BIN)/python tests/check_docs.py

interop: $(STAMP) ## the acceptance suite against SMSCs that are not ours (needs npm)
	@cd tests/interop/peers && npm install --no-package-lock --no-audit --no-fund --silent
	@for smsc in smpp34 node; do \
	    echo "acceptance suite on $$smsc"; \
	    $(BIN)/python -m pytest tests/acceptance/test_path.py --smsc=$$smsc $(ARGS) || exit 1; \
	done

bench: $(STAMP) ## every measurement, then the tables of docs/performance.md; more than an hour, needs a C compiler
	@for name in throughput latency tps micro scale soak peers; do \
	    echo "benchmark: $$name"; $(BIN)/python -m benchmarks $$name || exit 1; \
	done
	@$(BIN)/python -m benchmarks report

lock: ## pin the requirements anew
	@$(find_python); rm -rf .run/lock && mkdir -p .run && "$$python" -m venv .run/lock
	@.run/lock/bin/pip install -qq --disable-pip-version-check pip-tools
	@for name in requirements requirements-dev; do \
	    .run/lock/bin/pip-compile --quiet --upgrade --strip-extras --allow-unsafe --no-emit-index-url \
	        --no-emit-find-links --output-file=$$name.txt $$name.in || exit 1; \
	done
	@rm -rf .run/lock

clean: ## end leftovers; remove the virtual environment, .run and the folder under /var/tmp
	@$(find_python); "$$python" -B -m ghasi.devstack.clean
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage .coverage.*
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

define find_python
python=; for name in "$${PYTHON:-python3}" python3.11 python3.12 python3.13 python3.14; do \
    if "$$name" -c 'import sys; sys.exit(sys.version_info < (3$(comma) 11))' 2>/dev/null; then python=$$name; break; fi; \
done; \
[ -n "$$python" ] || { echo "Python 3.11 or newer is needed and was not found (set PYTHON=/path/to/it)" >&2; exit 1; }
endef
