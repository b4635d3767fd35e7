# Tasks for development; what users need stands in README.md.
PYTHON ?= .venv/bin/python

check: lint test

test:
	$(PYTHON) -m pytest --quiet

lint:
	$(PYTHON) -m ruff check archcalc tests benchmarks docs
	$(PYTHON) -m ruff format --check archcalc tests benchmarks docs
	$(PYTHON) -m mypy

# Write the reference from the code, and the output of commands into README.md and docs/.
docs:
	$(PYTHON) docs/write.py

bench:
	$(PYTHON) benchmarks/startup.py
	$(PYTHON) benchmarks/analyses.py
	$(PYTHON) benchmarks/sweep.py
	$(PYTHON) benchmarks/forward.py

.PHONY: check test lint docs bench
