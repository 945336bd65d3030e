"""A period of days in the project's zone, and the bars of a chart over it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import format_date, gettext

from adapters.base import N_
from plugin.web import words

DAYS = {"1": 1, "7": 7, "30": 30, "90": 90}
LABELS = {
    "1": N_("Today"),
    "7": N_("7 days"),
    "30": N_("30 days"),
    "90": N_("90 days"),
    "own": N_("Own dates"),
}
DEFAULT = "30"
MAX_DAYS = 366


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Whole days, first and last among them, of one zone."""

    key: str
    first: date
    last: date
    zone: ZoneInfo

    @property
    def since(self) -> datetime:
        return datetime.combine(self.first, time(), self.zone).astimezone(UTC)

    @property
    def until(self) -> datetime:
        return datetime.combine(self.last + timedelta(days=1), time(), self.zone).astimezone(UTC)

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]


def read(args: Mapping[str, str], *, zone_name: str, now: datetime) -> Period:
    """Read the period of a page's address; what makes no sense becomes the usual one."""
    zone = ZoneInfo(zone_name)
    today = now.astimezone(zone).date()
    first, last = _day(args.get("from")), _day(args.get("to"))
    if args.get("period") == "own" and first and last:
        first, last = sorted((first, last))
        return Period(key="own", first=max(first, last - timedelta(days=MAX_DAYS - 1)), last=last, zone=zone)
    key = args.get("period", DEFAULT)
    key = key if key in DAYS else DEFAULT
    return Period(key=key, first=today - timedelta(days=DAYS[key] - 1), last=today, zone=zone)


def _day(text: str | None) -> date | None:
    try:
        found = date.fromisoformat(text or "")
    except ValueError:
        return None
    return found if 2000 <= found.year <= 2100 else None


def chart(period: Period, counted: Iterable[tuple[datetime, str, int]]) -> dict[str, Any]:
    """Give labels and stacked series, the biggest channel first; by the hour when it is one day."""
    by_hour = period.first == period.last
    counts: Counter[tuple[Any, str]] = Counter()
    totals: Counter[str] = Counter()
    for at, channel, count in counted:
        here = at.astimezone(period.zone)
        counts[here.hour if by_hour else here.date(), channel] += count
        totals[channel] += count
    slots: list[Any] = list(range(24)) if by_hour else period.days
    series = []
    for channel, _total in totals.most_common():
        word = words.channel(channel)
        values = [counts[slot, channel] for slot in slots]
        facts = {"channel": channel, "tone": word.tone, "total": totals[channel]}
        series.append({**facts, "name": gettext(word.text), "values": values})
    labels = [f"{slot:02}:00" if by_hour else format_date(slot, "d MMM") for slot in slots]
    return {"labels": labels, "series": series}
