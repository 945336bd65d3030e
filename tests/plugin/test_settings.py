"""Settings: every problem at once, in plain words; secrets from files."""

from __future__ import annotations

from pathlib import Path

import pytest

from plugin.settings import SettingsError, load_settings, new_secret

GOOD = {"WHENCE_SECRET_KEY": new_secret(), "WHENCE_ENCRYPTION_KEYS": new_secret()}


@pytest.fixture
def nowhere(tmp_path: Path) -> Path:
    return tmp_path / "none.env"


def test_two_keys_are_enough(nowhere):
    settings = load_settings(GOOD, file=nowhere)
    assert settings.database_url == "sqlite:///whence.db"
    assert len(settings.keys[0]) == 32


def test_every_problem_is_told_at_once(nowhere):
    environment = {
        "WHENCE_SECRET_KEY": "short",
        "WHENCE_PORT": "many",
        "WHENCE_RUN_WORKER": "perhaps",
        "WHENCE_PUBLIC_URL": "whence.example",
        "WHENCE_PROT": "8000",
    }
    with pytest.raises(SettingsError) as error:
        load_settings(environment, file=nowhere)
    told = str(error.value)
    for name in (
        "SECRET_KEY",
        "ENCRYPTION_KEYS is missing",
        "PORT",
        "RUN_WORKER",
        "PUBLIC_URL",
        "PROT is not",
    ):
        assert name in told
    assert "docs/settings.md" in told


def test_a_bad_value_is_not_repeated(nowhere):
    with pytest.raises(SettingsError) as error:
        load_settings({**GOOD, "WHENCE_ENCRYPTION_KEYS": "almost-a-secret"}, file=nowhere)
    assert "almost-a-secret" not in str(error.value)


def test_the_environment_wins_over_the_file(tmp_path: Path):
    file = tmp_path / "whence.env"
    file.write_text("# comment\nWHENCE_PORT=8001\nWHENCE_HOST='0.0.0.0'\n".replace("'", '"'))
    settings = load_settings({**GOOD, "WHENCE_PORT": "8002"}, file=file)
    assert (settings.port, settings.host) == (8002, "0.0.0.0")


def test_a_line_that_says_nothing_is_told_with_its_number(tmp_path: Path):
    file = tmp_path / "whence.env"
    file.write_text("WHENCE_PORT=8001\nport 8002\n")
    with pytest.raises(SettingsError, match="line 2"):
        load_settings(GOOD, file=file)


def test_a_secret_may_stand_in_a_file(tmp_path: Path, nowhere):
    secret = tmp_path / "key"
    secret.write_text(new_secret() + "\n")
    environment = {"WHENCE_SECRET_KEY": GOOD["WHENCE_SECRET_KEY"], "WHENCE_ENCRYPTION_KEYS_FILE": str(secret)}
    assert len(load_settings(environment, file=nowhere).keys) == 1


def test_a_secret_file_that_is_not_there_is_told(nowhere):
    environment = {**GOOD, "WHENCE_SECRET_KEY_FILE": "/nowhere/key"}
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(environment, file=nowhere)


def test_keys_rotate_newest_first(nowhere):
    old, new = new_secret(), new_secret()
    settings = load_settings({**GOOD, "WHENCE_ENCRYPTION_KEYS": f"{new},{old}"}, file=nowhere)
    assert len(settings.keys) == 2
