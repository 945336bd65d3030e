"""The snippet's own bench, run by Node: its bytes and what a page's load costs."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "snippet"
BENCH_SECONDS = 180


def measure() -> dict[str, Any]:
    """Give the bench's figures; without Node or Chromium, why there are none."""
    npm = shutil.which("npm")
    if npm is None:
        return {"missing": "npm is not here"}
    try:
        told = subprocess.run(  # noqa: S603
            [npm, "run", "--silent", "bench"],
            cwd=FOLDER,
            capture_output=True,
            text=True,
            check=True,
            timeout=BENCH_SECONDS,
        ).stdout
        found: dict[str, Any] = json.loads(told[told.index("{") :])
    except (subprocess.SubprocessError, ValueError) as error:
        return {"missing": f"the snippet's bench failed ({type(error).__name__})"}
    return found
