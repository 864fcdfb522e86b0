# make serve   the book on localhost, from a fresh clone on
# make test    everything that has to hold
# make quick   what to run while you work
# make help    the other targets

PY := .venv/bin/python
PORT ?= 8000
JOBS ?= 2
SINCE ?= HEAD
# Outputs are reproducible with one thread per process only.
export OMP_NUM_THREADS := 1
export PYTHONHASHSEED := 0
# A fresh .venv holds no bytecode: Python keeps what it compiles, whatever the shell says.
export PYTHONDONTWRITEBYTECODE :=
# The kernel of .venv, whatever other Jupyter there is.
export JUPYTER_PREFER_ENV_PATH := 1

.DEFAULT_GOAL := help
.PHONY: help env serve book test quick notebooks notebook format clean

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## */  make \1~/' | awk -F'~' '{printf "%-18s %s\n", $$1, $$2}'

env:  ## .venv with the tested versions (made again only when they change)
	@PYTHON="$(PYTHON)" sh tools/env.sh

book: env  ## build the site into _build/html, warnings are errors
	@$(PY) tools/build.py

serve: book  ## build the site and serve it on localhost (PORT=8000, or the next that is free)
	@$(PY) tools/serve.py --port $(PORT)

test: env  ## everything: unit tests and laws, notebooks, the site, its pages in a browser, the wheel
	@$(PY) tools/check.py --jobs $(JOBS)

quick: env  ## lint, layers, laws, and the tests of what changed (SINCE=HEAD): a minute and a half
	@$(PY) -m tools.quick --since $(SINCE)

notebooks: env  ## run every notebook again, in place
	@$(PY) tools/notebooks.py

notebook: env  ## run one notebook again: make notebook N=why/noise
	@test -n "$(N)" || { echo "make notebook: which one? For example: make notebook N=why/noise"; exit 2; }
	@$(PY) tools/notebooks.py $(N)

format: env  ## let ruff format and sort the code
	@$(PY) -m ruff check --fix --quiet dgm_lite tools tests
	@$(PY) -m ruff format --quiet dgm_lite tools tests

clean:  ## remove what was built (.venv stays)
	rm -rf _build dist
