"""Persons and their handles."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from plugin.store.database import new_id
from plugin.store.tables import handles, persons

Handle = tuple[str, str]  # (kind, value): ("phone", "79991234567"), ("bsuid", "KZ.9001…")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPerson:
    person_id: str
    name: str
    phone: str
    username: str
    handles: dict[str, str]


def persons_by_handles(
    connection: Connection, project_id: str, wanted: Iterable[Handle]
) -> dict[Handle, str]:
    """Give handle → person id for the handles that are known."""
    keys = sorted(set(wanted))
    if not keys:
        return {}
    query = select(handles.c.kind, handles.c.value, handles.c.person_id).where(
        handles.c.project_id == project_id, tuple_(handles.c.kind, handles.c.value).in_(keys)
    )
    return {(kind, value): person_id for kind, value, person_id in connection.execute(query)}


def take_turn(connection: Connection, project_id: str, wanted: Iterable[Handle]) -> None:
    """Let nobody else take in a message of the same person until this transaction ends.

    Two workers that read two first messages at once would make two persons. SQLite has one writer anyway.
    """
    if connection.dialect.name != "postgresql":
        return
    for kind, value in sorted(set(wanted)):  # in one order for all, so that no two wait for each other
        key = func.hashtextextended(f"{project_id} {kind} {value}", 0)
        connection.execute(select(func.pg_advisory_xact_lock(key)))


def add_person(
    connection: Connection, project_id: str, *, name: str, phone: str, username: str, now: datetime
) -> str:
    """Make a person and give the id."""
    person_id = new_id()
    connection.execute(
        insert(persons).values(
            project_id=project_id,
            person_id=person_id,
            name=name,
            phone=phone,
            username=username,
            created_at=now,
        )
    )
    return person_id


def add_handles(
    connection: Connection, project_id: str, person_id: str, *, wanted: Iterable[Handle], now: datetime
) -> None:
    """Give a person handles; one that belongs to another person stays there."""
    make: Any = (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(handles)
    rows = [
        {"project_id": project_id, "kind": kind, "value": value, "person_id": person_id, "created_at": now}
        for kind, value in sorted(set(wanted))
    ]
    if rows:
        connection.execute(make.on_conflict_do_nothing(index_elements=list(handles.primary_key)), rows)


def complete_person(
    connection: Connection, project_id: str, person_id: str, *, name: str, phone: str, username: str
) -> None:
    """Fill what was not known of a person; a name that people see is renewed, a phone is not replaced."""
    known = person(connection, project_id, person_id)
    if known is None:
        return
    values = {
        "name": name or known.name,
        "phone": known.phone or phone,
        "username": username or known.username,
    }
    connection.execute(
        update(persons)
        .where(persons.c.project_id == project_id, persons.c.person_id == person_id)
        .values(values)
    )


def person(connection: Connection, project_id: str, person_id: str) -> StoredPerson | None:
    """Give a person with all handles."""
    row = connection.execute(
        select(persons).where(persons.c.project_id == project_id, persons.c.person_id == person_id)
    ).first()
    if row is None:
        return None
    found = connection.execute(
        select(handles.c.kind, handles.c.value)
        .where(handles.c.project_id == project_id, handles.c.person_id == person_id)
        .order_by(handles.c.created_at.desc(), handles.c.kind)
    )
    return StoredPerson(
        person_id=row.person_id,
        name=row.name,
        phone=row.phone,
        username=row.username,
        handles={row.kind: row.value for row in found},
    )
