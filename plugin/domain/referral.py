"""The ad or post that opened a chat, as the messenger itself reports it (Click-to-WhatsApp)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

# Host, or the end of it → source. Short links of both apps lead over fb.me.
SOURCE_BY_HOST = {
    "instagram.com": "instagram",
    "instagr.am": "instagram",
    "ig.me": "instagram",
    "facebook.com": "facebook",
    "fb.com": "facebook",
    "fb.me": "facebook",
    "fb.watch": "facebook",
}
OTHER_SOURCE = "facebook"  # Meta sends these objects and no one else does
MEDIUM_BY_TYPE = {"ad": "paid_social"}
OTHER_MEDIUM = "social"
KEPT_CHARS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferralSource:
    """A source without a visit. The campaign is not in it: only the ad's id is, for a later look-up."""

    source: str
    medium: str
    ad_id: str = ""
    headline: str = ""
    ctwa_clid: str = ""
    source_url: str = ""

    @property
    def is_ad(self) -> bool:
        return self.medium == MEDIUM_BY_TYPE["ad"]


def source_of_referral(referral: Mapping[str, object]) -> ReferralSource | None:
    """Read a referral; one that names neither an ad, an address nor a click is none."""
    url, ad_id, clid = (_text(referral.get(name)) for name in ("source_url", "source_id", "ctwa_clid"))
    if not (url or ad_id or clid):
        return None
    return ReferralSource(
        source=_source(url),
        medium=_medium(_text(referral.get("source_type")), clid),
        ad_id=ad_id,
        headline=_text(referral.get("headline")),
        ctwa_clid=clid,
        source_url=url,
    )


def _medium(source_type: str, ctwa_clid: str) -> str:
    # Only a press on an ad gets a click id, so it proves the ad where the type is missing.
    kind = source_type.lower() or ("ad" if ctwa_clid else "")
    return MEDIUM_BY_TYPE.get(kind, OTHER_MEDIUM)


def _source(url: str) -> str:
    host = _host(url)
    ends = (name for name in SOURCE_BY_HOST if host == name or host.endswith(f".{name}"))
    return SOURCE_BY_HOST.get(next(ends, ""), OTHER_SOURCE)


def _host(url: str) -> str:
    try:
        return (urlsplit(url if "//" in url else f"//{url}").hostname or "").lower()
    except ValueError:
        return ""


def _text(value: object) -> str:
    """Give a text or a number trimmed; a click id has been seen with white space around it."""
    return str(value).strip()[:KEPT_CHARS] if isinstance(value, str | int) else ""
