# make alone lists the recipes. A bare machine needs Python 3.11 or newer, git and make.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory
unexport PYTHONDONTWRITEBYTECODE
unexport VIRTUAL_ENV

CACHE := $(or $(FURROW_CACHE),$(CURDIR)/.cache)
BIN := .venv/bin
PARTS := src/furrow/locale/parts
DIST := src/furrow/common/static/dist
PYTEST_ARGS ?=

export PATH := $(CURDIR)/$(BIN):$(PATH)
export npm_config_cache := $(CACHE)/npm
export npm_config_update_notifier := false
export npm_config_fund := false
export npm_config_audit := false
export NODE_USE_SYSTEM_CA := 1
export UV_CACHE_DIR := $(CACHE)/uv

.PHONY: help run test check format docs lock messages build bench bench-linkage bench-ownership screenshots clean test-pg15 test-newest bench-pacing bench-leads bench-dials bench-faults bench-telephony bench-teamwork bench-wallboard bench-capture bench-segments bench-inbound

help: ## list the recipes
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1 | \2/p' $(MAKEFILE_LIST) | column -t -s '|' 2>/dev/null \
	  || sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1 - \2/p' $(MAKEFILE_LIST)

run: .venv/.has-core $(DIST)/.built ## set everything up and run Furrow with a demo company
	@exec $(BIN)/furrow run

test: check .venv/.has-spark .ready-for-browsers ## check, then every test; ends with pytest's summary
	@$(BIN)/pytest $(PYTEST_ARGS)

check: .venv/.has-dev $(DIST)/.built ## format, lint, types, contracts, migrations, translations
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/lint-imports --no-cache > .venv/contracts.txt || { cat .venv/contracts.txt; exit 1; }
	$(BIN)/mypy src
	$(BIN)/furrow messages --check
	$(BIN)/furrow manage makemigrations --check --dry-run

format: .venv/.has-dev ## put code and templates into the house's shape
	$(BIN)/django-upgrade --target-version 5.2 $$(git ls-files 'src/*.py' 'tests/*.py' | grep -v /migrations/) || true
	$(BIN)/ruff check --quiet --fix . || true
	$(BIN)/ruff format --quiet .
	$(BIN)/djade --target-version 5.2 $$(git ls-files 'src/*.html') || true

docs: .venv/.has-dev ## draw anew what the documentation takes from the code
	$(BIN)/furrow docs

messages: .venv/.has-core ## check and compile the Chinese translations
	$(BIN)/furrow messages --check

build: .venv/.has-core ## build the front end anew
	@rm -f $(DIST)/.built
	@$(MAKE) $(DIST)/.built

lock: .venv/.has-dev ## resolve the newest releases of at least a week's age, with hashes
	for set in uv core dev spark analytics; do \
	  uv pip compile --quiet --upgrade --universal --generate-hashes --no-header --python-version 3.11 \
	    --exclude-newer "$$($(BIN)/python -c 'import datetime as d; print(d.date.today() - d.timedelta(7))')" \
	    requirements/$$set.in -o requirements/$$set.txt || exit 1; done
	cd frontend && npm install --package-lock-only

bench: .venv/.has-dev $(DIST)/.built ## measure; never part of the gate
	$(BIN)/python bench/imports.py
	$(BIN)/python bench/floor_push.py
	$(BIN)/python bench/pages.py

bench-linkage: .venv/.has-dev $(CACHE)/venv-analytics/.ready ## measure furrow dedupe beside Splink; ONLY="--rows 5000000" a part
	PYTHONPATH=src:. $(BIN)/python bench/linkage.py $(or $(ONLY),--rows 1000000 5000000 --splink 1000000 --public)
	$(if $(ONLY),,PYTHONPATH=src:. $(BIN)/python bench/linkage.py --rows 1000000 --shape offices)

$(CACHE)/venv-analytics/.ready: requirements/core.txt requirements/analytics.txt
	uv venv --quiet --clear --python 3.11 $(CACHE)/venv-analytics
	uv pip install --quiet --python $(CACHE)/venv-analytics/bin/python --require-hashes -r requirements/core.txt -r requirements/analytics.txt
	@touch $@

bench-pacing: .venv/.has-dev ## the dialer's pacing beside others, in every world; an hour or more
	$(BIN)/python bench/pacing.py

bench-leads: .venv/.has-dev ## how fast the dialer finds the next of ten million; TARGETS=1000000 fewer
	$(BIN)/python bench/leads.py --targets $(or $(TARGETS),10000000)

bench-faults: .venv/.has-dev ## dialer, worker, PostgreSQL and switch killed in mid-dial, TIMES=20 each; half an hour
	PYTHONPATH=src:bench:. $(BIN)/python bench/faults.py --times $(or $(TIMES),20)

bench-wallboard: .venv/.has-dev ## one look at a floor of 300 agents, and what is sent of it; ten seconds
	cd bench && PYTHONPATH=../src:.. ../$(BIN)/python wallboard.py

bench-dials: .venv/.has-dev ## how many calls a second one dialer places for eight hundred agents
	$(BIN)/python bench/dials.py

bench-telephony: .venv/.has-dev ## calls through a real Asterisk: how soon, how many, how many at once; three minutes
	PYTHONPATH=src:. $(BIN)/python bench/telephony.py

bench-capture: .venv/.has-dev $(DIST)/.built ## hits a second from our web sites, stored before they are acknowledged; two minutes
	PYTHONPATH=src:. $(BIN)/python bench/capture.py

bench-segments: .venv/.has-dev ## sizes of segments while they are built, and pages of them, at five million; ten minutes
	$(BIN)/python bench/segments.py
bench-inbound: .venv/.has-dev $(DIST)/.built .ready-for-browsers ## from a caller's INVITE to the agent's screen, in a real Chromium; two minutes
	cd bench && PYTHONPATH=../src:.. ../$(BIN)/python inbound.py

bench-teamwork: .venv/.has-dev ## fifty thousand customers of a leaver go over, twenty thousand are dealt; five minutes
	$(BIN)/python bench/teamwork.py

bench-trail: .venv/.has-dev ## what an audit event costs, and how fast its chain is checked; a minute
	$(BIN)/python bench/trail.py

bench-ownership: .venv/.has-dev ## five million customers: the night's return, and two hundred agents claiming
	PYTHONPATH=src:. $(BIN)/python bench/ownership.py

bench-followups: .venv/.has-dev ## five million customers: the night's reminders, killed and resumed; three minutes
	PYTHONPATH=src:. $(BIN)/python bench/followups.py

screenshots: .venv/.has-dev $(DIST)/.built .ready-for-browsers ## photograph anew what the README and docs show
	@PYTHONPATH=src:. $(BIN)/python tools/screenshots.py

clean: ## remove everything the recipes made, except the cache folder's databases
	rm -rf .venv frontend/node_modules $(DIST) .mypy_cache .ruff_cache .pytest_cache .hypothesis staticfiles
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

test-pg15: ## the tests on Debian 12's PostgreSQL 15, if it is installed
	@test -x /usr/lib/postgresql/15/bin/pg_ctl || { echo "apt-get install postgresql-15, then again"; exit 1; }
	PG_BIN=/usr/lib/postgresql/15/bin $(BIN)/pytest $(PYTEST_ARGS)

test-newest: .venv/.has-dev $(DIST)/.built ## most tests on the newest Python of this machine, if newer than .venv's
	@$(BIN)/furrow messages
	@tools/test-newest

# -- what the recipes stand on --------------------------------------------------------------------

had = $$(test ! -f .venv/.has-$(1) || echo $(1))

.venv/.has-core: requirements/core.txt requirements/uv.txt tools/bootstrap
	@tools/bootstrap core $(call had,dev) $(call had,spark)

.venv/.has-dev: requirements/core.txt requirements/dev.txt requirements/uv.txt tools/bootstrap
	@tools/bootstrap core dev $(call had,spark)

# Half a gigabyte, for one test: the list in Spark. Without Java 17 that test is skipped, aloud.
.venv/.has-spark: requirements/core.txt requirements/dev.txt requirements/spark.txt requirements/uv.txt tools/bootstrap
	@tools/bootstrap core dev spark

frontend/node_modules/.installed: frontend/package-lock.json .venv/.has-core
	cd frontend && npm ci --loglevel=error
	@touch $@

$(DIST)/.built: frontend/node_modules/.installed $(shell find frontend -name node_modules -prune -o -type f -print 2>/dev/null)
	cd frontend && npm run build --silent
	@touch $@

.PHONY: .ready-for-browsers
.ready-for-browsers: .venv/.has-dev
	@tools/find-chromium
