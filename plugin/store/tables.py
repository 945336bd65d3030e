"""The tables. Every key starts with the project, and nothing points across projects.

Times are aware UTC. Ids are text: minted by the browser (visits, clicks) or by `new_id`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Moment(TypeDecorator[datetime]):
    """An aware UTC time kept as whole microseconds: the same, sortable and exact on both databases."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else to_micros(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else from_micros(value)


def to_micros(moment: datetime) -> int:
    """Give microseconds since 1970; refuses a time without a zone."""
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    delta = moment - EPOCH
    return (delta.days * 86400 + delta.seconds) * 1_000_000 + delta.microseconds


def from_micros(micros: int) -> datetime:
    """Give the aware UTC time of `to_micros`."""
    seconds, rest = divmod(micros, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Json = JSON().with_variant(postgresql.JSONB(), "postgresql")


def _id(name: str, **kwargs: Any) -> Column[str]:
    return Column(name, String(64), nullable=False, **kwargs)


def _key(name: str) -> Column[str]:
    return Column(name, String(64), primary_key=True)


def _text(name: str, default: str = "") -> Column[str]:
    return Column(name, Text, nullable=False, server_default=default)


def _moment(name: str, *, optional: bool = False) -> Column[datetime]:
    return Column(name, Moment, nullable=optional)


def _flag(name: str, *, default: bool = False) -> Column[bool]:
    return Column(name, Boolean, nullable=False, default=default)


def _json(name: str, empty: Any = dict) -> Column[Any]:
    return Column(name, Json, nullable=False, default=empty)


# --- who may look, and at what --------------------------------------------------------------------

users = Table(
    "users",
    metadata,
    _key("user_id"),
    Column("email", String(254), nullable=False, unique=True),
    _text("name"),
    _text("password_hash"),
    _text("language"),
    _moment("created_at"),
    _moment("last_seen_at", optional=True),
)

memberships = Table(
    "memberships",
    metadata,
    _key("project_id"),
    _key("user_id"),
    Column("role", String(16), nullable=False),  # owner, manager, viewer
)
Index("ix_memberships_user_id", memberships.c.user_id)

projects = Table(
    "projects",
    metadata,
    _key("project_id"),
    _text("name"),
    Column("public_key", String(64), nullable=False, unique=True),  # stands in the tag
    _json("origins", list),  # ["https://shop.example"]; beacons from elsewhere are dropped
    _text("currency", "RUB"),
    _text("time_zone", "UTC"),
    _text("language", "en"),
    _text("phrase"),  # default ready phrase
    _text("template", "{reference} {phrase}"),
    _text("consent", "off"),  # off, google, manual
    _json("tag_rules", list),
    Column("depth_days", Integer, nullable=False, default=90),  # new or repeat
    Column("dialogue_gap_hours", Integer, nullable=False, default=24),
    Column("window_days", Integer, nullable=False, default=30),  # how long a reference is looked for
    Column("wait_seconds", Integer, nullable=False, default=90),  # how long a message waits for its click
    _moment("created_at"),
)

numbers = Table(
    "numbers",
    metadata,
    _key("project_id"),
    _key("number_id"),
    Column("network", String(16), nullable=False),
    Column("address", String(64), nullable=False),  # E.164 digits
    _text("label"),
    _flag("is_tracked", default=True),
    _moment("created_at"),
)
Index("uq_numbers_address", numbers.c.project_id, numbers.c.network, numbers.c.address, unique=True)

phrases = Table(
    "phrases",
    metadata,
    _key("project_id"),
    _key("phrase_id"),
    Column("position", Integer, nullable=False, default=0),
    _text("page"),  # pattern of the page's path; empty: every page
    _text("text"),
)

connections = Table(
    "connections",
    metadata,
    _key("project_id"),
    _key("connection_id"),
    Column("platform", String(32), nullable=False),
    Column("kind", String(16), nullable=False),
    _text("label"),
    Column("config", LargeBinary, nullable=False),  # encrypted JSON of the settings
    Column("state", LargeBinary, nullable=True),  # encrypted JSON: tokens, field lists
    Column("hook_key", String(64), nullable=False, unique=True),  # unguessable part of the webhook address
    _flag("is_active", default=True),
    _json("paused_because"),  # {"text", "params"} when a Misconfigured paused it
    _moment("paused_at", optional=True),
    _moment("retry_at", optional=True),  # circuit breaker: nothing is claimed before
    Column("failures", Integer, nullable=False, default=0),  # Temporary errors in a row
    _moment("last_success_at", optional=True),
    _moment("last_failure_at", optional=True),
    _json("last_error"),
    _moment("last_webhook_at", optional=True),
    _moment("lock_until", optional=True),
    _text("lock_owner"),
    _moment("created_at"),
)

audit = Table(
    "audit",
    metadata,
    _key("project_id"),
    _key("audit_id"),
    _id("user_id"),
    Column("action", String(64), nullable=False),
    _json("facts"),
    _moment("at"),
)

# --- what the site tells --------------------------------------------------------------------------

visits = Table(
    "visits",
    metadata,
    _key("project_id"),
    _key("visit_id"),
    _id("visitor_id"),
    _moment("started_at"),
    _moment("received_at"),
    _text("landing_url"),
    _text("referrer"),
    _text("user_agent"),
    _json("facts"),  # touches, click ids, analytics ids, screen, language, zone, consent
)
Index("ix_visits_started", visits.c.project_id, visits.c.started_at)

clicks = Table(
    "clicks",
    metadata,
    _key("project_id"),
    _key("click_id"),
    _id("visit_id"),
    Column("network", String(16), nullable=False),
    Column("number", String(64), nullable=False),
    Column("reference", String(16), nullable=False),
    _moment("clicked_at"),
    _moment("received_at"),
    _text("page_url"),
    _text("page_title"),
    _text("phrase"),
)
Index("ix_clicks_reference", clicks.c.project_id, clicks.c.reference)
Index("ix_clicks_clicked", clicks.c.project_id, clicks.c.clicked_at)

drops = Table(  # beacons refused, counted
    "drops",
    metadata,
    _key("project_id"),
    _key("day"),
    _key("reason"),
    Column("count", Integer, nullable=False, default=0),
    _text("example"),  # an origin, never a visitor's data
)

# --- what the messengers tell ---------------------------------------------------------------------

webhooks = Table(  # raw bodies, stored before the answer
    "webhooks",
    metadata,
    _key("project_id"),
    _key("webhook_id"),
    _id("connection_id"),
    _json("headers"),
    Column("body", LargeBinary, nullable=False),
    _moment("received_at"),
    Column("state", String(16), nullable=False),  # new, done, failed
    Column("attempts", Integer, nullable=False, default=0),
    _moment("due_at"),
    _text("error"),
)
Index("ix_webhooks_state", webhooks.c.state, webhooks.c.due_at)

messages = Table(
    "messages",
    metadata,
    _key("project_id"),
    _key("platform"),
    _key("channel_id"),
    Column("message_id", String(255), primary_key=True),
    _id("person_id", index=False),
    Column("network", String(16), nullable=False),
    Column("number", String(64), nullable=False),
    _text("inquiry_id"),
    _moment("sent_at"),
    _moment("received_at"),
    _text("text"),
    Column("kind", String(32), nullable=False),
    _json("facts"),  # name, phone, handles, referral, …
    Column("state", String(16), nullable=False),  # waiting (for a click), settled
    _moment("settle_at", optional=True),
)
Index("ix_messages_state", messages.c.state, messages.c.settle_at)
Index("ix_messages_person", messages.c.project_id, messages.c.person_id, messages.c.sent_at)
Index("ix_messages_inquiry", messages.c.project_id, messages.c.inquiry_id)

persons = Table(
    "persons",
    metadata,
    _key("project_id"),
    _key("person_id"),
    _text("name"),
    _text("phone"),
    _text("username"),
    _moment("created_at"),
)
Index("ix_persons_phone", persons.c.project_id, persons.c.phone)

handles = Table(
    "handles",
    metadata,
    _key("project_id"),
    Column("kind", String(32), primary_key=True),  # phone, bsuid, telegram, …
    Column("value", String(255), primary_key=True),
    _id("person_id"),
    _moment("created_at"),
)
Index("ix_handles_person", handles.c.project_id, handles.c.person_id)

# --- inquiries and their deliveries ---------------------------------------------------------------

inquiries = Table(
    "inquiries",
    metadata,
    _key("project_id"),
    _key("inquiry_id"),
    _id("person_id"),
    Column("network", String(16), nullable=False),
    Column("number", String(64), nullable=False),
    _moment("opened_at"),
    _moment("created_at"),
    _moment("last_message_at"),
    _flag("is_repeat"),
    _text("text"),  # first message, without the reference
    # match
    _text("visit_id"),
    _text("click_id"),
    _text("reference"),
    Column("how", String(16), nullable=False),
    Column("confidence", Float, nullable=False, default=0.0),
    _json("because"),  # {"text", "params"}
    _flag("is_shared"),
    # source, frozen when matched; columns for what is filtered, `facts` for all of it
    _text("channel"),
    _text("source"),
    _text("medium"),
    _text("campaign"),
    _text("ad"),
    _text("keyword"),
    _text("page_url"),
    _text("phrase"),
    _json("tags", list),
    _json("facts"),
)
Index("ix_inquiries_opened", inquiries.c.project_id, inquiries.c.opened_at)
Index("ix_inquiries_person", inquiries.c.project_id, inquiries.c.person_id, inquiries.c.opened_at)
Index("ix_inquiries_reference", inquiries.c.project_id, inquiries.c.reference)

deliveries = Table(  # the outbox: ids and state, no personal data
    "deliveries",
    metadata,
    _key("project_id"),
    _key("delivery_id"),
    _id("inquiry_id"),
    _id("connection_id"),
    Column("event", String(32), nullable=False),
    # pending, accepted (handed over, to be confirmed), delivered, skipped, rejected, dead
    Column("state", String(16), nullable=False),
    _moment("created_at"),
    _moment("due_at"),
    _moment("lease_until", optional=True),
    _text("lease_owner"),
    Column("attempts", Integer, nullable=False, default=0),
    _moment("first_attempt_at", optional=True),
    _moment("finished_at", optional=True),
    _text("remote_id"),
    _text("link"),
    _json("receipt"),  # the whole receipt
    _json("error"),  # {"class", "text", "params"}
)
Index(
    "uq_deliveries_event",
    deliveries.c.project_id,
    deliveries.c.inquiry_id,
    deliveries.c.connection_id,
    deliveries.c.event,
    unique=True,
)
Index("ix_deliveries_due", deliveries.c.state, deliveries.c.due_at)
Index("ix_deliveries_connection", deliveries.c.project_id, deliveries.c.connection_id, deliveries.c.state)

attempts = Table(  # redacted, kept for 30 days
    "attempts",
    metadata,
    _key("project_id"),
    _key("attempt_id"),
    _id("delivery_id"),
    Column("number", Integer, nullable=False),
    _moment("at"),
    Column("seconds", Float, nullable=False, default=0.0),
    Column("outcome", String(16), nullable=False),
    _json("error"),
    _json("exchanges", list),
)
Index("ix_attempts_delivery", attempts.c.project_id, attempts.c.delivery_id)
Index("ix_attempts_at", attempts.c.at)
