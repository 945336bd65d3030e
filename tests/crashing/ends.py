"""What must be true after any crash: one of everything, with its source, everywhere."""

from __future__ import annotations

from collections import Counter

from sandbox import ga4, metrica
from sandbox.amocrm.accounts import Account
from tests.crashing.lives import PHONE, Life
from tests.crashing.points import Story
from tests.stage import SOURCE_FIELDS, crm_of, lead_values, notes_of

NOTES = {Story.LATE_CLICK: ["Обращение из", "Источник обращения уточнён"]}


def look(life: Life) -> None:
    """Fail when anything was lost or done twice."""
    assert not life.charge.exists(), "nothing ever came to the point"
    _look_inside(life)
    _look_at_crm(life, crm_of(life.demo))
    _look_at_ga4(life)
    _look_at_metrica(life)


def _look_inside(life: Life) -> None:
    counts = {name: len(life.rows(name)) for name in ("visits", "clicks", "messages", "persons", "inquiries")}
    assert counts == dict.fromkeys(counts, 1)
    [inquiry] = life.rows("inquiries")
    assert (inquiry.how, inquiry.visit_id) == ("exact", life.rows("visits")[0].visit_id)
    platforms = {row.connection_id: row.platform for row in life.rows("connections")}
    rows = life.rows("deliveries")
    assert {row.state for row in rows} == {"delivered"}, [(row.state, row.error) for row in rows]
    events = Counter(platforms[row.connection_id] for row in rows if row.event == "inquiry_opened")
    assert events == {"amocrm": 1, "ga4": 1, "metrica": 1}


def _look_at_crm(life: Life, account: Account) -> None:
    [lead], [contact] = account.all("leads"), account.all("contacts")
    values = lead_values(lead)
    assert {code: values.get(code) for code in SOURCE_FIELDS} == SOURCE_FIELDS
    assert values["WHENCE_ID"] == life.rows("inquiries")[0].inquiry_id
    assert lead["_embedded"]["contacts"] == [{"id": contact["id"], "is_main": True}]
    assert contact["custom_fields_values"][0]["values"][0]["value"] == f"+{PHONE}"
    texts = notes_of(life.demo, lead)
    wanted = NOTES.get(life.point.story, ["Обращение из"])
    assert len(texts) == len(wanted), texts
    assert all(text.startswith(start) for text, start in zip(texts, wanted, strict=True)), texts


def _look_at_ga4(life: Life) -> None:
    states = Counter(event["state"] for event in ga4.received(life.demo.shelf))
    assert states["kept"] == 1
    assert states.total() - 1 == states["repeat"] <= int(life.point.repeats_ga4), states


def _look_at_metrica(life: Life) -> None:
    rows = metrica.received(life.demo.shelf)
    assert Counter(row["kind"] for row in rows) == {"BASIC": 1, "CHATS": 1}
    [conversion] = [row for row in rows if row["kind"] == "BASIC"]
    assert conversion["is_linked"]
