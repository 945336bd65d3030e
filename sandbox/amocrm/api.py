"""The REST API, version 4: one table of routes, every refusal in the platform's shape."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, request

from sandbox import faults
from sandbox.amocrm import reading, writing
from sandbox.amocrm.accounts import Account, account_of
from sandbox.amocrm.problems import Problem, answer
from sandbox.shelf import Shelf

RETRY_AFTER_SECONDS = 2

METHODS = ["GET", "POST", "PATCH", "DELETE", "PUT"]

Handler = Callable[..., Any]


def add_routes(blueprint: Blueprint, shelf: Shelf) -> None:
    """Add the API of every account."""

    @blueprint.route("/<sub>/api/v4/<path:path>", methods=METHODS)
    def api(sub: str, path: str) -> Response:
        fault = faults.current(shelf, "amocrm")
        if fault == "drop":
            return faults.cut_connection()
        try:
            _fail(fault)
            account = _admitted(shelf, sub)
            made = _handle(account, path)
        except Problem as problem:
            made = problem.answer()
        return faults.cut_connection() if fault == "drop-after" else made


def _fail(fault: str) -> None:
    if fault == "slow":
        faults.slow()
    if fault == "429":
        raise Problem(429, "Slow down", retry_after=RETRY_AFTER_SECONDS)
    if fault == "500":
        raise Problem(500, "Something broke")
    if fault == "expired":
        raise Problem(401, "Token has expired")


def _admitted(shelf: Shelf, sub: str) -> Account:
    account = account_of(shelf, sub)
    if account is None:
        raise Problem(404, "Account not found")
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    grant = shelf.get("amocrm/tokens", token) if scheme == "Bearer" else None
    if not grant or grant["account_id"] != account.facts["id"] or grant["expires_at"] < time.time():
        raise Problem(401, "Token is not valid")
    if not account.facts["is_paid"]:
        raise Problem(402, "Account is not paid")
    if account.facts["rate"]:
        _count(account)
    return account


def _count(account: Account) -> None:
    with account.shelf.locked():
        second = int(time.time())
        counted = account.get("setup", "pace", [second, 0])
        calls = counted[1] + 1 if counted[0] == second else 1
        account.put("setup", "pace", [second, calls])
    if calls > account.facts["rate"]:
        raise Problem(429, "Limit of requests per second", retry_after=1)


def _handle(account: Account, path: str) -> Response:
    allowed = [method for (method, pattern) in ROUTES if re.fullmatch(pattern, path)]
    if not allowed:
        raise Problem(404, "No such route")
    for (method, pattern), handler in ROUTES.items():
        found = re.fullmatch(pattern, path)
        if found and method == request.method:
            return _run(account, handler, [int(part) for part in found.groups()])
    raise Problem(405, "Method is not supported")


def _run(account: Account, handler: Handler, ids: list[int]) -> Response:
    if request.method == "GET":
        made = handler(account, *ids)
    else:
        with account.shelf.locked():
            made = handler(account, *ids, body=request.get_json(silent=True))
    return made if isinstance(made, Response) else answer(made)


ROUTES: dict[tuple[str, str], Handler] = {
    ("GET", r"account"): reading.get_account,
    ("GET", r"users"): reading.get_users,
    ("GET", r"leads/pipelines"): reading.get_pipelines,
    ("GET", r"leads/custom_fields"): reading.get_fields,
    ("POST", r"leads/custom_fields"): writing.post_fields,
    ("GET", r"leads/custom_fields/groups"): reading.get_groups,
    ("POST", r"leads/custom_fields/groups"): writing.post_groups,
    ("GET", r"leads/tags"): reading.get_tags,
    ("GET", r"leads"): reading.get_leads,
    ("POST", r"leads"): writing.post_leads,
    ("PATCH", r"leads"): writing.patch_leads,
    ("POST", r"leads/complex"): writing.post_complex,
    ("GET", r"leads/(\d+)"): reading.get_lead,
    ("PATCH", r"leads/(\d+)"): writing.patch_lead,
    ("POST", r"leads/notes"): writing.post_notes,
    ("GET", r"leads/(\d+)/notes"): reading.get_notes,
    ("POST", r"leads/(\d+)/notes"): writing.post_notes,
    ("GET", r"leads/(\d+)/links"): reading.get_links,
    ("POST", r"leads/(\d+)/link"): writing.post_link,
    ("GET", r"contacts"): reading.get_contacts,
    ("POST", r"contacts"): writing.post_contacts,
    ("GET", r"contacts/(\d+)"): reading.get_contact,
    ("PATCH", r"contacts/(\d+)"): writing.patch_contact,
    ("GET", r"webhooks"): reading.get_webhooks,
    ("POST", r"webhooks"): writing.post_webhooks,
    ("DELETE", r"webhooks"): writing.delete_webhooks,
}
