"""Visits and clicks: what the snippet reported, and the questions that matching asks of it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select
from sqlalchemy.dialects import postgresql, sqlite

from plugin.domain.visit import Click, Touch, Visit
from plugin.store.tables import clicks, drops, from_micros, to_micros, visits
from plugin.store.writer import Upsert

SAVE_VISIT = Upsert(visits)
# a click knows more than the session's beacon did: analytics ids appear late
REFRESH_VISIT = Upsert(visits, refresh=("facts",))
SAVE_CLICK = Upsert(clicks)


def visit_row(project_id: str, visit: Visit, *, received_at: datetime) -> dict[str, Any]:
    """Give the visit as the driver takes it."""
    return {
        "project_id": project_id,
        "visit_id": visit.visit_id,
        "visitor_id": visit.visitor_id,
        "started_at": to_micros(visit.started_at),
        "received_at": to_micros(received_at),
        "landing_url": visit.landing_url,
        "referrer": visit.referrer,
        "user_agent": visit.user_agent,
        "facts": json.dumps(_facts(visit), ensure_ascii=False),
    }


def click_row(project_id: str, click: Click, *, received_at: datetime) -> dict[str, Any]:
    """Give the click as the driver takes it."""
    return {
        "project_id": project_id,
        "click_id": click.click_id,
        "visit_id": click.visit_id,
        "network": click.network,
        "number": click.number,
        "reference": click.reference,
        "clicked_at": to_micros(click.clicked_at),
        "received_at": to_micros(received_at),
        "page_url": click.page_url,
        "page_title": click.page_title,
        "phrase": click.phrase,
    }


def clicks_by_reference(
    connection: Connection,
    project_id: str,
    *,
    references: Collection[str],
    number: str,
    since: datetime,
    until: datetime,
) -> list[Click]:
    """Give the clicks on this number with one of these references, oldest first.

    `number` may be empty when the platform does not say which number was written to.
    """
    if not references:
        return []
    query = (
        select(clicks)
        .where(
            clicks.c.project_id == project_id,
            clicks.c.reference.in_(sorted(references)),
            clicks.c.clicked_at >= since,
            clicks.c.clicked_at <= until,
        )
        .order_by(clicks.c.clicked_at, clicks.c.click_id)
    )
    if number:
        query = query.where(clicks.c.number == number)
    return [_click(row) for row in connection.execute(query)]


def visits_by_id(connection: Connection, project_id: str, ids: Iterable[str]) -> dict[str, Visit]:
    """Give visits by their ids; an unknown id is left out."""
    query = select(visits).where(visits.c.project_id == project_id, visits.c.visit_id.in_(sorted(set(ids))))
    return {row.visit_id: _visit(row) for row in connection.execute(query)}


def visit(connection: Connection, project_id: str, visit_id: str) -> Visit | None:
    """Give a visit."""
    return visits_by_id(connection, project_id, [visit_id]).get(visit_id)


def click(connection: Connection, project_id: str, click_id: str) -> Click | None:
    """Give a click."""
    query = select(clicks).where(clicks.c.project_id == project_id, clicks.c.click_id == click_id)
    row = connection.execute(query).first()
    return None if row is None else _click(row)


def last_visit_at(connection: Connection, project_id: str) -> datetime | None:
    """Tell when the snippet was last heard of."""
    query = select(func.max(visits.c.received_at)).where(visits.c.project_id == project_id)
    found: datetime | None = connection.execute(query).scalar()
    return found


def count_drop(
    connection: Connection, project_id: str, *, day: str, reason: str, example: str = "", count: int = 1
) -> None:
    """Count a refused beacon of a day ("2026-11-23") by its reason."""
    insert: Any = (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(drops)
    statement = insert.values(project_id=project_id, day=day, reason=reason, count=count, example=example)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=list(drops.primary_key),
            set_={"count": drops.c.count + count, "example": statement.excluded.example},
        )
    )


def drops_since(connection: Connection, project_id: str, day: str) -> list[tuple[str, int, str]]:
    """Give (reason, count, last example) since a day, most frequent first."""
    total = func.sum(drops.c.count)
    query = (
        select(drops.c.reason, total, func.max(drops.c.example))
        .where(drops.c.project_id == project_id, drops.c.day >= day)
        .group_by(drops.c.reason)
        .order_by(total.desc())
    )
    return [(reason, int(count), example) for reason, count, example in connection.execute(query)]


def _facts(visit: Visit) -> dict[str, Any]:
    facts = {
        "before": visit.visits_before,
        "first": _touch_out(visit.first_touch),
        "last": _touch_out(visit.last_touch),
        "clicks": dict(visit.click_ids),
        "ids": dict(visit.analytics_ids),
        "utm": dict(visit.utm),
        "screen": visit.screen,
        "lang": visit.language,
        "zone": visit.time_zone,
        "consent": dict(visit.consent),
    }
    return {name: value for name, value in facts.items() if value}


def _touch_out(touch: Touch | None) -> list[Any] | None:
    return None if touch is None else [to_micros(touch.at), touch.landing_url, touch.referrer]


def _touch_in(value: list[Any] | None) -> Touch | None:
    return None if not value else Touch(at=from_micros(value[0]), landing_url=value[1], referrer=value[2])


def _visit(row: Row[Any]) -> Visit:
    facts: Mapping[str, Any] = row.facts
    return Visit(
        visit_id=row.visit_id,
        visitor_id=row.visitor_id,
        started_at=row.started_at,
        landing_url=row.landing_url,
        referrer=row.referrer,
        user_agent=row.user_agent,
        visits_before=facts.get("before", 0),
        first_touch=_touch_in(facts.get("first")),
        last_touch=_touch_in(facts.get("last")),
        click_ids=facts.get("clicks", {}),
        analytics_ids=facts.get("ids", {}),
        utm=facts.get("utm", {}),
        screen=facts.get("screen", ""),
        language=facts.get("lang", ""),
        time_zone=facts.get("zone", ""),
        consent=facts.get("consent", {}),
    )


def _click(row: Row[Any]) -> Click:
    return Click(
        click_id=row.click_id,
        visit_id=row.visit_id,
        network=row.network,
        number=row.number,
        reference=row.reference,
        clicked_at=row.clicked_at,
        page_url=row.page_url,
        page_title=row.page_title,
        phrase=row.phrase,
    )
