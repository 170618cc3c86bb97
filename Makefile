PLUGINS := $(patsubst %/pyproject.toml,-e %,$(wildcard plugins/*/pyproject.toml))

.PHONY: dev lint test bench
dev:
	python3 -m venv .venv
	.venv/bin/pip install -c constraints.txt -e ./console/api -e '.[test]' $(PLUGINS)

lint:
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/pyright
	.venv/bin/lint-imports

test:
	.venv/bin/pytest

bench:
	.venv/bin/python benchmarks/startup.py
	.venv/bin/python benchmarks/table.py
	.venv/bin/python benchmarks/jobs.py
	.venv/bin/python benchmarks/datasets.py
