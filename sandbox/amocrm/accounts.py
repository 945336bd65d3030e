"""Accounts, their tokens, and what each new account begins with."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from sandbox.shelf import Shelf

WON, LOST, UNSORTED_TYPE = 142, 143, 1
CODE_SECONDS, ACCESS_SECONDS, REFRESH_SECONDS = 20 * 60, 24 * 3600, 90 * 24 * 3600
TRACKING_CODES = [
    "UTM_CONTENT",
    "UTM_MEDIUM",
    "UTM_CAMPAIGN",
    "UTM_SOURCE",
    "UTM_TERM",
    "UTM_REFERRER",
    "ROISTAT",
    "REFERRER",
    "OPENSTAT_SERVICE",
    "OPENSTAT_CAMPAIGN",
    "OPENSTAT_AD",
    "OPENSTAT_SOURCE",
    "FROM",
    "GCLIENTID",
    "_YM_UID",
    "_YM_COUNTER",
    "GCLID",
    "YCLID",
    "FBCLID",
]
STAGES = (
    ("Неразобранное", "#c1c1c1", UNSORTED_TYPE),
    ("Первичный контакт", "#99ccff", 0),
    ("Переговоры", "#ffff99", 0),
    ("Принимают решение", "#ffcc66", 0),
)
SIGNING_KEY = "only the stand-in itself ever looks at these signatures"


@dataclass(frozen=True, slots=True)
class Account:
    """One account: its facts, and the shelf's kinds that are its own."""

    shelf: Shelf
    facts: Mapping[str, Any]

    def kind(self, name: str) -> str:
        return f"amocrm/{self.facts['id']}/{name}"

    def get(self, name: str, key: object, default: Any = None) -> Any:
        return self.shelf.get(self.kind(name), key, default)

    def put(self, name: str, key: object, doc: Any) -> None:
        self.shelf.put(self.kind(name), key, doc)

    def all(self, name: str) -> list[Any]:
        return self.shelf.all(self.kind(name))

    def new_id(self, name: str, *, start: int) -> int:
        return self.shelf.next_id(self.kind(name), start=start)

    @property
    def fields(self) -> dict[str, list[dict[str, Any]]]:
        return self.get("setup", "fields", {"leads": [], "contacts": []})

    @property
    def pipelines(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("setup", "pipelines", [])
        return found


def configure(
    shelf: Shelf,
    sub: str,
    *,
    token: str = "",
    client_id: str = "",
    client_secret: str = "",
    redirect_uri: str = "",
    rate: int = 0,
    is_admin: bool = True,
    is_paid: bool = True,
    duplicate_control: bool = False,
    tracking_codes: list[str] | None = None,
) -> Account:
    """Create an account, or change one: its access, its rights, its requests per second (0: any number)."""
    with shelf.locked():
        before = shelf.get("amocrm/accounts", sub)
        facts = {
            "id": before["id"] if before else shelf.next_id("amocrm/accounts", start=31_000_001),
            "subdomain": sub,
            "name": f"Компания {sub}",
            "client": {"client_id": client_id, "client_secret": client_secret, "redirect_uri": redirect_uri},
            "rate": rate,
            "is_admin": is_admin,
            "is_paid": is_paid,
            "duplicate_control": duplicate_control,
        }
        shelf.put("amocrm/accounts", sub, facts)
        account = Account(shelf, facts)
        if not before:
            _furnish(account, TRACKING_CODES if tracking_codes is None else tracking_codes)
        if token:
            grant = {"account_id": facts["id"], "expires_at": time.time() + 5 * 365 * 86400}
            shelf.put("amocrm/tokens", token, grant)
    return account


def account_of(shelf: Shelf, sub: str) -> Account | None:
    """Give the account that lives at a subdomain now."""
    facts = shelf.get("amocrm/accounts", sub)
    return Account(shelf, facts) if facts else None


def account_by_id(shelf: Shelf, account_id: int) -> Account | None:
    """Give an account wherever it lives."""
    found = next((facts for facts in shelf.all("amocrm/accounts") if facts["id"] == account_id), None)
    return Account(shelf, found) if found else None


def rename(shelf: Shelf, old: str, new: str) -> None:
    """Move an account to another subdomain; the old one answers 404 from then on."""
    with shelf.locked():
        facts = shelf.get("amocrm/accounts", old)
        shelf.remove("amocrm/accounts", old)
        shelf.put("amocrm/accounts", new, {**facts, "subdomain": new})


def issue_code(shelf: Shelf, sub: str) -> str:
    """Give an authorization code, as the consent window would."""
    code = secrets.token_hex(24)
    facts = shelf.get("amocrm/accounts", sub)
    shelf.put("amocrm/codes", code, {"account_id": facts["id"], "expires_at": time.time() + CODE_SECONDS})
    return code


def issue_pair(account: Account) -> dict[str, Any]:
    """Give a new access token and a new refresh token."""
    now = int(time.time())
    claims = {
        "aud": account.facts["client"]["client_id"],
        "jti": secrets.token_hex(16),
        "iat": now,
        "nbf": now,
        "exp": now + ACCESS_SECONDS,
        "sub": "9100001",
        "account_id": account.facts["id"],
        "base_domain": "amocrm.ru",
        "api_domain": "api-b.amocrm.ru",
    }
    access, refresh = jwt.encode(claims, SIGNING_KEY, "HS256"), secrets.token_hex(32)
    grant = {"account_id": account.facts["id"]}
    account.shelf.put("amocrm/tokens", access, {**grant, "expires_at": now + ACCESS_SECONDS})
    account.shelf.put("amocrm/refresh", refresh, {**grant, "expires_at": now + REFRESH_SECONDS})
    return {
        "token_type": "Bearer",
        "expires_in": ACCESS_SECONDS,
        "access_token": access,
        "refresh_token": refresh,
    }


def expire_tokens(shelf: Shelf, *tokens: str) -> None:
    """Let access tokens be refused from now on."""
    for token in tokens:
        shelf.remove("amocrm/tokens", token)


def _furnish(account: Account, tracking_codes: list[str]) -> None:
    main = account.new_id("pipelines", start=7_100_001)
    stages = [(account.new_id("stages", start=61_000_001), *stage) for stage in STAGES]
    stages += [(WON, "Успешно реализовано", "#ccff66", 0), (LOST, "Закрыто и не реализовано", "#d5d8db", 0)]
    statuses = [
        {
            "id": stage_id,
            "name": name,
            "sort": place * 10,
            "is_editable": kind == 0 and stage_id not in (WON, LOST),
            "pipeline_id": main,
            "color": color,
            "type": kind,
            "account_id": account.facts["id"],
        }
        for place, (stage_id, name, color, kind) in enumerate(stages, start=1)
    ]
    pipeline = {
        "id": main,
        "name": "Воронка",
        "sort": 1,
        "is_main": True,
        "is_unsorted_on": True,
        "is_archive": False,
        "account_id": account.facts["id"],
        "_embedded": {"statuses": statuses},
    }
    account.put("setup", "pipelines", [pipeline])
    leads = [new_field(account, code, name=code.lower(), kind="tracking_data") for code in tracking_codes]
    names = (("PHONE", "Телефон"), ("EMAIL", "Email"))
    contacts = [new_field(account, code, name=name, kind="multitext") for code, name in names]
    account.put("setup", "fields", {"leads": leads, "contacts": contacts})
    groups = [{"id": "statistic", "name": "Статистика", "is_predefined": True, "sort": 1}]
    account.put("setup", "groups", groups)
    account.put("setup", "users", [{"id": 9100001, "name": "Мария Орлова", "email": "maria@crm.example"}])


def new_field(
    account: Account, code: str | None, *, name: str, kind: str, group_id: str | None = None, sort: int = 0
) -> dict[str, Any]:
    """Make a field with an id of its own."""
    is_built_in = kind in ("tracking_data", "multitext")
    return {
        "id": account.new_id("fields", start=2_500_001),
        "name": name,
        "type": kind,
        "account_id": account.facts["id"],
        "code": code,
        "sort": sort,
        "is_api_only": False,
        "group_id": "statistic" if kind == "tracking_data" else group_id,
        "is_predefined": is_built_in,
        "is_deletable": not is_built_in,
        "enums": None,
    }
