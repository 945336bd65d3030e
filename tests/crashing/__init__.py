"""Real processes, killed where it hurts."""

import pytest

pytest.register_assert_rewrite("tests.crashing.ends")
