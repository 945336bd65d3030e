"""What an inquiry freezes of its visit: the source, as classified at that moment, and the facts behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from urllib.parse import urlsplit

from plugin.domain import channel
from plugin.domain.because import N_
from plugin.domain.matching import Match
from plugin.domain.referral import ReferralSource
from plugin.domain.visit import Click, Visit
from plugin.store.projects import Project

DIRECT, PAID_SOCIAL, ORGANIC_SOCIAL = "Direct", "Paid Social", "Organic Social"  # GA4's names


def source_of(project: Project, visit: Visit | None, match: Match) -> channel.Source | None:
    """Classify this visit; a direct one speaks for the last visit that was not (as GA4 and Metrica do)."""
    if visit is None:
        return _of_ad(match.referral) if match.referral else None
    hosts = own_hosts(project)
    this = channel.classify(visit.landing_url, visit.referrer, own_hosts=hosts, utm=visit.utm)
    if this.channel == DIRECT and visit.last_touch is not None:
        last = channel.classify(visit.last_touch.landing_url, visit.last_touch.referrer, own_hosts=hosts)
        this = this if last.channel == DIRECT else last
    # the browser keeps click ids for 90 days: on a direct visit they are the last touch's, and useful still
    return replace(this, click_ids={**visit.click_ids, **this.click_ids})


def _of_ad(ad: ReferralSource) -> channel.Source:
    """Give the source that the messenger itself names: an ad or a post, without a visit."""
    return channel.Source(
        channel=PAID_SOCIAL if ad.is_ad else ORGANIC_SOCIAL,
        source=ad.source,
        medium=ad.medium,
        ad=ad.ad_id,
        click_ids={"ctwa_clid": ad.ctwa_clid} if ad.ctwa_clid else {},
        referrer=ad.source_url,
        because=N_("The messenger named it."),
    )


def own_hosts(project: Project) -> list[str]:
    """Give the hosts of the project's sites."""
    return [urlsplit(origin).hostname or origin for origin in project.origins]


def facts_of(
    project: Project,
    *,
    visit: Visit | None,
    click: Click | None,
    referral: Mapping[str, object],
    match: Match,
    source: channel.Source | None,
) -> dict[str, object]:
    """Give all that stands behind the match, as it is kept with the inquiry; nothing empty."""
    first = visit.first_touch if visit else None
    facts: dict[str, object] = {
        "source": asdict(source) if source else {},
        "first_source": asdict(
            channel.classify(first.landing_url, first.referrer, own_hosts=own_hosts(project))
        )
        if first
        else {},
        "visit": _visit_facts(visit) if visit else {},
        "click": _click_facts(click) if click else {},
        "referral": dict(referral),
        "candidates": [{**asdict(candidate), "how": str(candidate.how)} for candidate in match.candidates],
    }
    return {name: value for name, value in facts.items() if value}


def _visit_facts(visit: Visit) -> dict[str, object]:
    return {
        "visit_id": visit.visit_id,
        "visitor_id": visit.visitor_id,
        "started_at": visit.started_at.isoformat(),
        "landing_url": visit.landing_url,
        "referrer": visit.referrer,
        "before": visit.visits_before,
        "first_at": visit.first_touch.at.isoformat() if visit.first_touch else "",
        "last_at": visit.last_touch.at.isoformat() if visit.last_touch else "",
        "screen": visit.screen,
        "lang": visit.language,
        "zone": visit.time_zone,
        "user_agent": visit.user_agent,
        "ids": dict(visit.analytics_ids),
        "consent": dict(visit.consent),
    }


def _click_facts(click: Click) -> dict[str, object]:
    return {
        "page_url": click.page_url,
        "page_title": click.page_title,
        "phrase": click.phrase,
        "clicked_at": click.clicked_at.isoformat(),
    }
