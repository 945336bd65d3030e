"""What an address carries: its parameters as people really write them, and its host.

Nothing here raises: addresses come from browsers and advertisers, in every state of disrepair.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import unquote_to_bytes

ADDRESS_CHARS = 8192
NAME_CHARS = 64
VALUE_CHARS = 500
HOST_CHARS = 253
PARAMS = 200

# A second "?" and marks after "#" are frequent mistakes in links; "&" without any "?" is another.
_SEPARATORS = re.compile(r"[?#&]")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f\u200b\u200e\u200f\u2028\u2029\ufeff\ud800-\udfff]+")
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
_JS_ESCAPE = re.compile(r"%u([0-9A-Fa-f]{4})")
_SWALLOWED_QUERY = re.compile(r"%3[Ff](?=utm_)")
_ENCODED_PAIR = re.compile(r"utm_[a-z]+%3d", re.IGNORECASE)
_AUTHORITY = re.compile(
    r"([a-z][a-z0-9+.\-]*):/+(?:[^/?#@]*@)?(\[[^\]/?#]*\]|[^/?#:]*)(?::\d*)?(/[^?#]*)?", re.IGNORECASE
)
_BARE_HOST = re.compile(r"(?:\S+@)?([\w\-]+(?:\.[\w\-]+)+)(?::\d*)?(/[^?#]*)?")

AUTOTARGETING = "(автотаргетинг)"  # how the Direct interface, used in Russian, calls "---autotargeting"

_EMPTY_WORDS = frozenset(
    ("none", "null", "undefined", "nan", "n/a", "-", "--", "(none)", "(not set)", "not set")
)
# {campaign_name} of Direct and Google, {{campaign.name}} of Meta and VK, __CAMPAIGN_NAME__ of TikTok.
_MACRO = re.compile(r"\{\{[^{}]*\}\}|\$?\{[^{}]*\}|__[A-Z][A-Z_]*__")
_DANGLING = " \t|_-:;,."
_ID = re.compile(r"\d{5,20}")
_TAIL_ID = re.compile(r".*\D(\d{7,20})")
_DATE = re.compile(
    r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])|(?:[0-2]\d|3[01])(?:0[1-9]|1[0-2])(?:19|20)\d\d"
)
_CAMPAIGN_KEYS = ("cid", "campaign_id", "campaignid", "camp", "cmp")
_AD_KEYS = ("aid", "ad_id", "adid", "ad", "bid", "banner_id", "banner")

WEB_SCHEMES = frozenset({"http", "https", "android-app", "ios-app"})


@dataclass(frozen=True, slots=True)
class Place:
    """The host and path of an address; `host` is lower-case, readable, without "www."."""

    host: str
    path: str = ""
    scheme: str = "https"

    @property
    def is_public(self) -> bool:
        """Say whether it can name a site: not a file, an extension, an intranet or a private address."""
        if self.scheme not in WEB_SCHEMES or not self.host:
            return False
        if self.host[-1].isdigit() or self.host.startswith("["):
            try:
                return ip_address(self.host.strip("[]")).is_global
            except ValueError:
                pass  # a name that ends in a digit
        return "." in self.host and not self.host.endswith((".local", ".localhost", ".internal", ".lan"))


def params(address: str) -> dict[str, str]:
    """Read the parameters of an address; names are lower-case, of repeated ones the first filled wins."""
    found: dict[str, str] = {}
    for name, value in _pairs(address[:ADDRESS_CHARS]):
        if not found.get(name):
            found[name] = value
    return found


def place(address: str) -> Place:
    """Read the host and path of an address, with or without a scheme; an unreadable one has an empty host."""
    text = _CONTROLS.sub("", address[:ADDRESS_CHARS]).strip()
    if found := _AUTHORITY.match(text):
        return Place(readable_host(found[2]), found[3] or "", found[1].lower())
    if found := _BARE_HOST.match(text.removeprefix("//")):
        return Place(readable_host(found[1]), found[2] or "")
    return Place("")


def readable_host(host: str) -> str:
    """Write a host the one way we compare it: lower-case, no "www.", Cyrillic instead of xn--."""
    host = host[:HOST_CHARS].lower().strip(". ").removeprefix("www.")
    if "xn--" in host:
        try:
            return host.encode("ascii").decode("idna")
        except UnicodeError:
            return host
    return host


def decoded(value: str) -> str:
    """Decode a parameter's value: UTF-8, else Windows-1251; encoded twice or by JavaScript's escape() too."""
    text = value.replace("+", " ")
    if "%" in text:
        text = _percent_decoded(text)
    return _CONTROLS.sub("", text).strip()[:VALUE_CHARS]


def _pairs(address: str) -> Iterator[tuple[str, str]]:
    head, *tokens = _SEPARATORS.split(address, maxsplit=PARAMS)
    if swallowed := _SWALLOWED_QUERY.search(head):
        tokens.insert(0, head[swallowed.end() :])
    for token in tokens:
        # A query that a messenger encoded whole, separators included.
        whole = _ENCODED_PAIR.match(token)
        for part in _SEPARATORS.split(_percent_decoded(token)) if whole else (token,):
            name, equals, value = part.partition("=")
            if equals and len(name) <= NAME_CHARS:
                yield (
                    (decoded(name) if "%" in name else name).strip().lower().removeprefix("amp;"),
                    decoded(value),
                )


def _percent_decoded(text: str) -> str:
    for _ in range(3):
        text = _JS_ESCAPE.sub(lambda code: chr(int(code[1], 16)), text)
        if not _PERCENT.search(text):
            break
        text = _text(unquote_to_bytes(text.encode("utf-8", "replace")))
    return text


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        if error.reason == "unexpected end of data" and not before.isascii():
            return before.decode("utf-8")  # UTF-8 that a length limit cut inside a letter
        # Old Russian shops and ad systems still send Windows-1251.
        return raw.decode("cp1251", "replace")


def cleaned_mapping(values: Mapping[str, str]) -> dict[str, str]:
    """Give what a caller handed over in the shape `params` gives: trimmed, bounded, names lower-case."""
    return {
        name.lower(): text
        for name, value in values.items()
        if (text := _CONTROLS.sub("", value).strip()[:VALUE_CHARS])
    }


def filled(value: str) -> str:
    """Drop what an ad system failed to fill in: macros left in braces, "none" and its like."""
    if "{" in value or "__" in value:
        value = _MACRO.sub("", value).strip(_DANGLING) if _MACRO.search(value) else value
    return "" if value.lower() in _EMPTY_WORDS else value


def campaign_of(utm: Mapping[str, str], clicks: Mapping[str, str]) -> tuple[str, str, str]:
    """Read campaign, campaign id and ad from marks as ad accounts are commonly set up."""
    written, content = utm.get("utm_campaign", ""), utm.get("utm_content", "")
    campaign, campaign_id = _name_and_id(written)
    in_content = _labelled(content)
    campaign_id = (
        campaign_id
        or _first(_labelled(written), _CAMPAIGN_KEYS)
        or _first(in_content, _CAMPAIGN_KEYS)
        or utm.get("utm_id", "")
        or clicks.get("gad_campaignid", "")
    )
    return campaign, campaign_id, _first(in_content, _AD_KEYS) or content


def _name_and_id(text: str) -> tuple[str, str]:
    """Split "name|12345678", "12345678|name" and "name_12345678"; with "_" the name stays as written."""
    if _ID.fullmatch(text):
        return text, "" if _DATE.fullmatch(text) else text
    for separator in ("|", ":"):
        left, _, right = (part.strip() for part in text.partition(separator))
        if _ID.fullmatch(right) and left.lower() in _CAMPAIGN_KEYS:
            return right, right
        if _ID.fullmatch(right) and left and not _DATE.fullmatch(right):
            return left, right
        if _ID.fullmatch(left) and right and separator not in right:
            return right, left
    tail = _TAIL_ID.fullmatch(text)
    return text, tail[1] if tail and not _DATE.fullmatch(tail[1]) else ""


def _labelled(text: str) -> dict[str, str]:
    """Read "gid|123|aid|456" or "gid:123|aid:456"; anything else gives nothing."""
    words = [word.strip() for word in re.split(r"[|:]", text)]
    if len(words) < 2 or len(words) % 2:
        return {}
    return {name.lower(): value for name, value in zip(words[::2], words[1::2], strict=True)}


def _first(values: Mapping[str, str], names: Iterable[str]) -> str:
    return next((values[name] for name in names if values.get(name, "").isdecimal()), "")


def keyword_of(utm: Mapping[str, str]) -> str:
    """Read the keyword: without the phrase id beside it, and with autotargeting said in words."""
    written = utm.get("utm_term", "")
    if "autotargeting" in written.lower():
        return AUTOTARGETING
    left, bar, right = (part.strip() for part in written.partition("|"))
    if bar and _ID.fullmatch(right):
        return left
    return right if bar and _ID.fullmatch(left) else written
