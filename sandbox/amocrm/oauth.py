"""The token endpoint: codes and refresh tokens serve once."""

from __future__ import annotations

import time
from typing import Any

from flask import Blueprint, Response, request

from sandbox import faults
from sandbox.amocrm.accounts import Account, account_by_id, account_of, issue_pair
from sandbox.amocrm.problems import Problem, answer
from sandbox.shelf import Shelf

# grant type → (field of the request, kind on the shelf)
GRANTS = {
    "authorization_code": ("code", "amocrm/codes"),
    "refresh_token": ("refresh_token", "amocrm/refresh"),
}


def add_routes(blueprint: Blueprint, shelf: Shelf) -> None:
    """Add the token endpoint and the question where an account lives now."""

    @blueprint.post("/<sub>/oauth2/access_token")
    def access_token(sub: str) -> Response:
        try:
            fault = faults.current(shelf, "amocrm")
            if fault == "drop":
                return faults.cut_connection()
            if fault in ("429", "500"):
                raise Problem(int(fault), "switched on")
            pair = _pair(shelf, sub)
        except Problem as problem:
            return problem.answer()
        return faults.cut_connection() if fault == "drop-after" else answer(pair, subtype="json")

    @blueprint.get("/<sub>/oauth2/account/current/subdomain")
    def subdomain(sub: str) -> Response:
        grant = shelf.get("amocrm/refresh", request.headers.get("X-Refresh-Token", ""))
        account = account_by_id(shelf, grant["account_id"]) if grant else None
        if account is None:
            return Problem(401, "Unknown refresh token").answer()
        name = account.facts["subdomain"]
        body = {
            "id": account.facts["id"],
            "subdomain": name,
            "domain": f"{name}.amocrm.ru",
            "top_level_domain": "ru",
        }
        return answer(body)


def _pair(shelf: Shelf, sub: str) -> dict[str, Any]:
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise Problem(400, "The body must be JSON", hint="Check the request's parameters")
    with shelf.locked():
        account = account_of(shelf, sub)
        if account is None:
            raise Problem(404, "Account not found")
        if any(not value or body.get(name) != value for name, value in account.facts["client"].items()):
            raise Problem(400, "Client is not valid", hint="Check the client and the redirect URI")
        _use_up(account, body)
        return issue_pair(account)


def _use_up(account: Account, body: dict[str, Any]) -> None:
    field, kind = GRANTS.get(str(body.get("grant_type")), ("", ""))
    grant = account.shelf.get(kind, body.get(field, "")) if kind else None
    if not grant or grant["account_id"] != account.facts["id"] or grant["expires_at"] < time.time():
        raise Problem(400, "Grant is not valid", hint="The code or token is revoked or has expired")
    account.shelf.remove(kind, body[field])
