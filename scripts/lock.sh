#!/usr/bin/env bash
# Pin every dependency with its hashes; the files hold no address of any package registry.
set -euo pipefail
cd "$(dirname "$0")/.."
.venv/bin/python -m pip install -q uv
.venv/bin/python - <<'PY'
import pathlib, tomllib
project = tomllib.loads(pathlib.Path("pyproject.toml").read_text())
run = project["project"]["dependencies"]
work = pathlib.Path("var"); work.mkdir(exist_ok=True)
(work / "run.in").write_text("\n".join(run) + "\n")
(work / "dev.in").write_text("\n".join(run + project["dependency-groups"]["dev"]) + "\n")
PY
for set in run dev; do
  .venv/bin/uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
    --no-emit-index-url -q "var/$set.in" -o "requirements/$set.txt"
done
