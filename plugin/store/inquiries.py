"""Inquiries: opened once, their match and source changed only by a better match."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from plugin.store.tables import inquiries


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """A row of the journal. `facts` holds the frozen source, visit, click and ad referral."""

    project_id: str
    inquiry_id: str
    person_id: str
    network: str
    number: str
    opened_at: datetime
    created_at: datetime
    last_message_at: datetime
    is_repeat: bool = False
    text: str = ""
    visit_id: str = ""
    click_id: str = ""
    reference: str = ""
    how: str = "none"
    confidence: float = 0.0
    because: Mapping[str, Any] = field(default_factory=dict)
    is_shared: bool = False
    channel: str = ""
    source: str = ""
    medium: str = ""
    campaign: str = ""
    ad: str = ""
    keyword: str = ""
    page_url: str = ""
    phrase: str = ""
    tags: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


COLUMNS = tuple(Inquiry.__dataclass_fields__)
MATCH_COLUMNS = (
    "visit_id",
    "click_id",
    "reference",
    "how",
    "confidence",
    "because",
    "is_shared",
    "channel",
    "source",
    "medium",
    "campaign",
    "ad",
    "keyword",
    "page_url",
    "phrase",
    "tags",
    "facts",
)


def add_inquiry(connection: Connection, inquiry: Inquiry) -> None:
    """Keep a new inquiry."""
    connection.execute(insert(inquiries).values(_row(inquiry, COLUMNS)))


def change_match(connection: Connection, inquiry: Inquiry) -> None:
    """Store the match and source of an inquiry; who, when and first text stay."""
    connection.execute(
        update(inquiries)
        .where(*_is(inquiry.project_id, inquiry.inquiry_id))
        .values(_row(inquiry, (*MATCH_COLUMNS, "text")))
    )


def touch_inquiry(connection: Connection, project_id: str, inquiry_id: str, *, at: datetime) -> None:
    """Note a later message of the dialogue; an older one changes nothing."""
    connection.execute(
        update(inquiries)
        .where(*_is(project_id, inquiry_id), inquiries.c.last_message_at < at)
        .values(last_message_at=at)
    )


def inquiry(connection: Connection, project_id: str, inquiry_id: str) -> Inquiry | None:
    """Give an inquiry."""
    row = connection.execute(select(inquiries).where(*_is(project_id, inquiry_id))).first()
    return None if row is None else _inquiry(row)


def latest(connection: Connection, project_id: str) -> Inquiry | None:
    """Give the inquiry opened last."""
    query = select(inquiries).where(inquiries.c.project_id == project_id)
    row = connection.execute(query.order_by(inquiries.c.created_at.desc()).limit(1)).first()
    return None if row is None else _inquiry(row)


def inquiries_of(
    connection: Connection, project_id: str, person_id: str, *, number: str | None = None
) -> list[Inquiry]:
    """Give a person's inquiries, oldest first; with `number`, those on that number."""
    query = select(inquiries).where(inquiries.c.project_id == project_id, inquiries.c.person_id == person_id)
    if number is not None:
        query = query.where(inquiries.c.number == number)
    query = query.order_by(inquiries.c.opened_at, inquiries.c.inquiry_id)
    return [_inquiry(row) for row in connection.execute(query)]


def persons_with_reference(connection: Connection, project_id: str, reference: str) -> set[str]:
    """Give the persons whose inquiries were matched by this reference."""
    query = select(inquiries.c.person_id).where(
        inquiries.c.project_id == project_id, inquiries.c.reference == reference, inquiries.c.visit_id != ""
    )
    return set(connection.execute(query).scalars())


def unmatched_with_reference(connection: Connection, *, since: datetime, limit: int = 200) -> list[Inquiry]:
    """Give inquiries that carry a valid reference whose click has not been heard of, newest first."""
    query = (
        select(inquiries)
        .where(
            inquiries.c.how == "none",
            inquiries.c.reference != "",
            inquiries.c.opened_at >= since,
        )
        .order_by(inquiries.c.opened_at.desc())
        .limit(limit)
    )
    return [_inquiry(row) for row in connection.execute(query)]


def _row(inquiry: Inquiry, names: Collection[str]) -> dict[str, Any]:
    row = {name: getattr(inquiry, name) for name in names}
    for name in ("because", "facts"):
        if name in row:
            row[name] = dict(row[name])
    if "tags" in row:
        row["tags"] = list(row["tags"])
    return row


def _inquiry(row: Row[Any]) -> Inquiry:
    values = {name: getattr(row, name) for name in COLUMNS}
    return Inquiry(**{**values, "tags": tuple(values["tags"])})


def _is(project_id: str, inquiry_id: str) -> tuple[Any, Any]:
    return inquiries.c.project_id == project_id, inquiries.c.inquiry_id == inquiry_id
