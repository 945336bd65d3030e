"""The first installation, and the check of one that stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy.exc import SQLAlchemyError

from adapters.base import AdapterError
from plugin.parts import Parts, make_parts
from plugin.phones import normalise
from plugin.settings import Settings
from plugin.store import projects, visits
from plugin.store.connections import PlatformConnection
from plugin.store.database import utc_now
from plugin.store.projects import Project
from plugin.store.secrets import CannotDecrypt
from plugin.web.auth import hash_password

MIN_PASSWORD_CHARS = 10


class SetupError(Exception):
    """What is wrong with the answers, a line each."""


def set_up(settings: Settings, *, answers: Mapping[str, str]) -> Project:
    """Make the tables, a project and its owner; raises SetupError that lists every problem."""
    facts = _checked(answers)
    database = make_parts(settings).database
    database.migrate()
    now = utc_now()
    with database.write() as connection:
        if projects.user_by_email(connection, answers["email"]) is not None:
            raise SetupError(f"{answers['email']} can sign in already; add further projects on the screens.")
        user = projects.add_user(
            connection,
            email=answers["email"],
            password_hash=hash_password(answers["password"]),
            language=answers["language"],
            now=now,
        )
        project = projects.add_project(
            connection,
            name=answers["name"] or facts["host"],
            origins=[facts["origin"]],
            currency=answers["currency"].upper(),
            time_zone=answers["time_zone"],
            language=answers["language"],
            phrase="Здравствуйте!" if answers["language"] == "ru" else "Hello!",
            now=now,
        )
        projects.add_number(connection, project.project_id, address=facts["number"], label="sales", now=now)
        projects.set_role(connection, project.project_id, user_id=user.user_id, role="owner")
    database.close()
    return project


def _checked(answers: Mapping[str, str]) -> dict[str, str]:
    problems = []
    site = urlsplit(answers["site"] if "://" in answers["site"] else f"https://{answers['site']}")
    if not site.hostname or ("." not in site.hostname and site.hostname != "localhost"):
        problems.append("The site's address is not one: expected https://shop.example")
    if "@" not in answers["email"]:
        problems.append("The e-mail address is not one.")
    if len(answers["password"]) < MIN_PASSWORD_CHARS:
        problems.append(f"The password is too short: {MIN_PASSWORD_CHARS} characters or more.")
    number = ""
    try:
        number = normalise(answers["number"], region="RU")
    except ValueError as error:
        problems.append(f"The WhatsApp number: {error}")
    try:
        ZoneInfo(answers["time_zone"])
    except (ZoneInfoNotFoundError, ValueError):
        problems.append(f"{answers['time_zone']} is not a time zone: expected e.g. Europe/Moscow")
    if problems:
        raise SetupError("\n".join(problems))
    return {"host": site.hostname or "", "origin": f"{site.scheme}://{site.netloc}", "number": number}


def check_all(parts: Parts, *, live: bool) -> Iterator[tuple[bool, str]]:
    """Give (fine, sentence) for the database, each project's snippet and each connection."""
    try:
        is_current = parts.database.is_current()
    except SQLAlchemyError as error:
        yield False, f"The database cannot be reached ({type(error).__name__}). See WHENCE_DATABASE_URL."
        return
    yield (
        is_current,
        "Database" + ("" if is_current else " is of an older version; start `whence serve` once."),
    )
    if not is_current:
        return
    with parts.database.read() as connection:
        found = projects.all_projects(connection)
    if not found:
        yield False, "There is no project yet. Run `whence init`."
    for project in found:
        yield from _check_project(parts, project, live=live)


def _check_project(parts: Parts, project: Project, *, live: bool) -> Iterator[tuple[bool, str]]:
    with parts.database.read() as connection:
        seen_at = visits.last_visit_at(connection, project.project_id)
    is_fresh = seen_at is not None and utc_now() - seen_at < timedelta(days=1)
    seen = f"last heard of {seen_at:%Y-%m-%d %H:%M} UTC" if seen_at else "never heard of; paste the tag"
    yield is_fresh, f"{project.name}: snippet {seen}"
    yield (
        bool(project.origins),
        f"{project.name}: sites {', '.join(project.origins) or 'none: every beacon is dropped'}",
    )
    try:
        connections = parts.connections.of_project(project.project_id)
    except CannotDecrypt:
        yield False, f"{project.name}: connections cannot be decrypted; WHENCE_ENCRYPTION_KEYS changed."
        return
    for connection in connections:
        yield from _check_connection(parts, project, connection, live=live)


def _check_connection(
    parts: Parts, project: Project, connection: PlatformConnection, *, live: bool
) -> Iterator[tuple[bool, str]]:
    name = f"{project.name}: {connection.label or connection.platform}"
    if connection.is_paused:
        because = connection.paused_because
        yield False, f"{name} is paused: {str(because.get('text', '')).format(**because.get('params', {}))}"
    if not live:
        return
    try:
        for finding in parts.adapter(connection).check():
            yield finding.ok, f"{name}: {finding.text.format(**finding.params)}"
    except AdapterError as error:
        yield False, f"{name}: {error}"
