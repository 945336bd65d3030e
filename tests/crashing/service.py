"""Run the service's process tree with a crash point armed in it.

The worker's process imports this file anew, the web processes are forked from here: all are armed.
"""

from __future__ import annotations

from tests.crashing import armed  # noqa: F401, imported for what it does
from tests.processes import end_with_the_test


def main() -> None:
    """Serve as `whence serve` does."""
    from plugin import serving
    from plugin.logs import configure_logs
    from plugin.settings import load_settings

    end_with_the_test()
    settings = load_settings()
    configure_logs(settings)
    serving.serve(settings)


if __name__ == "__main__":
    main()
