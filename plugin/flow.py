"""The journey as verbs, in order: a visit is recorded, a click, a webhook, a message is received.

Each verb is one transaction. Nothing here knows an adapter, Flask or the words of SQL.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from plugin.domain import matching, person, reference
from plugin.domain.because import Because
from plugin.domain.inquiry import Standing, TagField, is_shared, opens_inquiry, read_rule, standing, tags_for
from plugin.domain.matching import How, Match
from plugin.domain.message import Message
from plugin.domain.visit import Click, Visit
from plugin.facts import facts_of, source_of
from plugin.store import inquiries, messages, outbox, people, projects, visits
from plugin.store.database import Database, new_id
from plugin.store.inquiries import Inquiry
from plugin.store.projects import Project
from plugin.store.writer import GroupWriter

OPENED = "inquiry_opened"
FOUND = "source_found"
CLOCK_SLACK = timedelta(minutes=10)
KEPT_TEXT_CHARS = 4096

# event → connections that want it
QueueFor = Mapping[str, Sequence[str]]


def record_visit(writer: GroupWriter, project_id: str, visit: Visit, *, now: datetime) -> None:
    """Keep a visit, once."""
    writer.write((visits.SAVE_VISIT, visits.visit_row(project_id, visit, received_at=now)))


def record_click(writer: GroupWriter, project_id: str, visit: Visit, *, click: Click, now: datetime) -> None:
    """Keep a press on a marked link, and its visit with what was learnt since."""
    writer.write(
        (visits.REFRESH_VISIT, visits.visit_row(project_id, visit, received_at=now)),
        (visits.SAVE_CLICK, visits.click_row(project_id, click, received_at=now)),
    )


def record_webhook(
    writer: GroupWriter,
    project_id: str,
    connection_id: str,
    *,
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
) -> None:
    """Keep an authentic webhook as it came."""
    row = messages.webhook_row(project_id, connection_id, headers=headers, body=body, received_at=now)
    writer.write((messages.SAVE_WEBHOOK, row))


def receive_message(
    database: Database, project_id: str, message: Message, *, queue_for: QueueFor, now: datetime
) -> Inquiry | None:
    """Take in one message: dedupe, find the person and the visit, open or continue an inquiry, queue.

    None: the message was known, or it waits for the click that its reference speaks of.
    """
    with database.write() as connection:
        project = _project(connection, project_id)
        person_id = _person_of(connection, project_id, message, now=now)
        match = _match(connection, project, message)
        settle_at = message.received_at + timedelta(seconds=project.wait_seconds)
        waits = bool(match.awaited) and now < settle_at
        is_new = messages.add_message(
            connection,
            project_id,
            message,
            person_id=person_id,
            state="waiting" if waits else "settled",
            settle_at=settle_at if waits else None,
        )
        if not is_new or waits:
            return None
        return _settle(
            connection, project, message, person_id=person_id, match=match, queue_for=queue_for, now=now
        )


def settle_message(
    database: Database,
    project_id: str,
    message: Message,
    *,
    queue_for: QueueFor,
    is_over: bool,
    now: datetime,
) -> bool:
    """Settle a message that waited, when its click has come or `is_over`; tell whether it was settled."""
    with database.write() as connection:
        project = _project(connection, project_id)
        match = _match(connection, project, message)
        if match.awaited and not is_over:
            return False
        if not messages.take_waiting(connection, project_id, message):
            return False  # another worker was faster
        person_id = _person_of(connection, project_id, message, now=now)
        _settle(connection, project, message, person_id=person_id, match=match, queue_for=queue_for, now=now)
        return True


def match_late(database: Database, inquiry: Inquiry, *, queue_for: QueueFor, now: datetime) -> bool:
    """Look again for the visit of an inquiry whose click may have come late; tell whether it was found."""
    with database.write() as connection:
        project = _project(connection, inquiry.project_id)
        current = inquiries.inquiry(connection, inquiry.project_id, inquiry.inquiry_id)
        if current is None:
            return False
        for message in messages.messages_of(connection, inquiry.project_id, inquiry.inquiry_id):
            match = _match(connection, project, message)
            if match.visit_id and matching.better(_match_of(current), match):
                _upgrade(connection, project, current, message, match=match, queue_for=queue_for, now=now)
                return True
    return False


def correct_match(
    database: Database, project_id: str, inquiry_id: str, *, written: str, queue_for: QueueFor, now: datetime
) -> Inquiry | None:
    """Give an inquiry the visit of the reference that a person enters; "" states that there is none.

    It wins over every other match, and those who were told the old source are told the new one. None: no
    press on a link to the inquiry's number brought this reference.
    """
    with database.write() as connection:
        project = _project(connection, project_id)
        current = inquiries.inquiry(connection, project_id, inquiry_id)
        told = messages.messages_of(connection, project_id, inquiry_id)
        if current is None or not told:
            return None
        match = matching.by_hand(None)
        if written.strip():
            reading = reference.read(written)
            clicks = visits.clicks_by_reference(
                connection,
                project_id,
                references={*reading.exact, *reading.folded},
                number=current.number,
                since=project.created_at - CLOCK_SLACK,
                until=now + CLOCK_SLACK,
            )
            if not clicks:
                return None
            click = clicks[-1]
            match = matching.by_hand(click.visit_id, click_id=click.click_id, reference=click.reference)
        return _upgrade(connection, project, current, told[0], match=match, queue_for=queue_for, now=now)


# --- the steps ------------------------------------------------------------------------------------


def _project(connection: Connection, project_id: str) -> Project:
    found = projects.project(connection, project_id)
    if found is None:
        raise LookupError(f"no project {project_id}")
    return found


def _person_of(connection: Connection, project_id: str, message: Message, *, now: datetime) -> str:
    """Give the person who wrote: the one whom the handles name, or a new one."""
    handles = person.handles_of(message)
    people.take_turn(connection, project_id, handles)
    known = people.persons_by_handles(connection, project_id, handles)
    found = person.belongs_to(handles, known={handle: known[handle] for handle in handles if handle in known})
    facts = {"name": message.name, "phone": message.phone, "username": message.username}
    person_id = found.person_id
    if person_id is None:
        person_id = people.add_person(connection, project_id, **facts, now=now)
    else:
        people.complete_person(connection, project_id, person_id, **facts)
    people.add_handles(connection, project_id, person_id, wanted=found.new, now=now)
    return person_id


def _match(connection: Connection, project: Project, message: Message) -> Match:
    """Read the reference, ask for its clicks, and decide."""
    reading = reference.read(message.text)
    payload = reference.read(message.start_payload) if message.start_payload else reference.NOTHING_READ
    clicks = visits.clicks_by_reference(
        connection,
        project.project_id,
        references={*reading.words, *payload.words},
        number=message.number,
        since=message.sent_at - timedelta(days=project.window_days),
        until=message.received_at + CLOCK_SLACK,
    )
    return matching.match(
        reading,
        clicks=clicks,
        visits=visits.visits_by_id(connection, project.project_id, (click.visit_id for click in clicks)),
        referral=message.referral,
        payload=payload,
        is_forwarded=message.is_forwarded,
        now=message.sent_at,
    )


def _settle(
    connection: Connection,
    project: Project,
    message: Message,
    *,
    person_id: str,
    match: Match,
    queue_for: QueueFor,
    now: datetime,
) -> Inquiry:
    """Put a message into the dialogue it continues, or open an inquiry."""
    earlier = inquiries.inquiries_of(connection, project.project_id, person_id)
    here = [inquiry for inquiry in earlier if inquiry.number == message.number]
    current = here[-1] if here else None
    last_at = max((inquiry.last_message_at for inquiry in here), default=None)
    gap = timedelta(hours=project.dialogue_gap_hours)
    if current is None or opens_inquiry(last_at, message.sent_at, gap=gap):
        current = _open(
            connection, project, message, person_id=person_id, match=match, earlier=earlier, now=now
        )
        ids = queue_for.get(OPENED, ())
        outbox.queue(
            connection,
            project.project_id,
            inquiry_id=current.inquiry_id,
            connection_ids=ids,
            event=OPENED,
            now=now,
        )
    else:
        inquiries.touch_inquiry(connection, project.project_id, current.inquiry_id, at=message.sent_at)
        if matching.better(_match_of(current), match):
            current = _upgrade(
                connection, project, current, message, match=match, queue_for=queue_for, now=now
            )
    messages.settle_message(connection, project.project_id, message, inquiry_id=current.inquiry_id)
    return current


def _open(
    connection: Connection,
    project: Project,
    message: Message,
    *,
    person_id: str,
    match: Match,
    earlier: Sequence[Inquiry],
    now: datetime,
) -> Inquiry:
    seen = standing(
        [inquiry.opened_at for inquiry in earlier], message.sent_at, depth_days=project.depth_days
    )
    bare = Inquiry(
        project_id=project.project_id,
        inquiry_id=new_id(),
        person_id=person_id,
        network=message.network,
        number=message.number,
        opened_at=message.sent_at,
        created_at=now,
        last_message_at=message.sent_at,
        is_repeat=seen is Standing.REPEAT,
    )
    opened = _with_match(connection, project, bare, message, match=match)
    inquiries.add_inquiry(connection, opened)
    return opened


def _upgrade(
    connection: Connection,
    project: Project,
    current: Inquiry,
    message: Message,
    *,
    match: Match,
    queue_for: QueueFor,
    now: datetime,
) -> Inquiry:
    """Give an inquiry a better match, and tell those who were told the worse one."""
    better = _with_match(connection, project, current, message, match=match)
    if current.text:
        better = replace(better, text=reference.without_reference(current.text, *_words(better)))
    inquiries.change_match(connection, better)
    outbox.requeue_for_match(
        connection,
        project.project_id,
        inquiry_id=current.inquiry_id,
        opened=OPENED,
        found=FOUND,
        found_ids=queue_for.get(FOUND, ()),
        now=now,
    )
    return better


def _with_match(
    connection: Connection, project: Project, inquiry: Inquiry, message: Message, *, match: Match
) -> Inquiry:
    """Freeze what the match says into the inquiry: source, page, phrase, tags, and all facts behind."""
    visit = visits.visit(connection, project.project_id, match.visit_id) if match.visit_id else None
    click = visits.click(connection, project.project_id, match.click_id) if match.click_id else None
    source = source_of(project, visit, match)
    matched = replace(
        inquiry,
        visit_id=match.visit_id or "",
        click_id=match.click_id or "",
        # an unknown reference is kept, for its click may still come
        reference=match.reference or next(iter(match.awaited), ""),
        how=str(match.how),
        confidence=match.confidence,
        because={"text": match.because.text, "params": dict(match.because.params)},
        is_shared=bool(match.reference)
        and is_shared(
            inquiry.person_id,
            used_by=inquiries.persons_with_reference(connection, project.project_id, match.reference),
        ),
        channel=source.channel if source else "",
        source=source.source if source else "",
        medium=source.medium if source else "",
        campaign=source.campaign if source else "",
        ad=source.ad if source else "",
        keyword=source.keyword if source else "",
        page_url=click.page_url if click else "",
        phrase=click.phrase if click else "",
        facts=facts_of(
            project,
            visit=visit,
            click=click,
            # told once, with the first message: a better match must not lose it
            referral=message.referral or inquiry.facts.get("referral", {}),
            match=match,
            source=source,
        ),
    )
    text = reference.without_reference(message.text, *_words(matched))[:KEPT_TEXT_CHARS]
    matched = replace(matched, text=matched.text or text)
    return replace(matched, tags=_tags(project, matched))


def _words(inquiry: Inquiry) -> tuple[str, ...]:
    return (inquiry.reference,) if inquiry.reference else ()


def _match_of(inquiry: Inquiry) -> Match:
    """Give what is known of an inquiry's match, enough to compare it."""
    return Match(
        how=How(inquiry.how),
        confidence=inquiry.confidence,
        because=Because(),
        visit_id=inquiry.visit_id or None,
        reference=inquiry.reference,
    )


def _tags(project: Project, inquiry: Inquiry) -> tuple[str, ...]:
    source = inquiry.facts.get("source", {})
    facts = {
        TagField.TEXT: inquiry.text,
        TagField.PAGE: inquiry.page_url,
        TagField.PHRASE: inquiry.phrase,
        TagField.LANDING: source.get("landing_url", ""),
        TagField.CAMPAIGN: inquiry.campaign,
        TagField.NUMBER: inquiry.number,
    }
    return tags_for([read_rule(raw) for raw in project.tag_rules], facts)
