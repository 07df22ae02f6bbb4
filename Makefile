# Each target makes what it needs: a fresh machine has Python 3.11, 3.12 or 3.13, pip (23.2 or later), git and make.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
BIN := .venv/bin
READY := .venv/.ready
# The lock is complete. Pip resolves nothing (--no-deps) and fetches nothing to build with
# (--no-build-isolation): any pip installs the same, whatever the index holds newest.
# The lock's own pip installs the rest: that of Python 3.11 takes twice as long. Two of them do side by
# side, half of the lines each: one keeps only one core busy.
# Pip compiles on one core (--no-compile): compileall does it on all of them, without others' tests and
# what hardly anything here loads, or has loaded and so compiled before (pip, setuptools).
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-compile
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes
# What a command loads that asks a server: it is read as for Windows too.
CLIENT := $(addprefix lineage/,config contract guard host identity python_api remote) lineage/connection.py lineage/whole_file.py cli

.PHONY: setup demo test coverage lint audit format bench mutants docs pictures lock clean

setup: $(READY)

$(READY): requirements/build.txt requirements/dev.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(INSTALL) --require-hashes -r requirements/build.txt
	awk '/^[^ #]/ { n++ } { print > (".venv/half-" n % 2 ".txt") }' requirements/dev.txt
	one= code=0; trap 'kill $$one $$! 2>/dev/null; wait; exit 130' HUP INT TERM; \
	$(INSTALL) --require-hashes -r .venv/half-0.txt & one=$$!; \
	$(INSTALL) --require-hashes -r .venv/half-1.txt & \
	wait $$! || code=$$?; wait $$one && exit $$code
	$(INSTALL) --quiet --editable .
	$(BIN)/python -m compileall -q -j 0 -x '/(tests|moto|mypyc?|textual|libcst|pip|setuptools|lexers|asyncssh|prompt_toolkit|wcwidth)/' .venv/lib lineage cli api migrations
	$(BIN)/python -m pip --disable-pip-version-check check
	touch $(READY)

demo: $(READY)
	$(BIN)/lineage demo

test: $(READY)
	$(BIN)/python -m pytest -n 4 --dist worksteal

coverage: $(READY)
	$(BIN)/python -m pytest -n 3 --dist worksteal --cov --cov-report=term:skip-covered

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy --platform darwin --cache-dir .mypy_cache/darwin lineage cli
	$(BIN)/mypy --platform win32 --cache-dir .mypy_cache/win32 --follow-imports silent --exclude cli/commands/server.py $(CLIENT)
	$(BIN)/bandit --quiet --recursive lineage cli api migrations examples

# Asks PyPI for known vulnerabilities of all that the lock holds; what it is not told of is a failure.
audit: .venv/audit/.ready
	.venv/audit/bin/pip-audit --strict --disable-pip --require-hashes --progress-spinner off --requirement requirements/dev.txt

.venv/audit/.ready: requirements/audit.txt $(READY)
	test -x .venv/audit/bin/python || $(PYTHON) -m venv .venv/audit
	.venv/audit/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/audit.txt
	touch .venv/audit/.ready

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY)
	$(BIN)/python -m benchmarks

mutants: $(READY)
	$(BIN)/mutmut run > mutants.txt; tail -c 100 mutants.txt; echo; $(BIN)/mutmut results

docs: $(READY)
	$(BIN)/python -m typer lineage.cli.docs utils docs --name lineage --output docs/reference/commands.md
	$(BIN)/python -m documentation.routes docs/reference/routes.md
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

pictures: $(READY)
	$(BIN)/python -m documentation.pictures

lock: $(READY)
	$(COMPILE) --all-extras --group dev pyproject.toml -o requirements/dev.txt
	$(COMPILE) --constraint requirements/dev.txt --group build -o requirements/build.txt
	$(COMPILE) --constraint requirements/dev.txt --group audit -o requirements/audit.txt
	$(COMPILE) --constraint requirements/dev.txt --extra postgresql pyproject.toml -o requirements/runtime.txt
	$(COMPILE) --resolution lowest-direct --all-extras pyproject.toml -o requirements/lowest.txt
	$(COMPILE) --constraint requirements/dev.txt deploy/host/pyproject.toml -o requirements/host.txt
	$(COMPILE) --constraint requirements/dev.txt --extra cloud deploy/host/pyproject.toml -o requirements/host-cloud.txt

clean:
	rm -rf .venv build mutants mutants.txt dist *.egg-info .coverage* .mypy_cache .ruff_cache .pytest_cache
