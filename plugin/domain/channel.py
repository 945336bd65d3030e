"""Where a visit came from: a ladder of readings, then GA4's channel rules with our tables.

docs/sources.md tells the same in words, with the differences from GA4 and Metrica.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType

from plugin.domain import marks, sources
from plugin.domain.because import N_
from plugin.domain.marks import Place
from plugin.domain.sources import CLICK_IDS, ClickId, Known

DIRECT_SOURCE = "(direct)"
NO_MEDIUM = "(none)"
NOT_SET = "(not set)"

NOTHING: Mapping[str, str] = MappingProxyType({})


# In the order of GA4's rules; "Messenger" and "Maps & Classifieds" are ours.
CHANNEL_NAMES_RU: Mapping[str, str] = {
    "Direct": "Прямые заходы",
    "Cross-network": "Кросс-сетевая реклама",
    "Paid Shopping": "Реклама на товарных площадках",
    "Paid Search": "Контекстная реклама",
    "Paid Social": "Реклама в соцсетях",
    "Paid Video": "Видеореклама",
    "Display": "Медийная реклама",
    "Paid Other": "Прочая реклама",
    "Organic Shopping": "Товарные площадки",
    "AI Assistant": "ИИ-ассистенты",
    "Messenger": "Мессенджеры",
    "Maps & Classifieds": "Карты и объявления",
    "Organic Social": "Соцсети",
    "Organic Video": "Видеоплощадки",
    "Organic Search": "Поисковые системы",
    "Referral": "Ссылки на сайтах",
    "Email": "Почта и рассылки",
    "Affiliates": "Партнёры",
    "Audio": "Аудио",
    "SMS": "SMS",
    "Mobile Push Notifications": "Push-уведомления",
    "Unassigned": "Не распределено",
}


def channel_name(channel: str, language: str) -> str:
    """Name a channel for people who read `language`; GA4's own name where there is no other."""
    return CHANNEL_NAMES_RU.get(channel, channel) if language == "ru" else channel


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a visit came from. A value that is not known is an empty string."""

    channel: str
    source: str
    medium: str
    campaign: str = ""
    campaign_id: str = ""
    ad: str = ""
    keyword: str = ""
    utm: Mapping[str, str] = field(default_factory=dict)  # as they stood in the address
    click_ids: Mapping[str, str] = field(default_factory=dict)
    landing_url: str = ""
    referrer: str = ""
    because: str  # a translatable sentence


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the ladder looks at."""

    utm: Mapping[str, str]  # without unresolved macros and "none"
    named: Known | None  # what utm_source stands for
    clicks: tuple[ClickId, ...]  # what the click ids prove, the most telling first
    referrer: str  # the address outside our site, if any
    place: Place  # its place; an empty host when there is none
    site: Known | None  # what we know about that place


@dataclass(frozen=True, slots=True)
class _Reading:
    """What a rung read."""

    source: str
    medium: str
    because: str
    kind: str = ""


def classify(
    landing_url: str,
    referrer: str,
    *,
    click_ids: Mapping[str, str] = NOTHING,
    own_hosts: Collection[str] = (),
    utm: Mapping[str, str] = NOTHING,
) -> Source:
    """Say where a visit came from, and why we think so. Never raises, whatever the addresses look like.

    `click_ids` and `utm` add what was read under a project's own parameter names; an address's own marks
    win. Give the click ids of this visit only.
    """
    in_address = marks.params(landing_url)
    written = {name: value for name, value in in_address.items() if name.startswith("utm_") and value}
    written = {**marks.cleaned_mapping(utm), **written}
    clicks = {name: value for name in CLICK_IDS if (value := in_address.get(name))}
    clicks = {**marks.cleaned_mapping(click_ids), **clicks}
    own = {marks.place(landing_url).host, *map(_own_host, own_hosts)} - {""}
    # A page that redirects by script saves the true referrer in utm_referrer for Metrica.
    referrers = (referrer, written.get("utm_referrer", ""))
    facts = _facts(written, clicks, outside=_first_outside(referrers, own))
    reading = next(found for rung in RUNGS if (found := rung(facts)))
    campaign, campaign_id, ad = marks.campaign_of(facts.utm, clicks)
    return Source(
        channel=channel_of(reading.source, medium=reading.medium, campaign=campaign, kind=reading.kind),
        source=reading.source,
        medium=reading.medium,
        campaign=campaign,
        campaign_id=campaign_id,
        ad=ad,
        keyword=marks.keyword_of(facts.utm) or _asked(facts, reading.source),
        utm=written,
        click_ids=clicks,
        landing_url=landing_url,
        referrer=referrer,
        because=reading.because,
    )


def _facts(written: Mapping[str, str], clicks: Mapping[str, str], *, outside: tuple[str, Place]) -> _Facts:
    utm = {name: text for name, value in written.items() if (text := marks.filled(value))}
    referrer, place = outside
    return _Facts(
        utm=utm,
        named=sources.by_name(utm["utm_source"]) if "utm_source" in utm else None,
        clicks=tuple(proof for name, proof in CLICK_IDS.items() if name in clicks),
        referrer=referrer,
        place=place,
        site=sources.by_place(place) if place.host else None,
    )


def _by_source_and_medium(facts: _Facts) -> _Reading | None:
    """The advertiser named both."""
    source, kind, medium = _marked(facts)
    if not (source and medium):
        return None
    return _Reading(source, medium, N_("The address carries UTM marks."), kind)


def _by_source_and_click_id(facts: _Facts) -> _Reading | None:
    """The advertiser named the source; a click id proves the medium."""
    source, kind, _ = _marked(facts)
    own = next((proof for proof in facts.clicks if proof.source == source), None)
    proof = own or next((proof for proof in facts.clicks if is_paid(proof.medium)), None)
    if not (source and proof):
        return None
    because = N_("The address carries UTM marks; the click id says what they leave open.")
    return _Reading(source, proof.medium, because, kind)


def _by_source_mark(facts: _Facts) -> _Reading | None:
    """The advertiser named the source alone; assistants do so on every link they give."""
    source, kind, _ = _marked(facts)
    if not source:
        return None
    if kind == "ai":
        return _Reading(source, sources.MEDIUM_OF_KIND[kind], N_("The mark of an AI assistant."), kind)
    return _Reading(source, "", N_("The address carries a UTM source without a medium."), kind)


def _by_marks_without_source(facts: _Facts) -> _Reading | None:
    """The advertiser named a medium or a campaign; the rungs below name the source."""
    medium = _marked(facts)[2]
    if not (medium or "utm_campaign" in facts.utm):
        return None
    if below := _by_click_id(facts) or _by_referrer(facts):
        because = N_("UTM marks without a source; the click id or the referrer names it.")
        return _Reading(below.source, medium or below.medium, because, below.kind)
    return _Reading(NOT_SET, medium, N_("UTM marks without a source, and nothing else names it."))


def _by_click_id(facts: _Facts) -> _Reading | None:
    """A click id proves which system sent the click."""
    if not facts.clicks:
        return None
    proof, site = facts.clicks[0], facts.site
    if proof.name == "fbclid" and site and site.name in _APPS_OF_META:
        because = N_("The click id is Meta's, and the referrer names the app.")
        return _Reading(site.name, site.medium, because, site.kind)
    known = sources.by_name(proof.source)
    kind = known.kind if known else ""
    if is_paid(proof.medium) or proof.medium in _DISPLAY:
        return _Reading(proof.source, proof.medium, N_("The address carries an ad system's click id."), kind)
    because = N_("The address carries a click id that is also set without ads.")
    return _Reading(proof.source, proof.medium, because, kind)


# Meta puts fbclid on every outgoing link of all its apps.
_APPS_OF_META = frozenset(("instagram", "messenger", "threads", "whatsapp"))
_BECAUSE_OF_KIND = {
    "search": N_("The referrer is a search engine."),
    "social": N_("The referrer is a social network."),
    "video": N_("The referrer is a video site."),
    "messenger": N_("The referrer is a messenger."),
    "maps": N_("The referrer is a map or a classifieds site."),
    "shopping": N_("The referrer is a marketplace."),
    "email": N_("The referrer is a mail service."),
    "ai": N_("The referrer is an AI assistant."),
    "ads": N_("The referrer is an ad network."),
}


def _by_referrer(facts: _Facts) -> _Reading | None:
    """The site the visitor came from."""
    if site := facts.site:
        kind = "ads" if site.medium in ("cpc", "display") else site.kind
        return _Reading(site.name, site.medium, _BECAUSE_OF_KIND[kind], site.kind)
    if facts.place.host:
        return _Reading(facts.place.host, "referral", N_("The referrer is another site."))
    return None


def _direct(_: _Facts) -> _Reading:
    """Nothing says anything."""
    return _Reading(DIRECT_SOURCE, NO_MEDIUM, N_("No marks, no click id and no outside referrer."))


RUNGS: tuple[Callable[[_Facts], _Reading | None], ...] = (
    _by_source_and_medium,
    _by_source_and_click_id,
    _by_source_mark,
    _by_marks_without_source,
    _by_click_id,
    _by_referrer,
    _direct,
)


def _marked(facts: _Facts) -> tuple[str, str, str]:
    """Give source, its kind and medium as the marks name them."""
    medium = facts.utm.get("utm_medium", "").lower()
    if facts.named:
        return facts.named.name, facts.named.kind, medium
    return facts.utm.get("utm_source", "").lower(), "", medium


def _first_outside(referrers: Iterable[str], own: Collection[str]) -> tuple[str, Place]:
    """Give the first referrer that is neither our own site nor a page visitors merely pass through."""
    for referrer in filter(None, referrers):
        place = marks.place(referrer)
        if place.is_public and not sources.is_passage(place) and not _is_own(place.host, own):
            return referrer, place
    return "", Place("")


def _is_own(host: str, own: Iterable[str]) -> bool:
    return any(host == site or host.endswith("." + site) or site.endswith("." + host) for site in own)


@lru_cache(maxsize=512)
def _own_host(written: str) -> str:
    return marks.place(written).host


def _asked(facts: _Facts, source: str) -> str:
    """Read what a search engine was asked; most tell it no more."""
    if facts.site is None or facts.site.name != source or not facts.site.query:
        return ""
    asked = marks.params(facts.referrer)
    return next((asked[name] for name in facts.site.query if asked.get(name)), "")


_PAID = re.compile(r".*cp.*|ppc|retargeting|paid.*")
_SHOP_CAMPAIGN = re.compile(r".*(?:(?:[^a-df-z]|^)shop|shopping).*")
_EMAIL = re.compile(r"e[-_ ]?mail")
# Words of Russian-speaking marketers that GA4 does not read.
_PAID_WORDS = frozenset(
    ("ads", "adwords", "context", "kontekst", "rsy", "rsya", "search_ads", "target", "targeting")
).union(("retarget", "контекст", "рся", "таргет"))
_DISPLAY = frozenset(("display", "banner", "expandable", "interstitial", "cpm", "kms", "кмс", "баннер"))
_SOCIAL = frozenset(
    ("social", "social-network", "social-media", "sm", "social network", "social media", "smm", "stories")
)
_MESSENGER = frozenset(
    ("messenger", "messengers", "chat", "bot", "whatsapp", "telegram", "viber", "мессенджер")
)
_MAPS = frozenset(("maps", "map", "classifieds", "карты"))
_MAIL_WORDS = frozenset(("mail", "newsletter", "mailing", "рассылка", "rassylka"))
_AFFILIATE = frozenset(("affiliate", "affiliates", "partner", "partners", "партнер", "партнёр"))


def is_paid(medium: str) -> bool:
    """Say whether a medium means paid traffic."""
    return medium in _PAID_WORDS or _PAID.fullmatch(medium) is not None


@dataclass(frozen=True, slots=True)
class _Trait:
    """What the channel rules look at, in lower case."""

    source: str
    medium: str
    campaign: str
    kind: str
    paid: bool

    @property
    def is_shopping(self) -> bool:
        return self.kind == "shopping" or _SHOP_CAMPAIGN.fullmatch(self.campaign) is not None

    @property
    def is_push(self) -> bool:
        return (
            self.medium.endswith("push")
            or "mobile" in self.medium
            or "notification" in self.medium
            or self.source == "firebase"
        )


_CHANNEL_RULES: tuple[tuple[str, Callable[[_Trait], bool]], ...] = (
    ("Direct", lambda it: it.source == DIRECT_SOURCE and it.medium in (NO_MEDIUM, NOT_SET)),
    ("Cross-network", lambda it: "cross-network" in it.campaign),
    ("Paid Shopping", lambda it: it.paid and it.is_shopping),
    ("Paid Search", lambda it: it.paid and it.kind == "search"),
    ("Paid Social", lambda it: it.paid and it.kind in ("social", "messenger")),
    ("Paid Video", lambda it: it.paid and it.kind == "video"),
    ("Display", lambda it: it.medium in _DISPLAY),
    ("Paid Other", lambda it: it.paid),
    ("Organic Shopping", lambda it: it.is_shopping),
    ("AI Assistant", lambda it: it.kind == "ai" or it.medium == "ai-assistant"),
    ("Messenger", lambda it: it.kind == "messenger" or it.medium in _MESSENGER),
    ("Maps & Classifieds", lambda it: it.kind == "maps" or it.medium in _MAPS),
    ("Organic Social", lambda it: it.kind == "social" or it.medium in _SOCIAL),
    ("Organic Video", lambda it: it.kind == "video" or "video" in it.medium),
    ("Organic Search", lambda it: it.kind == "search" or it.medium == "organic"),
    ("Referral", lambda it: it.medium in ("referral", "app", "link")),
    ("Email", lambda it: it.kind == "email" or it.medium in _MAIL_WORDS),
    ("Email", lambda it: bool(_EMAIL.search(it.source) or _EMAIL.search(it.medium))),
    ("Affiliates", lambda it: it.medium in _AFFILIATE),
    ("Audio", lambda it: it.medium == "audio"),
    ("SMS", lambda it: "sms" in (it.source, it.medium)),
    ("Mobile Push Notifications", lambda it: it.is_push),
)


def channel_of(source: str, *, medium: str, campaign: str = "", kind: str = "") -> str:
    """Name the channel of a source; `kind` is that of sources.json, "" for a source we do not know."""
    medium = medium.lower()
    it = _Trait(source.lower(), medium, campaign.lower(), kind, is_paid(medium))
    return next((name for name, holds in _CHANNEL_RULES if holds(it)), "Unassigned")
