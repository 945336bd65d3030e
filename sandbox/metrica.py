"""Stand-in for Yandex Metrica: counter, goals, uploads of offline conversions and chats."""

from __future__ import annotations

import csv
import io
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request

from sandbox import faults
from sandbox.shelf import Shelf

COUNTER = "/management/v1/counter/<counter_id>"
STEPS = ("PREPARED", "UPLOADED", "EXPORTED", "MATCHED")
LINK_SECONDS = timedelta(days=21).total_seconds()
CHAT_GOAL = "Чат"
ID_COLUMNS = ("ClientId", "UserId", "Yclid", "PurchaseId")
PERSON_COLUMNS = ("PhoneNumber", "ChatUsername", "ChatUserID")
# type of the upload → (columns that must be there, columns that may be)
COLUMNS = {
    "BASIC": (("Target", "DateTime"), (*ID_COLUMNS, "Price", "Currency")),
    "CHATS": (("DateTime", "ChatPlatform"), (*ID_COLUMNS, *PERSON_COLUMNS)),
}
# column → what a filled cell looks like
CELLS = {
    "ClientId": re.compile(r"[0-9]{1,20}"),
    "Yclid": re.compile(r"\S{1,100}"),
    "DateTime": re.compile(r"[0-9]{1,10}"),
    "Price": re.compile(r"[0-9]+(\.[0-9]+)?"),
    "Currency": re.compile(r"[A-Z]{3}"),
    "ChatPlatform": re.compile(r"whatsapp|telegram|viber"),
    "PhoneNumber": re.compile(r"\+[1-9][0-9]{6,14}"),
}
COMMENT = re.compile(r"[0-9A-Za-zА-Яа-яЁё ]{0,255}")
# without a table of visits, ids of this form count as known
PLAUSIBLE = {"ClientId": re.compile(r"[0-9]{10,20}"), "Yclid": re.compile(r"[0-9]{10,20}")}

Row = dict[str, str]


class Refused(Exception):
    """An error answer in the platform's own words."""

    def __init__(self, status: int, error_type: str, message: str) -> None:
        super().__init__(message)
        self.status, self.error_type, self.message = status, error_type, message


def configure(
    shelf: Shelf,
    *,
    counter_id: str,
    token: str,
    goals: Sequence[str] = (),
    step_seconds: float = 2.0,
    permission: str = "edit",
    visits: Sequence[Mapping[str, Any]] | None = None,
    quota_status: int = 429,
    chats_as_list: bool = False,
) -> None:
    """Let a counter exist, opened by a token.

    `visits` are rows such as {"ClientId": "158…", "at": 1795420800}; without them every id of a plausible
    form is known. An upload goes one status further every `step_seconds`.
    """
    facts = {
        "counter_id": counter_id,
        "token": token,
        "permission": permission,
        "step_seconds": step_seconds,
        "visits": None if visits is None else [dict(visit) for visit in visits],
        "quota_status": quota_status,
        "chats_as_list": chats_as_list,
    }
    shelf.put("metrica/counters", counter_id, facts)
    for target in goals:
        _add_goal(shelf, counter_id, name=target, conditions=[{"type": "exact", "url": target}])


def received(shelf: Shelf) -> list[dict[str, Any]]:
    """Give every row that counts now, oldest first; a repeated row stands here once."""
    return shelf.all("metrica/rows")


def uploads(shelf: Shelf) -> list[dict[str, Any]]:
    """Give every upload with the status of this moment, oldest first."""
    counters = {facts["counter_id"]: facts for facts in shelf.all("metrica/counters")}
    return [_shown(one, counters[one["counter_id"]]) for one in shelf.all("metrica/uploads")]


def blueprint(shelf: Shelf) -> Blueprint:
    """Make the stand-in's endpoints and its page."""
    made = Blueprint("metrica", __name__)
    made.register_error_handler(Refused, _error)
    _add_counter_routes(made, shelf)
    _add_upload_routes(made, shelf)

    @made.get("/")
    def page() -> str:
        rows, reached = received(shelf), goals_reached(shelf)
        top = max((count for _, count in reached), default=0) or 1
        return render_template(
            "metrica.html", uploads=uploads(shelf)[::-1], rows=rows[::-1], reached=reached, top=top
        )

    return made


def _add_counter_routes(made: Blueprint, shelf: Shelf) -> None:
    @made.get(COUNTER)
    def counter(counter_id: str) -> Response:
        return _answer(shelf, counter_id, _counter_answer)

    @made.get(f"{COUNTER}/goals")
    def goals(counter_id: str) -> Response:
        return _answer(shelf, counter_id, lambda _: {"goals": shelf.all(f"metrica/goals/{counter_id}")})

    @made.post(f"{COUNTER}/goals")
    def create_goal(counter_id: str) -> Response:
        return _answer(shelf, counter_id, lambda _: {"goal": _create_goal(shelf, counter_id)}, writes=True)


def _add_upload_routes(made: Blueprint, shelf: Shelf) -> None:
    @made.post(f"{COUNTER}/offline_conversions/upload")
    def upload(counter_id: str) -> Response:
        return _answer(shelf, counter_id, lambda facts: _take(shelf, facts), writes=True)

    @made.get(f"{COUNTER}/offline_conversions/uploading/<int:upload_id>")
    def uploading(counter_id: str, upload_id: int) -> Response:
        return _answer(shelf, counter_id, lambda facts: {"uploading": _find(shelf, facts, upload_id)})

    @made.get(f"{COUNTER}/offline_conversions/uploadings")
    def uploadings(counter_id: str) -> Response:
        return _answer(shelf, counter_id, lambda _: {"uploadings": _of_counter(shelf, counter_id)})


def _answer(
    shelf: Shelf, counter_id: str, make: Callable[[dict[str, Any]], Any], *, writes: bool = False
) -> Response:
    fault = faults.current(shelf, "metrica")
    if fault == "drop":
        request.get_data()  # an unread body would leave the caller waiting for its time limit
        return faults.cut_connection()
    if fault == "slow":
        faults.slow()
    answered = jsonify(make(_counter(shelf, counter_id, fault=fault, writes=writes)))
    return faults.cut_connection() if fault == "drop-after" else answered


def goals_reached(shelf: Shelf) -> list[tuple[str, int]]:
    """Count the rows joined to a visit by goal, most reached first."""
    counts: dict[str, int] = {}
    for row in received(shelf):
        counts[row["goal"]] = counts.get(row["goal"], 0) + row["is_linked"]
    return sorted(counts.items(), key=lambda item: -item[1])


# --- who may ask ----------------------------------------------------------------------------------


def _counter(shelf: Shelf, counter_id: str, *, fault: str, writes: bool) -> dict[str, Any]:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    known_tokens = {facts["token"] for facts in shelf.all("metrica/counters")}
    facts: dict[str, Any] | None = shelf.get("metrica/counters", counter_id)
    quota_status = facts["quota_status"] if facts else 429
    # first match wins
    ladder = (
        (fault == "500", (500, "backend_error", "Internal error")),
        (fault == "429", (quota_status, "quota_requests_by_uid", "Quota exceeded")),
        (scheme != "OAuth" or not token, (401, "unauthorized", "Unauthorized")),
        (fault == "expired" or token not in known_tokens, (403, "invalid_token", "Invalid oauth_token")),
        (facts is None, (404, "not_found", "Entity not found")),
        (facts is not None and facts["token"] != token, (403, "access_denied", "Access is denied")),
        (writes and facts is not None and facts["permission"] == "view", (403, "access_denied", "Read only")),
    )
    for applies, answer in ladder:
        if applies:
            raise Refused(*answer)
    return facts or {}


def _error(error: Refused) -> Response:
    answer = jsonify(
        errors=[{"error_type": error.error_type, "message": error.message}],
        code=error.status,
        message=error.message,
    )
    answer.status_code = error.status
    return answer


def _counter_answer(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "counter": {
            "id": int(facts["counter_id"]),
            "name": "Demo shop",
            "site": "shop.example",
            "permission": facts["permission"],
            "status": "Active",
        }
    }


# --- goals ----------------------------------------------------------------------------------------


def _add_goal(
    shelf: Shelf, counter_id: str, *, name: str, conditions: list[Any], kind: str = "action"
) -> dict[str, Any]:
    kept: list[dict[str, Any]] = shelf.all(f"metrica/goals/{counter_id}")
    found = next((goal for goal in kept if goal["conditions"] == conditions and goal["name"] == name), None)
    if found:
        return found
    goal = {"id": shelf.next_id("metrica/goals"), "name": name, "type": kind, "conditions": conditions}
    shelf.put(f"metrica/goals/{counter_id}", goal["id"], goal)
    return goal


def _create_goal(shelf: Shelf, counter_id: str) -> dict[str, Any]:
    body = request.get_json(silent=True)
    goal = body.get("goal") if isinstance(body, dict) else None
    if not isinstance(goal, dict) or not goal.get("name") or not goal.get("conditions"):
        raise Refused(400, "invalid_json", "goal.name and goal.conditions are needed")
    if goal.get("type") != "action":
        raise Refused(400, "invalid_parameter", "This stand-in makes goals of the type action only")
    return _add_goal(shelf, counter_id, name=goal["name"], conditions=goal["conditions"])


# --- uploads --------------------------------------------------------------------------------------


def _take(shelf: Shelf, counter: Mapping[str, Any]) -> dict[str, Any]:
    kind = request.args.get("type", "BASIC")
    if kind not in COLUMNS:
        raise Refused(400, "invalid_parameter", f"Unknown type: {kind}")
    if not COMMENT.fullmatch(request.args.get("comment", "")):
        raise Refused(400, "invalid_parameter", "comment")
    if "file" not in request.files:
        raise Refused(400, "missing_parameter", "Part file is missing")
    rows = _read(request.files["file"].read(), kind=kind)
    with shelf.locked():
        upload = _keep(shelf, counter, rows, kind=kind)
    shown = _shown(upload, counter)
    return {"uploadings": [shown]} if kind == "CHATS" and counter["chats_as_list"] else {"uploading": shown}


def _read(content: bytes, *, kind: str) -> list[Row]:
    try:
        lines = list(csv.reader(io.StringIO(content.decode()), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise Refused(400, "invalid_uploading", "Not a CSV file in UTF-8") from error
    header, *bodies = lines or [[]]
    needed, optional = COLUMNS[kind]
    if not bodies or len(set(header)) != len(header) or not set(header) <= {*needed, *optional}:
        raise Refused(400, "invalid_uploading", "Unknown or repeated column, or no rows")
    if not set(needed) <= set(header):
        raise Refused(400, "invalid_uploading", f"Columns needed: {', '.join(needed)}")
    for number, cells in enumerate(bodies, start=2):
        _judge(
            dict(zip(header, cells, strict=False)),
            kind=kind,
            number=number,
            complete=len(cells) == len(header),
        )
    return [{name: cell for name, cell in zip(header, cells, strict=True) if cell} for cells in bodies]


def _judge(row: Row, *, kind: str, number: int, complete: bool) -> None:
    needed, _ = COLUMNS[kind]
    who = ID_COLUMNS if kind == "BASIC" else PERSON_COLUMNS
    bad = [name for name, form in CELLS.items() if row.get(name) and not form.fullmatch(row[name])]
    # first match wins
    ladder = (
        (not complete, "number of cells"),
        (not all(row.get(name) for name in needed), "empty cell"),
        (not any(row.get(name) for name in who), f"one of {', '.join(who)} is needed"),
        (bool(bad), f"bad {', '.join(bad)}"),
    )
    for applies, text in ladder:
        if applies:
            raise Refused(400, "invalid_uploading", f"Line {number}: {text}")
    if int(row["DateTime"]) > time.time():
        raise Refused(400, "invalid_uploading", f"Line {number}: DateTime is in the future")


def _keep(shelf: Shelf, counter: Mapping[str, Any], rows: Iterable[Row], *, kind: str) -> dict[str, Any]:
    upload_id = shelf.next_id("metrica/uploads")
    targets = _targets(shelf, counter["counter_id"])
    if kind == "CHATS":
        _add_goal(shelf, counter["counter_id"], name=CHAT_GOAL, conditions=[], kind="chat")
    kept = [_row(counter, row, kind=kind, targets=targets, upload_id=upload_id) for row in rows]
    for row in kept:
        before = shelf.get("metrica/rows", row["key"])
        shelf.put("metrica/rows", row["key"], {**row, "sent": before["sent"] + 1 if before else 1})
    upload = {
        "id": upload_id,
        "counter_id": counter["counter_id"],
        "type": kind,
        "created": time.time(),
        "source_quantity": len(kept),
        "linked_quantity": sum(row["is_linked"] for row in kept),
        "goal_not_found_quantity": sum(not row["is_goal_known"] for row in kept),
        "user_not_found_quantity": sum(bool(row["id"]) and not row["has_visit"] for row in kept),
        "has_ids": any(row["id"] for row in kept),
        "rows": [row["key"] for row in kept],
    }
    shelf.put("metrica/uploads", upload_id, upload)
    return upload


def _targets(shelf: Shelf, counter_id: str) -> set[str]:
    goals = shelf.all(f"metrica/goals/{counter_id}")
    return {one["url"] for goal in goals for one in goal["conditions"] if one.get("type") == "exact"}


def _row(
    counter: Mapping[str, Any], cells: Row, *, kind: str, targets: set[str], upload_id: int
) -> dict[str, Any]:
    column = next((name for name in ID_COLUMNS if cells.get(name)), "")
    anchor = f"{column}:{cells[column]}" if column else ""
    person = next((cells[name] for name in PERSON_COLUMNS if cells.get(name)), "")
    goal = cells["Target"] if kind == "BASIC" else CHAT_GOAL
    is_goal_known = kind == "CHATS" or goal in targets
    has_visit = bool(column) and _has_visit(counter["visits"], cells, column)
    return {
        # what makes two rows one: the same id, goal and time
        "key": " ".join((counter["counter_id"], kind, anchor or person, goal, cells["DateTime"])),
        "kind": kind,
        "goal": goal,
        "id": anchor,
        "happened_at": datetime.fromtimestamp(int(cells["DateTime"]), UTC).isoformat(),
        "cells": cells,
        "upload_id": upload_id,
        "is_goal_known": is_goal_known,
        "has_visit": has_visit,
        "is_linked": is_goal_known and has_visit,
    }


def _has_visit(visits: Sequence[Mapping[str, Any]] | None, cells: Row, column: str) -> bool:
    if visits is None:
        return column in PLAUSIBLE and bool(PLAUSIBLE[column].fullmatch(cells[column]))
    happened, now = int(cells["DateTime"]), time.time()
    return any(
        visit["at"] <= happened and max(happened, now) - visit["at"] <= LINK_SECONDS
        for visit in visits
        if visit.get(column) == cells[column]
    )


def _find(shelf: Shelf, counter: Mapping[str, Any], upload_id: int) -> dict[str, Any]:
    found = shelf.get("metrica/uploads", upload_id)
    if found is None or found["counter_id"] != counter["counter_id"]:
        raise Refused(404, "not_found", "Entity not found")
    return _shown(found, counter)


def _of_counter(shelf: Shelf, counter_id: str) -> list[dict[str, Any]]:
    return [one for one in uploads(shelf) if one["counter_id"] == counter_id]


def _shown(upload: Mapping[str, Any], counter: Mapping[str, Any]) -> dict[str, Any]:
    step_seconds, age_seconds = counter["step_seconds"], time.time() - upload["created"]
    step = int(age_seconds / step_seconds) + 1 if step_seconds else len(STEPS)
    last = "PROCESSED" if upload["linked_quantity"] or not upload["has_ids"] else "LINKAGE_FAILURE"
    is_done = step >= len(STEPS)
    counted = ("linked_quantity", "goal_not_found_quantity", "user_not_found_quantity")
    return {
        "id": upload["id"],
        "counter_id": upload["counter_id"],
        "create_time": datetime.fromtimestamp(upload["created"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "source_quantity": upload["source_quantity"],
        "line_quantity": upload["source_quantity"],
        "comment": "",
        "type": upload["type"],
        "client_id_type": "CLIENT_ID",
        "status": last if is_done else STEPS[step],
        **{name: upload[name] if is_done else 0 for name in counted},
    }
