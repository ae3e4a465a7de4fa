# Every target does its own set-up. What it needs from the machine: Python 3.11 or newer, with venv, and make.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# What one process has compiled is for all: the tests start many.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run serve install test rig bench simulate check catalogues words gist lock clean

run: .venv/installed  ## The demo: sample clinic, sample patients, nothing is really sent
	$(BIN)/bot demo $(if $(PORT),--port $(PORT))

serve: .venv/installed .env  ## The real daemon, from .env
	$(BIN)/bot run $(if $(PORT),--port $(PORT))

install: .venv/installed  ## .venv with the locked dependencies

test:  ## Lint, types, import rules, then all tests, on all cores
	$(MAKE) --no-print-directory --jobs 2 check words
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder --max-worker-restart 0

rig: .venv/installed-dev  ## The tests of what must be survived at their full size, 2,000 texts for each fault; about an hour
	FAULT_TEXTS=2000 NODE_TEXTS=20000 DUE_TEXTS=1000000 $(BIN)/python -m pytest -o timeout=7200 --log-cli-level=INFO -o log_cli_format='%(message)s' $(RIG)
RIG := $(addprefix tests/test_,faults.py kills.py restarts.py races.py clock.py burst.py day.py nodes.py backlog.py)

bench: .venv/installed-dev  ## How fast it is, into docs/benchmarks.md; QUICK=1 to see that it runs, ONLY=dispatch for one table
	$(BIN)/python -m tests.bench $(if $(QUICK),--quick) $(if $(ONLY),--only $(ONLY))

simulate: .venv/installed-dev  ## 2,000 patients from booking to scan; prints how each one stood; SEEDS=1,2 for other towns
	SIMULATED_PATIENTS=2000 SIMULATED_SEEDS=$(or $(SEEDS),7) $(BIN)/python -m pytest -o timeout=7200 tests/test_simulation.py

check: .venv/installed-dev  ## Lint, types and import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

catalogues: .venv/installed-dev  ## Extract the English texts and update every catalogue with them
	$(BIN)/pybabel -q extract -F pyproject.toml -k say -k plural:1,2 --no-default-keywords --add-location=file --sort-by-file \
		-c "Translators:" --project scan-reminders --version 1 --msgid-bugs-address "see README.md" \
		--copyright-holder "the scan-reminders authors" -o locales/messages.pot .
	$(BIN)/pybabel -q update -i locales/messages.pot -d locales --no-fuzzy-matching --width 100
	$(BIN)/pybabel -q extract -F bot/web/babel.toml -k word -k Sentence -k HTTPException:2 \
		-k AccountError -k AppointmentError -k ChangeError -k DetailError -k FileTrouble -k MissingError -k OutdatedError -k ReplyError \
		-k SignInError -k TaskError -k TopicError -k UploadError -k ValueTrouble --add-location=file --sort-by-file --project scan-reminders --version 1 \
		--msgid-bugs-address "see README.md" --copyright-holder "the scan-reminders authors" -o locales/desk.pot bot
	$(BIN)/pybabel -q update -D desk -i locales/desk.pot -d locales --no-fuzzy-matching --width 100

words: .venv/installed  ## Make ready what texts are understood by, on all cores; the service does it by itself
	$(BIN)/python -m messages

gist: .venv/installed-dev  ## Learn anew what concepts speak for, once an example or a concept has changed
	$(BIN)/python -m messages.gist

lock: .venv/installed-dev  ## Write the hashed lock files anew
	$(PIP) install uv
	$(BIN)/uv pip compile $(LOCK) pyproject.toml --group build -o requirements.lock
	$(BIN)/uv pip compile $(LOCK) pyproject.toml --group build --group dev -c requirements.lock -o requirements-dev.lock
LOCK := --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header

clean:  ## Remove what the targets above made
	rm -rf .venv *.egg-info

.env:
	@echo "There is no .env yet: copy .env.example to .env and fill it in (see README.md)." >&2; exit 1

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv .venv

.venv/installed: requirements.lock pyproject.toml | .venv/bin/python
	$(PIP) install --require-hashes -r requirements.lock
	$(PIP) install --no-build-isolation --no-deps --editable .
	@touch $@

.venv/installed-dev: requirements-dev.lock .venv/installed
	$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@
