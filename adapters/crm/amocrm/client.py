"""One account's REST API, at the level of plain dictionaries.

Of amocrm-api only the paging and the shape of requests serve here. Its model classes write through a
process-wide token, that is, to whichever account came last; they must never be used.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import requests
from amocrm.v2.interaction import GenericInteraction

from adapters.base import N_, AdapterError, Misconfigured, Rejected, Temporary
from adapters.crm.amocrm.declaration import LABEL
from adapters.crm.amocrm.oauth import Tokens
from adapters.http import Http, status_error

# The package writes everything to stderr from its import on.
logging.getLogger("amocrm").handlers.clear()

READ_BY_US = (400, 401, 402, 403, 404)
BLOCK_SECONDS = 3600
LEAD_FIELDS = "custom_fields_values"
# part of a refused path → what the owner calls it
SETTING_PATHS = {
    "status_id": N_("Stage ID"),
    "pipeline_id": N_("Pipeline ID"),
    "responsible_user_id": N_("Responsible user ID"),
}


class FieldsRefused(Rejected):
    """Some custom fields of the lead are not accepted; `places` are their indexes in the request."""

    def __init__(self, places: frozenset[int]) -> None:
        super().__init__(N_("amoCRM does not accept some fields of the lead."))
        self.places = places


class AccountApi(GenericInteraction):
    """The package's dictionary level on our host, tokens, time limits, pace and errors."""

    def __init__(self, http: Http, tokens: Tokens, *, path: str = "", field: str | None = None) -> None:
        super().__init__(token_manager=tokens, session=http.session, headers={}, path=path, field=field)
        self._http = http
        self._tokens = tokens

    def at(self, path: str, *, field: str | None = None) -> AccountApi:
        """Give the interaction of a collection; `field` is its name in answers when it differs."""
        return AccountApi(self._http, self._tokens, path=path, field=field)

    def read(self, path: str, *, include: tuple[str, ...] = (), **params: Any) -> Mapping[str, Any]:
        """Read one thing or one page; an empty mapping when nothing is there."""
        body, _ = self.request("get", path, params=params, include=include)
        return body or {}

    def rows(self, path: str, name: str, **params: Any) -> list[Mapping[str, Any]]:
        """Read the first page of a collection."""
        return list(self.read(path, **params).get("_embedded", {}).get(name, []))

    def send(self, method: str, path: str, data: object) -> Any:
        """Write; give the answer's body."""
        return self.request(method, path, data=data)[0]

    def _get_url(self, path: str) -> str:
        return f"https://{self._tokens.host}/api/v4/{path}"

    def _request(
        self,
        method: str,
        path: str,
        data: object = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[Any, int]:
        token = self._tokens.get_access_token()
        answer = self._call(method, path, token=token, data=data, params=params)
        # a renamed account answers 404 to everything until the new host is known
        is_refused = answer.status_code == 401 or (answer.status_code == 404 and not _names_one(path))
        if is_refused and self._tokens.renew(token):
            fresh = self._tokens.get_access_token()
            answer = self._call(method, path, token=fresh, data=data, params=params)
        if answer.status_code == 204 or (answer.status_code == 404 and _names_one(path)):
            return None, 204
        if answer.status_code in READ_BY_US:
            raise ERRORS[answer.status_code](answer)
        return _body(answer), answer.status_code

    def _call(
        self, method: str, path: str, *, token: str, data: object, params: Mapping[str, Any] | None
    ) -> requests.Response:
        return self._http.request(
            method,
            self._get_url(path),
            json=data,
            params=params,
            headers={"Authorization": f"Bearer {token}"},
            platform=LABEL,
            accept=READ_BY_US,
        )


def _names_one(path: str) -> bool:
    return any(part.isdigit() for part in path.split("/"))


def _body(answer: requests.Response) -> Any:
    try:
        return answer.json() if answer.content else {}
    except ValueError:
        raise Temporary(N_("amoCRM gave an answer that cannot be read.")) from None


def _invalid(answer: requests.Response) -> AdapterError:
    paths = _refused_paths(answer)
    places = [path.split(".")[1] for path in paths if path.startswith(f"{LEAD_FIELDS}.")]
    if places:
        return FieldsRefused(frozenset(int(place) for place in places if place.isdigit()))
    for path in paths:
        if path in SETTING_PATHS:
            return Misconfigured(
                N_("amoCRM does not know the value of the setting “{setting}”. Choose another."),
                setting=SETTING_PATHS[path],
            )
    return status_error(400, LABEL)  # type: ignore[return-value]


def _refused_paths(answer: requests.Response) -> list[str]:
    try:
        items = answer.json().get("validation-errors", [])
        return [str(error.get("path", "")) for item in items for error in item.get("errors", [])]
    except (ValueError, AttributeError):
        return []


def _forbidden(answer: requests.Response) -> AdapterError:
    if "json" in answer.headers.get("Content-Type", ""):
        return Misconfigured(N_("amoCRM refuses this: the token's user needs administrator rights."))
    # without problem+json it is the gate in front that shuts out whoever keeps calling too fast
    return Temporary(N_("amoCRM has blocked the API for a while."), after=BLOCK_SECONDS)


ERRORS: Mapping[int, Callable[[requests.Response], Exception]] = {
    400: _invalid,
    401: lambda _: Misconfigured(
        N_("amoCRM refused the token. Make a new one, or connect the account again.")
    ),
    402: lambda _: Misconfigured(N_("The amoCRM account is not paid: it accepts nothing until it is.")),
    403: _forbidden,
    404: lambda _: Misconfigured(N_("amoCRM has no account at this address. Check the account address.")),
}
