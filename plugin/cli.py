"""The command line: init, serve, worker, reread, check, demo, manifest."""

from __future__ import annotations

import json
import os
import secrets
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from plugin.settings import PREFIX, Settings, SettingsError, load_settings, new_secret

SETTINGS_FILE = "whence.env"


class Plain(click.ClickException):
    """A problem told in plain words."""

    def show(self, file: Any = None) -> None:
        click.secho(self.format_message(), fg="red", err=True)


@click.group(help="Whence tells whence each messenger inquiry came.")
@click.version_option(package_name=None, version="0.1.0", prog_name="whence")
def main() -> None:
    """Run the command line."""


def _settings() -> Settings:
    try:
        return load_settings()
    except SettingsError as error:
        raise Plain(f"The settings are not right:\n{error}") from None


@main.command()
@click.option("--url", prompt="Address where Whence will be reached", help="e.g. https://whence.example.com")
@click.option("--site", prompt="Address of your site", help="e.g. https://shop.example")
@click.option("--name", default="", help="Name of the project; the site's host by default.")
@click.option("--number", prompt="WhatsApp number on the site", help="Any writing: +7 999 000-00-01")
@click.option("--email", prompt="Your e-mail, to sign in")
@click.option("--password", default="", help="At least 10 characters; made and shown when left out.")
@click.option(
    "--database", default="sqlite:///whence.db", show_default=True, help="postgresql://… when grown."
)
@click.option("--language", type=click.Choice(["ru", "en"]), default="ru", show_default=True)
@click.option("--currency", default="RUB", show_default=True)
@click.option("--time-zone", default="Europe/Moscow", show_default=True)
def init(**answers: str) -> None:
    """Write the settings file, make the database, the first project and its owner."""
    from plugin.setup import SetupError, set_up

    file = Path(os.environ.get(PREFIX + "SETTINGS", SETTINGS_FILE))
    if not file.exists():
        _write_settings(file, url=answers["url"], database=answers["database"])
        click.echo(
            f"Settings and keys are in {file}. Keep a copy: without the keys connections cannot be read."
        )
    password = answers["password"] or secrets.token_urlsafe(12)
    try:
        project = set_up(_settings(), answers={**answers, "password": password})
    except SetupError as error:
        raise Plain(str(error)) from None
    click.echo(f"Project “{project.name}” is ready.")
    click.echo(f"Sign in at {_settings().public_url}/login as {answers['email']}")
    if not answers["password"]:
        click.echo(f"Password (shown once): {password}")
    click.echo("Next: ./whence serve")


def _write_settings(file: Path, *, url: str, database: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise Plain("The address must start with http:// or https://")
    lines = [
        f"{PREFIX}PUBLIC_URL={url.rstrip('/')}",
        f"{PREFIX}DATABASE_URL={database}",
        f"{PREFIX}SECRET_KEY={new_secret()}",
        f"{PREFIX}ENCRYPTION_KEYS={new_secret()}",
    ]
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        out.write("\n".join(lines) + "\n")


@main.command()
@click.option("--host", default=None, help="Address to listen on.")
@click.option("--port", default=None, type=int, help="Port to listen on.")
@click.option("--worker/--no-worker", default=None, help="Run the delivery worker beside.")
def serve(host: str | None, port: int | None, worker: bool | None) -> None:
    """Serve the screens, the beacons and the webhooks; deliver beside."""
    from plugin import serving
    from plugin.logs import configure_logs

    _into_environment(HOST=host, PORT=port, RUN_WORKER=worker)
    settings = _settings()
    configure_logs(settings)
    _migrate(settings)
    click.echo(f"Whence is at {settings.public_url} (listening on {settings.host}:{settings.port})", err=True)
    serving.serve(settings)


@main.command()
def worker() -> None:
    """Deliver only: for machines of their own beside `serve --no-worker`."""
    from plugin import serving

    _migrate(_settings())
    serving.run_worker()


@main.command()
def reread() -> None:
    """Read again the webhooks that could not be read: after an update that learnt their form."""
    from plugin.parts import make_parts
    from plugin.store import messages
    from plugin.store.database import utc_now

    database = make_parts(_settings()).database
    with database.write() as connection:
        count = messages.read_again(connection, now=utc_now())
    database.close()
    click.echo(f"{count} webhooks will be read again by the worker.")


@main.command()
@click.option("--live/--no-live", default=True, help="Also ask every connected platform.")
def check(live: bool) -> None:
    """Look at settings, database and every connection; tell what is wrong and what to do."""
    from plugin.parts import make_parts
    from plugin.setup import check_all

    failed = False
    for ok, line in check_all(make_parts(_settings()), live=live):
        click.secho(("  ok    " if ok else "  FAIL  ") + line, fg=None if ok else "red")
        failed = failed or not ok
    sys.exit(1 if failed else 0)


@main.command()
@click.option("--port", default=8000, show_default=True, type=int)
@click.option("--folder", default="var/demo", show_default=True, help="Where the demo keeps its files.")
@click.option("--once", is_flag=True, help="Drive the journey, print it and end.")
def demo(port: int, folder: str, once: bool) -> None:
    """Show the whole journey on strict stand-ins of the platforms, then keep serving."""
    from sandbox.demo import run_demo

    run_demo(port=port, folder=Path(folder), once=once)


@main.command()
@click.option("--write", is_flag=True, help="Write manifest.json instead of printing it.")
def manifest(write: bool) -> None:
    """Make the plugin's manifest from the adapters' declarations."""
    from plugin.manifest import FILE, make_manifest

    text = json.dumps(make_manifest(), ensure_ascii=False, indent=2) + "\n"
    if write:
        FILE.write_text(text, encoding="utf-8")
    else:
        click.echo(text, nl=False)


def _into_environment(**values: Any) -> None:
    for name, value in values.items():
        if value is not None:
            os.environ[PREFIX + name] = str(value)


def _migrate(settings: Settings) -> None:
    from plugin.store.database import Database

    database = Database(settings.database_url)
    database.migrate()
    database.close()


if __name__ == "__main__":
    main(prog_name="whence")
