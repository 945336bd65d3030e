"""HTTP out of Whence: time limits, status → error, redaction, address guard, pace.

Every adapter talks through one `Http`. It records each exchange, redacted, for the attempt log.
"""

from __future__ import annotations

import ipaddress
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from adapters.base import N_, Misconfigured, Rejected, Temporary

CONNECT_SECONDS = 5
READ_SECONDS = 20
KEPT_BODY_CHARS = 4000
MASK = "•••"
SHORTEST_MASKED = 4  # a shorter value would blacken half of the log
USER_AGENT = "Whence/0.1 (+self-hosted)"
SECRET_NAMES = re.compile(
    r'("?(?:access_token|refresh_token|client_secret|api_secret|code|token|appsecret_proof|authorization)"?'
    r'\s*[=:]\s*"?)([^"&\s,}]+)',
    re.IGNORECASE,
)


class ForbiddenAddress(Exception):
    """The address leads into a private network."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer as the attempt log keeps them: redacted, shortened."""

    method: str
    url: str
    request_body: str
    status: int  # 0: no answer
    response_body: str
    seconds: float


@dataclass(slots=True)
class Limiter:
    """Let calls through at a steady pace; shared by all threads of the process."""

    per_second: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _next_at: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait(self) -> None:
        """Sleep until this call's turn."""
        with self._lock:
            now = self.clock()
            turn = max(self._next_at, now)
            self._next_at = turn + 1 / self.per_second
        if turn > now:
            self.sleep(turn - now)

    def hold(self, seconds: float) -> None:
        """Let nothing through for that long: the platform asked for it."""
        with self._lock:
            self._next_at = max(self._next_at, self.clock() + seconds)


class Limiters:
    """The limiters of one process, by account."""

    def __init__(self) -> None:
        self._by_key: dict[str, Limiter] = {}
        self._lock = threading.Lock()

    def get(self, key: str, per_second: float) -> Limiter:
        """Give the limiter of an account; a changed pace makes it anew."""
        with self._lock:
            found = self._by_key.get(key)
            if found is None or found.per_second != per_second:
                found = self._by_key[key] = Limiter(per_second)
            return found


def _is_public(address: str) -> bool:
    ip = ipaddress.ip_address(address.split("%")[0])
    mapped = getattr(ip, "ipv4_mapped", None)
    return (mapped or ip).is_global and not ip.is_multicast


class _GuardedMixin:
    """Look at the address really connected to before a byte is sent: a changed DNS answer cannot slip by."""

    def _new_conn(self) -> socket.socket:
        sock: socket.socket = super()._new_conn()  # type: ignore[misc]
        if not _is_public(sock.getpeername()[0]):
            sock.close()
            raise ForbiddenAddress
        return sock


class _GuardedHTTP(_GuardedMixin, HTTPConnection):
    pass


class _GuardedHTTPS(_GuardedMixin, HTTPSConnection):
    pass


class _GuardedHTTPPool(HTTPConnectionPool):
    ConnectionCls = _GuardedHTTP


class _GuardedHTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _GuardedHTTPS


class Transport(HTTPAdapter):
    """Connection pools shared by all calls of a process; threads may use one together.

    `detours` maps a host, or ".domain" for all hosts below it, to a base address that stands in for it;
    "{sub}" there is the part of the host before the domain. Used by the sandbox only.
    """

    def __init__(self, *, detours: Mapping[str, str] | None = None, allow_private: bool = False) -> None:
        self._detours = dict(detours or {})
        self._allow_private = allow_private
        # An answered-but-lost write must never be repeated below our own bookkeeping: connect errors only.
        super().__init__(pool_connections=32, pool_maxsize=32, max_retries=urllib3.Retry(0, connect=1))

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        if not self._allow_private:
            self.poolmanager.pool_classes_by_scheme = {"http": _GuardedHTTPPool, "https": _GuardedHTTPSPool}

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        base = self._detour(urlsplit(request.url or "").hostname or "")
        if base:
            parts = urlsplit(request.url or "")
            request.url = base + parts.path + (f"?{parts.query}" if parts.query else "")
            request.headers["X-Forwarded-Host"] = str(parts.hostname)
        return super().send(request, *args, **kwargs)

    def _detour(self, host: str) -> str:
        if host in self._detours:
            return self._detours[host]
        sub, _, domain = host.partition(".")
        base = self._detours.get(f".{domain}", "")
        return base.replace("{sub}", sub)


class Http:
    """One attempt's way out. Not shared between threads.

    `redact` lists values that must never be kept: secrets of the connection, the person's phone and name.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        redact: Iterable[str] = (),
        limiters: Limiters | None = None,
        account: str = "",
    ) -> None:
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["User-Agent"] = USER_AGENT
        self.session.mount("https://", transport)
        self.session.mount("http://", transport)
        self.exchanges: list[Exchange] = []
        self._redact: list[str] = []
        self.also_redact(*redact)
        self._limiters = limiters or Limiters()
        self._limiter: Limiter | None = None
        self.account = account

    def pace(self, per_second: float, *, account: str = "") -> None:
        """Keep to `per_second` calls, shared with every other call on the same account."""
        self._limiter = self._limiters.get(account or self.account, per_second)

    def also_redact(self, *values: str) -> None:
        """Add values that came to light during the call, such as a new token."""
        written = {form for value in values if len(value) >= SHORTEST_MASKED for form in _writings(value)}
        self._redact = sorted({*self._redact, *written}, key=len, reverse=True)

    def request(
        self,
        method: str,
        url: str,
        *,
        platform: str,
        accept: Iterable[int] = (),
        timeout: tuple[float, float] = (CONNECT_SECONDS, READ_SECONDS),
        **kwargs: Any,
    ) -> requests.Response:
        """Make one call; give the answer when its status is 2xx or in `accept`, else raise an adapter error.

        `kwargs` are those of `requests.request`: params, json, data, files, headers. No redirect is followed.
        """
        if self._limiter:
            self._limiter.wait()
        started = time.monotonic()
        try:
            response = self.session.request(method, url, timeout=timeout, allow_redirects=False, **kwargs)
        except (requests.RequestException, ForbiddenAddress, OSError) as error:
            self._record(method, url, kwargs, None, time.monotonic() - started)
            raise _network_error(error, platform) from None
        self._record(method, url, kwargs, response, time.monotonic() - started)
        if (response.ok and response.status_code < 300) or response.status_code in accept:
            return response
        raise self._status_error(response, platform)

    def redacted(self, text: str) -> str:
        """Mask secrets and personal data in `text`."""
        for value in self._redact:
            text = text.replace(value, MASK)
        return SECRET_NAMES.sub(lambda found: found[1] + MASK, text)

    def _status_error(self, response: requests.Response, platform: str) -> Exception:
        after = retry_after(response)
        if response.status_code in (420, 429) and self._limiter:
            self._limiter.hold(min(after or 1.0, 60.0))
        return status_error(response.status_code, platform, after=after)

    def _record(
        self,
        method: str,
        url: str,
        kwargs: Mapping[str, Any],
        response: requests.Response | None,
        seconds: float,
    ) -> None:
        if kwargs.get("params"):
            url = requests.Request("GET", url, params=kwargs["params"]).prepare().url or url
        self.exchanges.append(
            Exchange(
                method=method.upper(),
                url=self.redacted(url),
                request_body=self.redacted(_body_text(kwargs))[:KEPT_BODY_CHARS],
                status=response.status_code if response is not None else 0,
                response_body=self.redacted(response.text if response is not None else "")[:KEPT_BODY_CHARS],
                seconds=round(seconds, 4),
            )
        )


def _writings(value: str) -> set[str]:
    """Give a value as it may stand in a body or an address: plain, with JSON's escapes, percent-encoded."""
    return {value, json.dumps(value)[1:-1], quote(value), quote_plus(value)}


def retry_after(response: requests.Response) -> float | None:
    """Read how many seconds the platform asks us to wait, from the header or a problem+json body."""
    header = response.headers.get("Retry-After", "")
    if header.isdigit():
        return float(header)
    try:
        value = response.json().get("retry_after")
    except (ValueError, AttributeError):
        return None
    return float(value) if isinstance(value, int | float) and value >= 0 else None


def status_error(status: int, platform: str, *, after: float | None = None) -> Exception:
    """Map an HTTP status to the error class that says who acts next."""
    if status in (401, 403):
        return Misconfigured(
            N_("{platform} refused the credentials ({status}). Check the token and its rights."),
            platform=platform,
            status=status,
        )
    if status in (408, 420, 425, 429) or status >= 500:
        return Temporary(
            N_("{platform} asked to wait or has a fault ({status}). Whence tries again by itself."),
            after=after,
            platform=platform,
            status=status,
        )
    return Rejected(
        N_("{platform} did not accept the request ({status}). The log of this attempt shows its answer."),
        platform=platform,
        status=status,
    )


def _network_error(error: Exception, platform: str) -> Exception:
    if isinstance(error, ForbiddenAddress) or "ForbiddenAddress" in repr(error):
        return Misconfigured(
            N_("The address given for {platform} leads into a private network, so it is not called."),
            platform=platform,
        )
    if isinstance(error, requests.Timeout):
        return Temporary(N_("{platform} did not answer in time."), platform=platform)
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.MissingSchema):
        return Misconfigured(N_("The address given for {platform} is not valid."), platform=platform)
    return Temporary(N_("{platform} cannot be reached."), platform=platform)


def _body_text(kwargs: Mapping[str, Any]) -> str:
    if kwargs.get("json") is not None:
        return json.dumps(kwargs["json"], ensure_ascii=False)
    if kwargs.get("files"):
        return "\n".join(_part_text(part) for part in dict(kwargs["files"]).values())
    data = kwargs.get("data") or ""
    return data.decode("utf-8", "replace") if isinstance(data, bytes) else str(data)


def _part_text(part: Any) -> str:
    content = part[1] if isinstance(part, tuple) else part
    return content.decode("utf-8", "replace") if isinstance(content, bytes) else str(content)
