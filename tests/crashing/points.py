"""Where a process is killed, and in what."""

from __future__ import annotations

import enum
from dataclasses import dataclass

HTTP_OUT = "adapters.http:Transport.send"


class Story(enum.StrEnum):
    """What happens around the crash."""

    CLICK_FIRST = "the click comes before its message"
    MESSAGE_FIRST = "the message comes before its click"
    LATE_CLICK = "the click comes after the inquiry was delivered without a source"
    EXPIRED_TOKEN = "amoCRM's access token has run out"
    LOST_PAIR = "the new token pair is lost with the process; the owner connects again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Die `before` or `after` a call, or before the `commit` of a transaction (SQLite) that ran a statement.

    `where` is "module:name" of the call, or the statement's beginning. `asks` narrows HTTP calls down to
    those whose "METHOD address" it is found in, as a regular expression.
    """

    when: str
    where: str
    asks: str = ""
    story: Story = Story.CLICK_FIRST
    repeats_ga4: bool = False  # it may have answered, and nothing there can be looked up


def _before(asks: str, **kwargs: object) -> Point:
    return Point(when="before", where=HTTP_OUT, asks=asks, **kwargs)  # type: ignore[arg-type]


def _after(asks: str, **kwargs: object) -> Point:
    return Point(when="after", where=HTTP_OUT, asks=asks, **kwargs)  # type: ignore[arg-type]


CREATE = r"POST .*/api/v4/leads(/complex)?$"
NOTE = r"POST .*/api/v4/leads/(\d+/)?notes$"
SEARCH = r"GET .*/api/v4/contacts\?"
CONVERSIONS = r"POST .*offline_conversions/upload\?type=BASIC"
REFRESH = r"POST .*/oauth2/access_token"

POINTS = {
    "visit_before_commit": Point(when="commit", where="INSERT INTO visits"),
    "click_before_commit": Point(when="commit", where="INSERT INTO clicks"),
    "click_before_answer": Point(when="after", where="plugin.flow:record_click"),
    "webhook_before_commit": Point(when="commit", where="INSERT INTO webhooks"),
    "webhook_before_answer": Point(when="after", where="plugin.flow:record_webhook"),
    "webhook_claimed_before_parse": Point(when="before", where="plugin.intake:_read"),
    "inside_receive": Point(when="after", where="plugin.store.inquiries:add_inquiry"),
    "receive_before_commit": Point(when="commit", where="INSERT INTO inquiries"),
    "received_before_webhook_done": Point(when="before", where="plugin.store.messages:finish_webhook"),
    "message_waits": Point(
        when="before", where="plugin.store.messages:finish_webhook", story=Story.MESSAGE_FIRST
    ),
    "wait_ends_before_commit": Point(
        when="after", where="plugin.store.messages:take_waiting", story=Story.MESSAGE_FIRST
    ),
    "wait_ended": Point(when="after", where="plugin.flow:settle_message", story=Story.MESSAGE_FIRST),
    "delivery_claimed": Point(when="before", where="plugin.delivery:Deliverer._run"),
    "amocrm_after_search": _after(SEARCH),
    "amocrm_before_create": _before(CREATE),
    "amocrm_after_create": _after(CREATE),
    "amocrm_before_note": _before(NOTE),
    "amocrm_after_note": _after(NOTE),
    "ga4_before_call": _before(r"POST .*/mp/collect"),
    "ga4_after_answer": _after(r"POST .*/mp/collect", repeats_ga4=True),
    "metrica_after_conversions": _after(CONVERSIONS),
    "metrica_after_chats": _after(r"POST .*offline_conversions/upload\?type=CHATS"),
    "metrica_in_confirm": _after(r"GET .*offline_conversions/uploading/"),
    "receipts_before_commit": Point(when="commit", where="UPDATE deliveries SET state", repeats_ga4=True),
    "late_click_before_commit": Point(
        when="after", where="plugin.store.inquiries:change_match", story=Story.LATE_CLICK
    ),
    "late_click_after_conversion": _after(CONVERSIONS, story=Story.LATE_CLICK),
    "late_click_before_note": _before(NOTE, story=Story.LATE_CLICK),
    "late_click_after_note": _after(NOTE, story=Story.LATE_CLICK),
    "token_renewed_and_stored": Point(
        when="before",
        where=HTTP_OUT,
        asks=SEARCH,
        story=Story.EXPIRED_TOKEN,
    ),
    "token_renewed_not_stored": _after(REFRESH, story=Story.LOST_PAIR),
}
