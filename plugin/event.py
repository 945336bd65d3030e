"""From stored rows to what adapters understand, an inquiry above all: the only translation there is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from adapters.base import EventName, InquiryEvent, Person, Receipt, ReceiptState, Source
from plugin.catalogues import said_in
from plugin.domain.channel import channel_name
from plugin.store.inquiries import Inquiry
from plugin.store.outbox import Delivery
from plugin.store.people import StoredPerson
from plugin.store.projects import Project


def build_event(
    inquiry: Inquiry,
    *,
    project: Project,
    person: StoredPerson | None,
    event: EventName,
    known: Mapping[str, str],
    public_url: str,
) -> InquiryEvent:
    """Make the event of an inquiry; the same inquiry gives an equal event at every attempt."""
    facts = inquiry.facts
    visit = facts.get("visit", {})
    number = project.number(inquiry.number)
    return InquiryEvent(
        name=event,
        key=f"{inquiry.inquiry_id}.{event}",
        inquiry_id=inquiry.inquiry_id,
        occurred_at=inquiry.opened_at,
        project_name=project.name,
        currency=project.currency,
        time_zone=project.time_zone,
        language=project.language,
        person=Person(
            person_id=inquiry.person_id,
            name=person.name if person else "",
            phone=person.phone if person else "",
            handles=person.handles if person else {},
        ),
        is_repeat=inquiry.is_repeat,
        network=inquiry.network,
        number=inquiry.number,
        number_label=number.label if number else "",
        source=_source(facts.get("source", {}), project.language),
        first_source=_source(facts.get("first_source", {}), project.language),
        how=inquiry.how,
        confidence=inquiry.confidence,
        because=said_in(project.language, inquiry.because),
        reference=_printed(inquiry.reference),
        page_url=inquiry.page_url,
        page_title=facts.get("click", {}).get("page_title", ""),
        phrase=inquiry.phrase,
        text=inquiry.text,
        tags=inquiry.tags,
        visit_started_at=_moment(visit.get("started_at")),
        visits_before=visit.get("before", 0),
        analytics_ids=visit.get("ids", {}),
        consent=visit.get("consent", {}),
        card_url=f"{public_url}/p/{inquiry.project_id}/inquiries/{inquiry.inquiry_id}",
        known=known,
    )


def stored_receipt(delivery: Delivery) -> Receipt:
    """Give the receipt that a row keeps."""
    kept = delivery.receipt
    return Receipt(
        state=ReceiptState(kept.get("state", "accepted")),
        remote_id=kept.get("remote_id", ""),
        link=kept.get("link", ""),
        note=kept.get("note", ""),
        params=kept.get("params", {}),
        details=kept.get("details", {}),
        check_after=kept.get("check_after"),
    )


def _source(facts: Mapping[str, Any], language: str) -> Source:
    known = {name: facts[name] for name in Source.__dataclass_fields__ if name in facts}
    return Source(**known, channel_name=channel_name(known.get("channel", ""), language))


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _printed(reference: str) -> str:
    return f"{reference[:4]}-{reference[4:]}" if len(reference) == 8 else ""
