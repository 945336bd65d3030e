# The two commands are `make run` and `make test`; everything else serves them.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: run test bench fmt lint lock snippet env env-dev node clean

run: env                 ## journey on the stand-ins, then a service to click through
	$(BIN)/python -m plugin.cli demo

test: env-dev node       ## everything: lint, types, unit, browser, PostgreSQL, crash tests
	bash scripts/test.sh

bench: env-dev node      ## ratios against bare baselines of the same run
	$(BIN)/python -m bench

fmt: env-dev             ## format and repair what can be repaired
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

snippet: node            ## rebuild snippet/dist/whence.js
	cd snippet && npm run build

lock: env-dev            ## re-pin the requirements from pyproject.toml
	bash scripts/lock.sh

env: $(VENV)/.run
env-dev: $(VENV)/.dev
node: snippet/node_modules/.done

$(VENV)/.run: requirements/run.txt
	$(PYTHON) scripts/make_venv.py $(VENV)
	$(BIN)/python -m pip install -q --require-hashes -r requirements/run.txt
	touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	$(BIN)/python -m pip install -q --require-hashes -r requirements/dev.txt
	touch $@

snippet/node_modules/.done: snippet/package-lock.json
	cd snippet && npm ci --no-audit --no-fund --loglevel=error
	touch $@

clean:
	rm -rf $(VENV) snippet/node_modules var
