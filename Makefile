# Each line is something a person could type. VENV and PYTHON can be overridden.
VENV ?= .venv
PYTHON ?= python3
RUN = $(VENV)/bin

.PHONY: setup demo test slow lint types bench clean
export VENV

setup:
	@$(PYTHON) bootstrap.py

demo: setup
	@$(RUN)/govtool demo

test: setup
	OMP_NUM_THREADS=1 $(RUN)/python -m pytest -n 2 -q

slow: setup
	OMP_NUM_THREADS=1 $(RUN)/python -m pytest -n 2 -q -m slow

lint: setup
	$(RUN)/ruff format --check .
	$(RUN)/ruff check .

types: setup
	$(RUN)/mypy

bench: setup
	@$(RUN)/python benchmarks/all.py

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis dist
