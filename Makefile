# Needs GNU make, a POSIX shell and Python 3.11 or newer; everything else comes from the package index.
SHELL := /bin/sh
.DELETE_ON_ERROR:
.PHONY: help venv demo up test tls browser faults check dependency-audit alerts record-alerts interop bench deploy-check docs lock image-lock clean

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TOOLS := .run/deploy
SITE := .run/docs
GATED := ghasi/smpp ghasi/sms workers sessions_gateway
GATE := 90
comma := ,
JOBS := 3
# What ARGS names under tests/ is run in place of the whole; without a path, as in ARGS="-k word", it chooses among that.
some = $(if $(filter tests/% ./tests/%,$(ARGS)),,$(1)) $(ARGS)
COVER := $(GATED:%=--cov=%) --cov-report=

help: ## show the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST)

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

up: $(STAMP) ## the whole connector without samples, until Ctrl-C; SCENARIO=file.yaml for other operators, FRESH=1 without what is stored
	@$(BIN)/python manage.py up $(if $(SCENARIO),--scenario $(SCENARIO)) $(if $(filter 1,$(FRESH)),--fresh)

# What measures time or a rate has the machine to itself; the rest goes in parallel, a file's tests on one worker.
test: $(STAMP) ## all tests, real servers included; ARGS="tests/unit/sms -k gsm" for some
ifeq ($(ARGS),)
	@$(BIN)/python -m tests.once_more tests/unit tests/integration -n $(JOBS) --dist loadfile --no-loadscope-reorder $(COVER)
	@$(BIN)/python -m tests.once_more tests/acceptance tests/faults tests/interop $(COVER) --cov-append
else
	@$(BIN)/python -m tests.once_more --ignore=tests/tls $(COVER) $(ARGS)
endif
	@for part in $(GATED); do \
	    $(BIN)/coverage report --skip-covered --include="$$part/*" --fail-under=$(GATE) || { \
	        echo "coverage of $$part is below $(GATE) %" >&2; exit 1; }; \
	done

tls: $(STAMP) ## Redis and PostgreSQL over mutual TLS (needs Debian's redis-server and postgresql, whose services are not used)
	@$(BIN)/python -m tests.once_more $(call some,tests/tls)

browser: $(STAMP) ## the admin in a real browser (needs Chromium); SCREENSHOTS=1 writes docs/images
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null || { \
	    echo "make browser needs Chromium (on Debian: apt-get install chromium chromium-driver)" >&2; exit 1; }
	@$(BIN)/python -m tests.once_more $(call some,tests/browser)

faults: $(STAMP) ## every fault of docs/reliability.md, which is made anew; LONG=1 for the long set, FAULTS_SEED=n
	@status=0; FAULTS=$(if $(filter 1,$(LONG)),long,full) $(BIN)/python -m tests.once_more $(call some,tests/faults) || status=$$?; \
	$(BIN)/python -m tests.faults.report; exit $$status

check: $(STAMP) ## style, types, imports, migrations, documents, licences, known vulnerabilities (a warning where the network is away)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	$(BIN)/python tests/check_docs.py
	$(BIN)/python tests/check_licences.py
	@mkdir -p .run; rm -f .run/unaudited; $(BIN)/python tests/check_vulnerabilities.py || { \
	    code=$$?; [ $$code = 3 ] || exit $$code; touch .run/unaudited; \
	    echo "WARNING: the vulnerability database could not be asked about all pins" >&2; }

dependency-audit: $(STAMP) ## known vulnerabilities of all pins; asks the network, and says so where it cannot
	@$(BIN)/python tests/check_vulnerabilities.py

alerts: $(STAMP) ## the alert rules against the recorded series (needs promtool)
	@command -v promtool >/dev/null || { \
	    echo "make alerts needs promtool (on Debian: apt-get install --no-install-recommends prometheus)" >&2; exit 1; }
	@$(BIN)/python -m tests.observability.check
	@$(BIN)/python -m tests.observability.dashboards --check
	@$(BIN)/python -m tests.observability.kubernetes --check

record-alerts: $(STAMP) ## play every fault and record its series anew (needs promtool); SCENARIOS="links books" for some
	@command -v promtool >/dev/null || { \
	    echo "make record-alerts needs promtool (on Debian: apt-get install --no-install-recommends prometheus)" >&2; exit 1; }
	@$(BIN)/python -m tests.observability.record $(SCENARIOS)

interop: $(STAMP) ## the acceptance suite against SMSCs that are not ours (needs npm, Perl with Net::SMPP, tshark)
	@command -v npm >/dev/null || { \
	    echo "make interop needs npm (on Debian: apt-get install nodejs npm)" >&2; exit 1; }
	@perl -MNet::SMPP -e1 2>/dev/null || { \
	    echo "make interop needs Perl's Net::SMPP (on Debian: apt-get install libnet-smpp-perl)" >&2; exit 1; }
	@command -v tshark >/dev/null || { \
	    echo "make interop needs tshark (on Debian: apt-get install tshark)" >&2; exit 1; }
	@cd tests/interop/peers && npm install --no-package-lock --no-audit --no-fund --silent || { \
	    echo "npm could not install the package smpp from its registry" >&2; exit 1; }
	@$(BIN)/python -m tests.once_more tests/interop/live_tshark.py tests/acceptance/test_path.py \
	    tests/acceptance/test_dialects.py --smsc=smpp34,node,perl $(ARGS)

bench: $(STAMP) ## every measurement, then the tables of docs/performance.md; more than an hour, needs a C compiler
	@for name in throughput latency tps micro scale pages soak peers; do \
	    echo "benchmark: $$name"; $(BIN)/python -m benchmarks $$name || exit 1; \
	done
	@$(BIN)/python -m benchmarks report

deploy-check: $(STAMP) $(TOOLS)/.installed ## image, compose file, manifests and API documents, without an engine (needs npm)
	@command -v npm >/dev/null || { \
	    echo "make deploy-check needs npm (on Debian: apt-get install nodejs npm)" >&2; exit 1; }
	@cd tests/deploy/node && npm install --no-package-lock --no-audit --no-fund --silent || { \
	    echo "npm could not install tests/deploy/node/package.json from its registry" >&2; exit 1; }
	@$(BIN)/python -m tests.once_more $(call some,tests/deploy/check_*.py)

docs: $(SITE)/.installed ## the site of docs/, into site/
	@$(SITE)/bin/mkdocs --quiet build --strict
	@echo "site/index.html"

$(TOOLS)/.installed: tests/deploy/requirements.txt
$(SITE)/.installed: requirements-docs.txt
$(TOOLS)/.installed $(SITE)/.installed:
	@$(find_python); "$$python" -m venv --clear $(@D)
	@for try in 1 2 3; do \
	    $(@D)/bin/pip install -qq --disable-pip-version-check --only-binary :all: -r $< && exit 0; \
	    echo "pip failed (try $$try of 3)" >&2; sleep $$try; \
	done; exit 1
	@touch $@

lock: ## pin the requirements anew
	@$(find_python); rm -rf .run/lock && mkdir -p .run && "$$python" -m venv .run/lock
	@.run/lock/bin/pip install -qq --disable-pip-version-check pip-tools
	@for name in requirements requirements-otel requirements-dev; do \
	    .run/lock/bin/pip-compile --quiet --upgrade --strip-extras --allow-unsafe --no-emit-index-url \
	        --no-emit-find-links --output-file=$$name.txt $$name.in || exit 1; \
	done
	@rm -rf .run/lock
	@$(MAKE) --no-print-directory image-lock

image-lock: ## the pins of requirements.txt with their hashes, for the image
	@$(find_python); rm -rf .run/lock && mkdir -p .run && "$$python" -m venv .run/lock
	@.run/lock/bin/pip install -qq --disable-pip-version-check pip-tools
	@rm -f docker/requirements.lock && .run/lock/bin/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe \
	    --no-annotate --no-emit-index-url --no-emit-find-links --output-file=docker/requirements.lock docker/requirements.in
	@rm -rf .run/lock

clean: ## end leftovers; remove the virtual environment, .run and the folder under /var/tmp
	@$(find_python); "$$python" -B -m ghasi.devstack.clean
	@rm -rf $(VENV) site tests/deploy/node/node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage .coverage.*
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

define find_python
python=; for name in "$${PYTHON:-python3}" python3.11 python3.12 python3.13 python3.14; do \
    if "$$name" -c 'import sys; sys.exit(sys.version_info < (3$(comma) 11))' 2>/dev/null; then python=$$name; break; fi; \
done; \
[ -n "$$python" ] || { echo "Python 3.11 or newer is needed and was not found (set PYTHON=/path/to/it)" >&2; exit 1; }
endef
