"""A visit and a press on a marked link, as the snippet reported them: raw facts, nothing concluded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch:
    """How the visitor came, once: the landing address and the referrer of that visit."""

    at: datetime
    landing_url: str
    referrer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    visit_id: str
    visitor_id: str
    started_at: datetime
    landing_url: str
    referrer: str = ""
    visits_before: int = 0
    first_touch: Touch | None = None
    last_touch: Touch | None = None  # the last one that was not direct
    click_ids: Mapping[str, str] = field(default_factory=dict)
    analytics_ids: Mapping[str, str] = field(default_factory=dict)
    utm: Mapping[str, str] = field(default_factory=dict)  # from custom parameter names, under standard ones
    screen: str = ""
    language: str = ""
    time_zone: str = ""
    consent: Mapping[str, str] = field(default_factory=dict)
    user_agent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Click:
    click_id: str
    visit_id: str
    network: str
    number: str  # digits of the business phone
    reference: str  # eight symbols, no separator
    clicked_at: datetime
    page_url: str = ""
    page_title: str = ""
    phrase: str = ""
