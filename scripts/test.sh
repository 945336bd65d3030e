#!/usr/bin/env bash
# Every check, in the order in which they fail fastest. Ends at the first that fails.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin

say() { printf '\n== %s\n' "$*"; }

export CHROMIUM="${CHROMIUM:-$(bash scripts/chromium.sh)}"

say "style";   "$bin/ruff" check . && "$bin/ruff" format --check .
say "types";   "$bin/mypy"
say "snippet"; (cd snippet && npm run --silent typecheck && npm test --silent)
say "python";  "$bin/python" -m pytest "$@"
