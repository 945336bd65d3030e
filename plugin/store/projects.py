"""Projects, their numbers and phrases, and who may look at them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from plugin.store.database import new_id
from plugin.store.tables import audit, memberships, numbers, phrases, projects, users


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    number_id: str
    network: str
    address: str
    label: str
    is_tracked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrase:
    phrase_id: str
    page: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    project_id: str
    name: str
    public_key: str
    origins: tuple[str, ...]
    currency: str
    time_zone: str
    language: str
    phrase: str
    template: str
    consent: str
    tag_rules: tuple[Mapping[str, str], ...]
    depth_days: int
    dialogue_gap_hours: int
    window_days: int
    wait_seconds: int
    created_at: datetime
    numbers: tuple[Number, ...] = ()
    phrases: tuple[Phrase, ...] = ()

    def number(self, address: str) -> Number | None:
        """Give the project's number with these digits."""
        return next((number for number in self.numbers if number.address == address), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    user_id: str
    email: str
    name: str
    password_hash: str
    language: str


def new_public_key() -> str:
    """Mint the key that stands in the tag: public, but not to be guessed by counting."""
    return "pk_" + secrets.token_hex(8)


def add_project(connection: Connection, *, name: str, now: datetime, **values: Any) -> Project:
    """Make a project; `values` are columns of `projects`."""
    project_id = values.pop("project_id", None) or new_id()
    row = {
        "project_id": project_id,
        "name": name,
        "public_key": new_public_key(),
        "created_at": now,
        **values,
    }
    connection.execute(insert(projects).values(row))
    found = project(connection, project_id)
    if found is None:
        raise RuntimeError("the project just made is not there")
    return found


def change_project(connection: Connection, project_id: str, **values: Any) -> None:
    """Change columns of a project."""
    connection.execute(update(projects).where(projects.c.project_id == project_id).values(values))


def project(connection: Connection, project_id: str) -> Project | None:
    """Give a project with its numbers and phrases."""
    row = connection.execute(select(projects).where(projects.c.project_id == project_id)).first()
    return None if row is None else _whole(connection, row)


def project_by_key(connection: Connection, public_key: str) -> Project | None:
    """Give the project whose key stands in a tag."""
    row = connection.execute(select(projects).where(projects.c.public_key == public_key)).first()
    return None if row is None else _whole(connection, row)


def all_projects(connection: Connection) -> list[Project]:
    """Give every project, oldest first."""
    rows = connection.execute(select(projects).order_by(projects.c.created_at, projects.c.project_id))
    return [_whole(connection, row) for row in rows.all()]


def projects_of(connection: Connection, user_id: str) -> list[tuple[Project, str]]:
    """Give the projects that a user may look at, each with the user's role."""
    query = (
        select(projects, memberships.c.role)
        .join(memberships, memberships.c.project_id == projects.c.project_id)
        .where(memberships.c.user_id == user_id)
        .order_by(projects.c.name, projects.c.project_id)
    )
    return [(_whole(connection, row), row.role) for row in connection.execute(query).all()]


def add_number(
    connection: Connection,
    project_id: str,
    *,
    address: str,
    label: str,
    now: datetime,
    is_tracked: bool = True,
) -> str:
    """Add a WhatsApp number (E.164 digits) and give its id."""
    number_id = new_id()
    connection.execute(
        insert(numbers).values(
            project_id=project_id,
            number_id=number_id,
            network="whatsapp",
            address=address,
            label=label,
            is_tracked=is_tracked,
            created_at=now,
        )
    )
    return number_id


def change_number(connection: Connection, project_id: str, number_id: str, **values: Any) -> None:
    """Change a number's label, address or tracking."""
    connection.execute(
        update(numbers)
        .where(numbers.c.project_id == project_id, numbers.c.number_id == number_id)
        .values(values)
    )


def remove_number(connection: Connection, project_id: str, number_id: str) -> None:
    """Forget a number; its inquiries keep the digits."""
    connection.execute(
        delete(numbers).where(numbers.c.project_id == project_id, numbers.c.number_id == number_id)
    )


def set_phrases(connection: Connection, project_id: str, wanted: list[tuple[str, str]]) -> None:
    """Replace the phrases by (page pattern, text), in order."""
    connection.execute(delete(phrases).where(phrases.c.project_id == project_id))
    for position, (page, text) in enumerate(wanted):
        connection.execute(
            insert(phrases).values(
                project_id=project_id, phrase_id=new_id(), position=position, page=page, text=text
            )
        )


def add_user(
    connection: Connection,
    *,
    email: str,
    password_hash: str,
    now: datetime,
    name: str = "",
    language: str = "",
) -> User:
    """Make a user; the e-mail address is kept in lower case."""
    user_id = new_id()
    connection.execute(
        insert(users).values(
            user_id=user_id,
            email=email.strip().lower(),
            name=name,
            password_hash=password_hash,
            language=language,
            created_at=now,
        )
    )
    found = user(connection, user_id)
    if found is None:
        raise RuntimeError("the user just made is not there")
    return found


def change_user(connection: Connection, user_id: str, **values: Any) -> None:
    """Change columns of a user."""
    connection.execute(update(users).where(users.c.user_id == user_id).values(values))


def user(connection: Connection, user_id: str) -> User | None:
    """Give a user."""
    return _user(connection.execute(select(users).where(users.c.user_id == user_id)).first())


def user_by_email(connection: Connection, email: str) -> User | None:
    """Give the user who signs in with this address."""
    query = select(users).where(users.c.email == email.strip().lower())
    return _user(connection.execute(query).first())


def set_role(connection: Connection, project_id: str, *, user_id: str, role: str) -> None:
    """Let a user into a project as owner, manager or viewer."""
    connection.execute(
        delete(memberships).where(memberships.c.project_id == project_id, memberships.c.user_id == user_id)
    )
    connection.execute(insert(memberships).values(project_id=project_id, user_id=user_id, role=role))


def write_audit(
    connection: Connection,
    project_id: str,
    *,
    user_id: str,
    action: str,
    facts: Mapping[str, Any],
    now: datetime,
) -> None:
    """Note who changed what; `facts` hold no secrets."""
    connection.execute(
        insert(audit).values(
            project_id=project_id,
            audit_id=new_id(),
            user_id=user_id,
            action=action,
            facts=dict(facts),
            at=now,
        )
    )


def _whole(connection: Connection, row: Row[Any]) -> Project:
    project_id = row.project_id
    bare = Project(
        **{name: getattr(row, name) for name in _PLAIN},
        origins=tuple(row.origins),
        tag_rules=tuple(row.tag_rules),
    )
    found_numbers = connection.execute(
        select(numbers)
        .where(numbers.c.project_id == project_id)
        .order_by(numbers.c.created_at, numbers.c.number_id)
    )
    found_phrases = connection.execute(
        select(phrases).where(phrases.c.project_id == project_id).order_by(phrases.c.position)
    )
    return replace(
        bare,
        numbers=tuple(
            Number(
                number_id=n.number_id,
                network=n.network,
                address=n.address,
                label=n.label,
                is_tracked=n.is_tracked,
            )
            for n in found_numbers
        ),
        phrases=tuple(Phrase(phrase_id=p.phrase_id, page=p.page, text=p.text) for p in found_phrases),
    )


_PLAIN = (
    "project_id",
    "name",
    "public_key",
    "currency",
    "time_zone",
    "language",
    "phrase",
    "template",
    "consent",
    "depth_days",
    "dialogue_gap_hours",
    "window_days",
    "wait_seconds",
    "created_at",
)


def _user(row: Row[Any] | None) -> User | None:
    if row is None:
        return None
    return User(
        user_id=row.user_id,
        email=row.email,
        name=row.name,
        password_hash=row.password_hash,
        language=row.language,
    )
