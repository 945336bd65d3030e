"""Make the virtual environment, with or without the system's ensurepip (Debian splits it off)."""

import subprocess
import sys
import venv
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036, for a reader with an older one
    sys.exit("Whence needs Python 3.11 or newer; this is " + sys.version.split()[0])
target = Path(sys.argv[1])
if not (target / "bin" / "python").exists():
    try:
        venv.create(target, with_pip=True)
    except subprocess.CalledProcessError:
        sys.exit(
            "This Python cannot make virtual environments. On Debian or Ubuntu: apt-get install python3-venv"
        )
