"""The words of enumerations as people read them, with the icon and the colour that go with each."""

from __future__ import annotations

from dataclasses import dataclass

from flask_babel import gettext

from adapters.base import N_
from adapters.registry import PLATFORMS, adapter_class


@dataclass(frozen=True, slots=True)
class Word:
    """A word to show. `tone` is a colour name of the style sheet."""

    text: str
    icon: str = ""
    tone: str = "secondary"
    help: str = ""


CHANNELS = {
    "Paid Search": Word(N_("Paid search"), "search", "paid-search"),
    "Paid Social": Word(N_("Paid social"), "speakerphone", "paid-social"),
    "Paid Video": Word(N_("Paid video"), "video", "paid-video"),
    "Paid Shopping": Word(N_("Paid shopping"), "shopping-cart", "paid-shopping"),
    "Paid Other": Word(N_("Other paid"), "ad-2", "paid-other"),
    "Display": Word(N_("Display ads"), "photo", "display"),
    "Cross-network": Word(N_("Cross-network"), "ad-2", "cross-network"),
    "Organic Search": Word(N_("Organic search"), "search", "organic-search"),
    "Organic Social": Word(N_("Organic social"), "users", "organic-social"),
    "Organic Video": Word(N_("Organic video"), "video", "organic-video"),
    "Organic Shopping": Word(N_("Organic shopping"), "building-store", "organic-shopping"),
    "AI Assistant": Word(N_("AI assistant"), "robot", "ai"),
    "Messenger": Word(N_("Messengers"), "messages", "messenger"),
    "Maps & Classifieds": Word(N_("Maps and classifieds"), "map-pin", "maps"),
    "Referral": Word(N_("Links on sites"), "link", "referral"),
    "Email": Word(N_("E-mail and newsletters"), "mail", "email"),
    "Affiliates": Word(N_("Affiliates"), "share", "affiliates"),
    "Audio": Word(N_("Audio"), "volume", "audio"),
    "SMS": Word(N_("SMS"), "message-2", "sms"),
    "Mobile Push Notifications": Word(N_("Push notifications"), "bell", "push"),
    "Direct": Word(N_("Direct"), "world", "direct"),
    "Unassigned": Word(N_("Unassigned"), "help-circle", "unassigned"),
    "": Word(N_("Unknown"), "route-off", "unknown"),
}

HOWS = {
    "exact": Word(N_("By reference"), "hash", "good", N_("The reference stands as the site wrote it.")),
    "folded": Word(
        N_("By reference, rewritten"), "hash", "good", N_("Letter case or look-alike letters were changed.")
    ),
    "repaired": Word(
        N_("By reference, repaired"), "hash", "fair", N_("One mistake in the reference was repaired.")
    ),
    "start_payload": Word(N_("By hidden reference"), "link", "good", N_("The chat link carried it.")),
    "referral": Word(N_("By the ad"), "speakerphone", "fair", N_("The messenger named the ad.")),
    "manual": Word(N_("By hand"), "user", "good", N_("Set by a person.")),
    "none": Word(N_("Not traced"), "route-off", "none", N_("Nothing leads to a visit.")),
}

STATES = {
    "pending": Word(N_("waiting"), "clock", "waiting"),
    "accepted": Word(N_("being processed"), "clock", "waiting"),
    "delivered": Word(N_("delivered"), "circle-check", "good"),
    "skipped": Word(N_("skipped"), "player-skip-forward", "none"),
    "rejected": Word(N_("refused"), "circle-x", "bad"),
    "dead": Word(N_("given up"), "circle-x", "bad"),
}

STATE_GROUPS = {
    "delivered": N_("Delivered"),
    "waiting": N_("Waiting"),
    "failed": N_("Not delivered"),
    "skipped": N_("Skipped"),
}

OUTCOMES = {
    "delivered": Word(N_("delivered"), "circle-check", "good"),
    "accepted": Word(N_("taken, being processed"), "clock", "waiting"),
    "temporary": Word(N_("failed, will be tried again"), "refresh", "fair"),
    "rejected": Word(N_("refused"), "circle-x", "bad"),
    "skipped": Word(N_("skipped"), "player-skip-forward", "none"),
    "misconfigured": Word(N_("connection paused"), "player-pause", "bad"),
    "dead": Word(N_("given up"), "circle-x", "bad"),
}

EVENTS = {
    "inquiry_opened": Word(N_("New inquiry"), "plus"),
    "source_found": Word(N_("Source found"), "route"),
}

KINDS = {
    "messaging": Word(N_("Messengers"), "messages", "messenger", N_("Inquiries come in from here.")),
    "crm": Word(N_("CRM"), "address-book", "crm", N_("Each inquiry becomes a lead with its source.")),
    "analytics": Word(N_("Analytics"), "chart-bar", "analytics", N_("Each inquiry becomes a conversion.")),
}

STANDINGS = {"new": N_("New"), "repeat": N_("Repeat")}
ROLES = {"owner": N_("owner"), "manager": N_("manager"), "viewer": N_("viewer")}
DEVICES = {
    "phone": Word(N_("phone"), "device-mobile"),
    "tablet": Word(N_("tablet"), "device-tablet"),
    "desktop": Word(N_("computer"), "device-desktop"),
    "bot": Word(N_("program"), "robot"),
    "": Word("", "device-desktop"),
}
NETWORKS = {
    "whatsapp": Word("WhatsApp", "brand-whatsapp"),
    "telegram": Word("Telegram", "brand-telegram"),
}

DROPS = {
    "too_large": N_("The message was too long."),
    "bot": N_("A robot, not a person."),
    "not_json": N_("It could not be read."),
    "wrong_fields": N_("It had fields that the snippet never sends."),
    "unknown_project": N_("The key in the tag is not this project's."),
    "wrong_origin": N_("It came from a site that is not in the list of the project's sites."),
    "unknown_number": N_("The link led to a number that is not in the project."),
    "wrong_reference": N_("The reference was not a real one."),
    "too_old": N_("It was more than a week old, or the device's clock is wrong."),
}

CONSENTS = {"granted": N_("granted"), "denied": N_("denied")}

# What is kept about an analytics tool's visitor → its name
IDS = {
    "ga_client_id": "Google Analytics: Client ID",
    "ga_session_id": "Google Analytics: Session ID",
    "ym_client_id": "Yandex Metrica: ClientID",
    "fbp": "Meta: _fbp",
    "fbc": "Meta: _fbc",
    "roistat": "Roistat",
}


def channel(name: str) -> Word:
    """Give a channel's word; one we have no word for is shown as it is."""
    return CHANNELS.get(name) or Word(name, "world", "unassigned")


def how(name: str) -> Word:
    """Give the word of a match's rung."""
    return HOWS.get(name) or Word(name, "hash")


def state(name: str) -> Word:
    """Give the word of a delivery's state."""
    return STATES.get(name) or Word(name, "circle-dashed")


def outcome(name: str) -> Word:
    """Give the word of an attempt's outcome."""
    return OUTCOMES.get(name) or Word(name, "circle-dashed")


def event(name: str) -> str:
    """Give the translated name of an event."""
    return gettext(EVENTS[name].text) if name in EVENTS else name


def platform(slug: str) -> str:
    """Give a platform's name; of one that was taken out, its slug."""
    return adapter_class(slug).label if slug in PLATFORMS else slug


def network(name: str) -> Word:
    """Give a messenger's name and icon."""
    return NETWORKS.get(name) or Word(name, "messages")


def drop(reason: str) -> str:
    """Say in plain words why a beacon was refused."""
    return gettext(DROPS[reason]) if reason in DROPS else reason
