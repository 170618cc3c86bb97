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
	for each in startup table steady jobs logs datasets ainode report; do .venv/bin/python benchmarks/$$each.py || exit 1; done
