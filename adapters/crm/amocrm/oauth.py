"""Access to an account: a long-lived token, or a pair of tokens that is renewed under a lock."""

from __future__ import annotations

import time
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import urlencode

import jwt

from adapters.base import N_, ConnectionState, Misconfigured, Temporary
from adapters.crm.amocrm.declaration import HOST, LABEL, host_of
from adapters.http import CONNECT_SECONDS, Http

TOKEN_TIMEOUT = (CONNECT_SECONDS, 15)
RENEW_BEFORE_SECONDS = 300
CONSENT_PATHS = {"amocrm.ru": "https://www.amocrm.ru/oauth/", "kommo.com": "https://www.kommo.com/oauth"}
CONNECT_AGAIN = N_("The access to amoCRM was revoked or has expired. Connect the account again.")


class Tokens(Protocol):
    """What the client needs of an access."""

    @property
    def host(self) -> str: ...

    def get_access_token(self) -> str: ...

    def renew(self, stale: str) -> bool:
        """Replace an access token that was refused; False when nothing can replace it."""
        ...


@dataclass(frozen=True, slots=True)
class LongLivedToken:
    """A token made by hand: nothing renews it."""

    host: str
    token: str

    def get_access_token(self) -> str:
        return self.token

    def renew(self, stale: str) -> bool:
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """The integration as the token endpoint knows it."""

    client_id: str
    client_secret: str
    redirect_uri: str

    def form(self, **grant: str) -> dict[str, str]:
        names = ("client_id", "client_secret", "redirect_uri")
        return {name: getattr(self, name) for name in names} | grant


class OAuthTokens:
    """The renewable pair, kept in the connection's state.

    The old refresh token dies with each renewal, so a second renewal at the same time would end the access:
    one process renews under the connection's lock, the others find the new pair when they get the lock.
    """

    def __init__(
        self, http: Http, state: ConnectionState, *, client: Client, address: str, code: str
    ) -> None:
        self._http = http
        self._state = state
        self._client = client
        self._address = address
        self._code = code
        self._kept: Mapping[str, str] = state.read()

    @property
    def host(self) -> str:
        return _kept_host(self._kept, self._address)

    def get_access_token(self) -> str:
        token = self._kept.get("access_token", "")
        if not token or _is_due(self._kept):
            self.renew(token)
        return self._redacted(self._kept["access_token"])

    def renew(self, stale: str) -> bool:
        """Put a new pair in the place of the stale one, unless somebody did meanwhile."""
        with self._state.exclusive() as kept:
            if kept.get("access_token", "") in ("", stale):
                self._take_new_pair(kept)
            self._kept = dict(kept)
        return True

    def _take_new_pair(self, kept: MutableMapping[str, str]) -> None:
        code = "" if self._code == kept.get("used_code") else self._code
        if not kept.get("refresh_token"):
            self._connect(kept, code)
            return
        try:
            self._refresh(kept)
        except Misconfigured:
            if not code:
                raise
            # the pair is gone for good, perhaps its answer got lost; a code entered since connects again
            self._connect(kept, code)

    def _connect(self, kept: MutableMapping[str, str], code: str) -> None:
        if not code:
            raise Misconfigured(N_("amoCRM is not connected yet. Open the consent window or enter a code."))
        # noted first: an answer that got lost used the code up all the same
        kept["used_code"] = code
        grant = self._client.form(grant_type="authorization_code", code=code)
        keep_pair(kept, _ask(self._http, self._address, grant), host=self._address, address=self._address)

    def _refresh(self, kept: MutableMapping[str, str]) -> None:
        self._redacted(kept["refresh_token"])
        grant = self._client.form(grant_type="refresh_token", refresh_token=kept["refresh_token"])
        host = _kept_host(kept, self._address)
        try:
            pair = _ask(self._http, host, grant)
        except _Moved:
            host = self._new_host(kept)
            pair = _ask(self._http, host, grant)
        keep_pair(kept, pair, host=host, address=self._address)

    def _new_host(self, kept: Mapping[str, str]) -> str:
        """Ask where the account lives after it took another subdomain."""
        domain = str(claims(kept.get("access_token", "")).get("api_domain", ""))
        if not HOST.fullmatch(domain):
            raise Misconfigured(CONNECT_AGAIN)
        answer = self._http.request(
            "GET",
            f"https://{domain}/oauth2/account/current/subdomain",
            headers={"X-Refresh-Token": kept["refresh_token"]},
            platform=LABEL,
            timeout=TOKEN_TIMEOUT,
        )
        return host_of(str(_json(answer).get("domain", "")))

    def _redacted(self, token: str) -> str:
        self._http.also_redact(token)
        return token


class _Moved(Misconfigured):
    """The token endpoint is not, or no longer, at this host."""


def consent_url(*, host: str, client_id: str, state: str) -> str:
    """Give the address of the window where the owner lets Whence in; amoCRM returns `state` untouched."""
    domain = host.split(".", 1)[1]
    return f"{CONSENT_PATHS[domain]}?{urlencode({'client_id': client_id, 'state': state, 'mode': 'popup'})}"


def account_host(referer: str) -> str:
    """Give the account's host from the `referer` of the return page: a bare host or an address."""
    return host_of(referer)


def exchange(
    http: Http, state: ConnectionState, *, config: Mapping[str, str], referer: str, code: str
) -> None:
    """Trade the code of the return page for tokens and keep them; refuses another account than before."""
    host = account_host(referer)
    http.also_redact(code)
    with state.exclusive() as kept:
        grant = client_of(config).form(grant_type="authorization_code", code=code)
        pair = _ask(http, host, grant)
        account_id = _account_id(http, host, pair["access_token"])
        if kept.get("account_id", account_id) != account_id:
            raise Misconfigured(N_("This is another account than the one connected before."))
        kept["account_id"] = account_id
        keep_pair(kept, pair, host=host, address=host_of(config.get("address") or host))


def client_of(config: Mapping[str, str]) -> Client:
    """Read the integration from the settings; raises Misconfigured when a part is missing."""
    values = {name: config.get(name, "") for name in ("client_id", "client_secret", "redirect_uri")}
    if not all(values.values()):
        raise Misconfigured(
            N_("Enter a long-lived token, or the integration's ID, secret key and redirect address.")
        )
    return Client(**values)


def make_tokens(config: Mapping[str, str], http: Http, state: ConnectionState) -> Tokens:
    """Give the access that the settings describe; a long-lived token comes first."""
    address = host_of(config.get("address", ""))
    if config.get("token"):
        return LongLivedToken(address, config["token"])
    client = client_of(config)
    return OAuthTokens(http, state, client=client, address=address, code=config.get("auth_code", ""))


def keep_pair(kept: MutableMapping[str, str], pair: Mapping[str, Any], *, host: str, address: str) -> None:
    """Write a new pair into the state; it counts once the state's lock is left."""
    kept["access_token"] = pair["access_token"]
    kept["refresh_token"] = pair["refresh_token"]
    kept["expires_at"] = str(int(time.time()) + int(pair.get("expires_in", 86400)))
    kept["host"], kept["address"] = host, address


def claims(token: str) -> Mapping[str, Any]:
    """Read what a token says of itself, as a hint only; an opaque token says nothing."""
    try:
        found: Mapping[str, Any] = jwt.decode(token, options={"verify_signature": False})
    except jwt.PyJWTError:
        return {}
    return found


def token_expires_at(token: str) -> datetime | None:
    """Tell when a token says that it ends."""
    expires = claims(token).get("exp")
    return datetime.fromtimestamp(expires, UTC) if isinstance(expires, int | float) else None


def _is_due(kept: Mapping[str, str]) -> bool:
    return float(kept.get("expires_at") or 0) - RENEW_BEFORE_SECONDS < time.time()


def _kept_host(kept: Mapping[str, str], address: str) -> str:
    # a host found after a renaming serves as long as the owner leaves the address alone
    return kept.get("host", address) if kept.get("address") == address else address


def _ask(http: Http, host: str, grant: Mapping[str, str]) -> Mapping[str, Any]:
    answer = http.request(
        "POST",
        f"https://{host}/oauth2/access_token",
        json=dict(grant),
        platform=LABEL,
        accept=(400, 401, 404),
        timeout=TOKEN_TIMEOUT,
    )
    if answer.status_code in (401, 404):
        raise _Moved(CONNECT_AGAIN)
    if answer.status_code == 400:
        raise Misconfigured(CONNECT_AGAIN)
    pair = _json(answer)
    if not pair.get("access_token") or not pair.get("refresh_token"):
        raise Temporary(N_("amoCRM gave an answer that cannot be read."))
    http.also_redact(pair["access_token"], pair["refresh_token"])
    return pair


def _account_id(http: Http, host: str, token: str) -> str:
    headers = {"Authorization": f"Bearer {token}"}
    answer = http.request("GET", f"https://{host}/api/v4/account", headers=headers, platform=LABEL)
    return str(_json(answer).get("id", ""))


def _json(answer: Any) -> Mapping[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Temporary(N_("amoCRM gave an answer that cannot be read."))
    return body
