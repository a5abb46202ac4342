# Two commands matter: `make demo` and `make test`. The rest serves them.
.PHONY: setup setup-test lock
PY := .venv/bin/python

.venv/bin/uv:
	python3 -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check uv

setup: .venv/bin/uv locks/demo.txt
	.venv/bin/uv pip install --quiet --python $(PY) -r locks/demo.txt
	.venv/bin/uv pip install --quiet --python $(PY) --no-deps -e .

setup-test: .venv/bin/uv locks/test.txt
	.venv/bin/uv pip install --quiet --python $(PY) -r locks/test.txt
	.venv/bin/uv pip install --quiet --python $(PY) --no-deps -e .

lock: .venv/bin/uv
	.venv/bin/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-annotate --no-header --extra embedded --extra insight --extra demo pyproject.toml -o locks/demo.txt
	.venv/bin/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-annotate --no-header --extra embedded --extra insight --extra demo --group dev pyproject.toml -o locks/test.txt
