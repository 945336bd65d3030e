"""The command line as its user meets it."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from plugin.cli import main
from plugin.settings import load_settings
from plugin.store import projects
from plugin.store.database import Database
from plugin.web.auth import password_fits

ANSWERS = {
    "--url": "https://whence.example.com",
    "--site": "https://shop.example",
    "--number": "8 (999) 000-00-01",
    "--email": "Owner@Shop.Example",
    "--password": "a long password",
}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("WHENCE_")]:
        monkeypatch.delenv(name)

    def call(*words: str) -> Result:
        return CliRunner().invoke(main, list(words), catch_exceptions=False)

    return call


def init(run, **overrides: str) -> Result:
    answers = {**ANSWERS, **{f"--{name.replace('_', '-')}": value for name, value in overrides.items()}}
    return run("init", *[word for pair in answers.items() for word in pair])


def test_init_makes_everything_that_serve_needs(run, tmp_path: Path):
    result = init(run)
    assert result.exit_code == 0, result.output
    settings = load_settings({}, file=tmp_path / "whence.env")
    database = Database(settings.database_url)
    with database.read() as connection:
        (project,) = projects.all_projects(connection)
        user = projects.user_by_email(connection, "owner@shop.example")
        roles = projects.projects_of(connection, user.user_id)
    database.close()
    assert (project.name, project.origins) == ("shop.example", ("https://shop.example",))
    assert project.numbers[0].address == "79990000001"
    assert password_fits(user, "a long password")
    assert [role for _, role in roles] == ["owner"]


def test_the_settings_file_is_for_the_owner_only(run, tmp_path: Path):
    init(run)
    assert stat.S_IMODE((tmp_path / "whence.env").stat().st_mode) == 0o600


def test_init_twice_does_not_touch_the_keys(run, tmp_path: Path):
    init(run)
    before = (tmp_path / "whence.env").read_text()
    result = init(run)
    assert result.exit_code == 1
    assert "can sign in already" in result.output
    assert (tmp_path / "whence.env").read_text() == before


def test_init_tells_every_wrong_answer_at_once(run):
    result = init(run, site="shop", number="12", email="me", password="short", time_zone="Mars/Base")
    assert result.exit_code == 1
    for words in ("site's address", "WhatsApp number", "e-mail", "too short", "Mars/Base"):
        assert words in result.output


def test_without_settings_every_command_says_what_to_do(run):
    for command in ("serve", "worker", "check"):
        result = run(command)
        assert result.exit_code == 1
        assert "whence init" in result.output
        assert "Traceback" not in result.output


def test_check_tells_what_is_not_there_yet(run):
    init(run)
    result = run("check")
    assert result.exit_code == 1
    assert "ok    Database" in result.output
    assert "never heard of; paste the tag" in result.output


def test_manifest_prints_json(run):
    assert json.loads(run("manifest").output)["name"] == "whence"


def test_reread_takes_failed_webhooks_for_another_try(run, tmp_path: Path):
    init(run)
    database = Database(load_settings({}, file=tmp_path / "whence.env").database_url)
    with database.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO webhooks (project_id, webhook_id, connection_id, headers, body, received_at, state,"
            " attempts, due_at, error) VALUES ('p', 'w', 'c', '{}', 'x', 1, 'failed', 5, 1, 'KeyError')"
        )
    assert "1 webhooks will be read again" in run("reread").output
    with database.read() as connection:
        found = connection.exec_driver_sql("SELECT state, attempts FROM webhooks").one()
    database.close()
    assert tuple(found) == ("new", 0)
