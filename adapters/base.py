"""The contract between Whence and a platform: everything an adapter may know.

An adapter is one file. It imports this module and `adapters.http`, never `plugin` and never
another platform. It is made for one connection, used for one call, and thrown away.
"""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Protocol

if TYPE_CHECKING:
    from adapters.http import Http


def N_(text: str) -> str:
    """Mark `text` for translation where it is declared; the screens translate it when they show it."""
    return text


class Kind(enum.StrEnum):
    MESSAGING = "messaging"
    CRM = "crm"
    ANALYTICS = "analytics"


class EventName(enum.StrEnum):
    INQUIRY_OPENED = "inquiry_opened"
    # The source became known, or was corrected, after INQUIRY_OPENED had been delivered.
    SOURCE_FOUND = "source_found"


# --- errors: the class says who acts next ---------------------------------------------------------


class AdapterError(Exception):
    """One sentence for the owner: what happened, what to do. `text` is a translatable template.

    Parameters never hold personal data, secrets or response bodies.
    """

    def __init__(self, text: str, **params: str | int) -> None:
        super().__init__(text.format(**params) if params else text)
        self.text = text
        self.params = params


class Temporary(AdapterError):
    """The network, a 429 or a 5xx: try again later, after `after` seconds when the platform said so."""

    def __init__(self, text: str, *, after: float | None = None, **params: str | int) -> None:
        super().__init__(text, **params)
        self.after = after


class Rejected(AdapterError):
    """The platform will never accept this event as it is: stop this row and show it."""


class Misconfigured(AdapterError):
    """Credentials, rights or settings are wrong: pause the connection and keep its rows."""


class Unsupported(AdapterError):
    """The event cannot be expressed there: mark the row skipped, with this reason."""


class NotAuthentic(AdapterError):
    """A webhook whose signature or secret is wrong."""


# --- declaration ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One field of a connection's form. `label` and `help` are translatable."""

    name: str
    label: str
    help: str = ""
    secret: bool = False
    required: bool = True
    default: str = ""
    choices: tuple[tuple[str, str], ...] = ()  # (value, label): a drop-down list
    multiline: bool = False
    advanced: bool = False  # folded away; the default suits nearly everybody
    pattern: str = ""  # a regular expression that the whole value must match
    example: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a check's answer: fine, or a warning with what to do."""

    ok: bool
    text: str
    params: Mapping[str, str | int] = field(default_factory=dict)


class ConnectionState(Protocol):
    """What an adapter keeps about its connection between calls: tokens, field lists (encrypted at rest)."""

    def read(self) -> Mapping[str, str]:
        """Give the values as they stand now."""
        ...

    def exclusive(self) -> AbstractContextManager[MutableMapping[str, str]]:
        """Hold the connection's lock across all processes; what is changed inside is stored on leaving.

        The values are read anew after the lock is taken. Raises Temporary when the lock is not had in time.
        """
        ...


# --- what goes out --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where the visit came from, already classified. A value that is not known is an empty string."""

    channel: str = ""  # GA4's channel name, e.g. "Paid Search"
    channel_name: str = ""  # the same for people, in the project's language
    source: str = ""  # "yandex"
    medium: str = ""  # "cpc"
    campaign: str = ""
    campaign_id: str = ""
    ad: str = ""  # utm_content
    keyword: str = ""  # utm_term
    utm: Mapping[str, str] = field(default_factory=dict)  # as they stood in the address: utm_source, …
    click_ids: Mapping[str, str] = field(default_factory=dict)  # gclid, yclid, fbclid, ctwa_clid, …
    landing_url: str = ""
    referrer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    person_id: str
    name: str = ""
    phone: str = ""  # E.164 digits without "+": "79991234567"; empty when the network hides it
    handles: Mapping[str, str] = field(default_factory=dict)  # {"whatsapp": "KZ.9001…", …}


@dataclass(frozen=True, slots=True, kw_only=True)
class InquiryEvent:
    """One inquiry, for one destination. Frozen facts: the same event twice is equal in every field."""

    name: EventName
    key: str  # idempotency key: the same for every attempt
    inquiry_id: str
    occurred_at: datetime  # first message, aware UTC
    project_name: str
    currency: str  # ISO 4217
    time_zone: str  # IANA
    language: str  # "ru", "en": language of notes written for salespeople
    person: Person
    is_repeat: bool = False
    network: str = "whatsapp"
    number: str = ""  # the business address: E.164 digits
    number_label: str = ""
    source: Source = field(default_factory=Source)
    first_source: Source = field(default_factory=Source)  # first touch, when it differs from `source`
    how: str = "none"  # rung of the match: exact, folded, repaired, referral, none
    confidence: float = 0.0
    because: str = ""
    reference: str = ""  # printed form "7KQ2-M4XD"
    page_url: str = ""  # page of the press
    page_title: str = ""
    phrase: str = ""
    text: str = ""  # first message, without the reference
    tags: Sequence[str] = ()
    visit_started_at: datetime | None = None
    visits_before: int = 0
    # "ga_client_id", "ga_session_id", "ym_client_id", "fbp", "fbc", "roistat", …
    analytics_ids: Mapping[str, str] = field(default_factory=dict)
    consent: Mapping[str, str] = field(default_factory=dict)  # {"ad_user_data": "granted" | "denied", …}
    card_url: str = ""  # the inquiry's card in Whence
    # What earlier deliveries of this inquiry left at this destination: {"lead_id": "9001", …}
    known: Mapping[str, str] = field(default_factory=dict)


class ReceiptState(enum.StrEnum):
    DELIVERED = "delivered"  # done
    ACCEPTED = "accepted"  # handed over; ask `confirm` again after `check_after` seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    state: ReceiptState = ReceiptState.DELIVERED
    remote_id: str = ""
    link: str = ""  # where a person can look at it
    note: str = ""  # translatable template: "Open deal enriched"
    params: Mapping[str, str | int] = field(default_factory=dict)
    details: Mapping[str, str] = field(default_factory=dict)  # kept; comes back as `event.known`
    check_after: float | None = None  # seconds


# --- what comes in --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRequest:
    """An HTTP request as an adapter sees it. Header names are lower-case."""

    method: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingMessage:
    """One customer-sent message, normalised. (reference: messaging, "What an adapter must produce")"""

    platform: str
    network: str
    channel_id: str  # the platform's id of the business side
    channel_address: str  # the business phone, digits; "" when the platform does not say
    message_id: str
    sender_key: str  # best stable id of the customer; never assumed to be a phone
    sent_at: datetime
    phone: str = ""  # E.164 digits
    name: str = ""
    username: str = ""
    handles: Mapping[str, str] = field(default_factory=dict)  # {"bsuid": …, "parent_bsuid": …}
    text: str = ""
    kind: str = "text"
    start_payload: str = ""
    referral: Mapping[str, object] = field(default_factory=dict)  # ad click, whole
    is_forwarded: bool = False


# --- adapters -------------------------------------------------------------------------------------


class Adapter(ABC):
    slug: ClassVar[str]
    label: ClassVar[str]
    kind: ClassVar[Kind]
    docs: ClassVar[str] = ""  # address of the platform's own documentation
    hosts: ClassVar[tuple[str, ...]] = ()  # hosts it talks to; ".domain" stands for all hosts below it
    settings: ClassVar[tuple[Setting, ...]] = ()

    def __init__(self, config: Mapping[str, str], http: Http, state: ConnectionState) -> None:
        self.config = config
        self.http = http
        self.state = state

    @abstractmethod
    def check(self) -> list[Finding]:
        """Prove the credentials and change nothing; raises Misconfigured or Temporary."""


class Destination(Adapter):
    """A CRM or an analytics tool: inquiries go out."""

    handles: ClassVar[frozenset[EventName]] = frozenset({EventName.INQUIRY_OPENED})
    batch_size: ClassVar[int] = (
        1  # more than one: `deliver_batch` gets up to that many events of the connection
    )
    batch_seconds: ClassVar[float] = 0  # how long a batch may gather

    @abstractmethod
    def deliver(self, event: InquiryEvent) -> Receipt:
        """Hand over one event, or raise the error class that says who acts next."""

    def deliver_batch(self, events: Sequence[InquiryEvent]) -> list[Receipt | AdapterError]:
        """Hand over several events; the answers stand in the events' order. Raising concerns all of them."""
        raise NotImplementedError

    def confirm(self, receipt: Receipt) -> Receipt:
        """Ask what became of a receipt that was only accepted."""
        return receipt


class Consent(ABC):
    """Mixed into an adapter whose owner lets Whence in through the platform's consent window."""

    @abstractmethod
    def consent_url(self, *, state: str) -> str:
        """Give the window's address; the platform returns `state` untouched. Raises Misconfigured."""

    @abstractmethod
    def take_consent(self, query: Mapping[str, str]) -> None:
        """Trade what the platform sent the owner back with for tokens, and keep them; raises as `check`."""


class Channel(Adapter):
    """A messaging platform: messages come in."""

    network: ClassVar[str]

    def handshake(self, request: WebhookRequest) -> str:
        """Answer the provider's GET probe; raises NotAuthentic."""
        raise NotAuthentic(N_("This platform sends no probe."))

    @abstractmethod
    def verify(self, request: WebhookRequest) -> None:
        """Prove that the platform sent these raw bytes; raises NotAuthentic. Must not use the network."""

    @abstractmethod
    def parse(self, request: WebhookRequest) -> list[IncomingMessage]:
        """Read the customers' messages; skip all else. One bad item must not lose its neighbours."""
