"""The note in the deal's feed: whence the inquiry came, for the salesperson."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from adapters.base import EventName, InquiryEvent
from adapters.crm.amocrm.fields import summary

RU: Mapping[str, str] = {
    "opened": "Обращение из {network}",
    "found": "Источник обращения уточнён",
    "channel": "Канал",
    "source": "Источник",
    "campaign": "Кампания",
    "ad": "Объявление",
    "keyword": "Ключевая фраза",
    "page": "Страница",
    "landing": "Страница входа",
    "referrer": "Откуда пришёл",
    "phrase": "Фраза кнопки",
    "reference": "Код обращения",
    "match": "Как определено",
    "first": "Первое касание",
    "standing": "Клиент",
    "new": "новый",
    "repeat": "повторное обращение",
    "number": "Номер",
    "card": "Карточка",
    "unknown": "источник неизвестен",
}
EN: Mapping[str, str] = {
    "opened": "Inquiry from {network}",
    "found": "The inquiry's source became known",
    "channel": "Channel",
    "source": "Source",
    "campaign": "Campaign",
    "ad": "Ad",
    "keyword": "Keyword",
    "page": "Page",
    "landing": "Landing page",
    "referrer": "Referrer",
    "phrase": "Phrase of the button",
    "reference": "Reference",
    "match": "How it was found",
    "first": "First touch",
    "standing": "Customer",
    "new": "new",
    "repeat": "repeat inquiry",
    "number": "Number",
    "card": "Card",
    "unknown": "the source is not known",
}
HOW: Mapping[str, Mapping[str, str]] = {
    "exact": {"ru": "по коду в сообщении", "en": "by the code in the message"},
    "folded": {"ru": "по коду в сообщении", "en": "by the code in the message"},
    "repaired": {"ru": "по коду с исправленной опечаткой", "en": "by the code, a typo repaired"},
    "referral": {"ru": "по данным рекламы в WhatsApp", "en": "by the ad's own data"},
    "start_payload": {"ru": "по скрытому коду ссылки", "en": "by the link's hidden code"},
    "manual": {"ru": "вручную", "en": "by hand"},
}
NETWORKS = {"whatsapp": "WhatsApp", "telegram": "Telegram", "max": "MAX"}


def note_text(event: InquiryEvent) -> str:
    """Write the note in the project's language; a line whose value is not known is left out."""
    language = "ru" if event.language.startswith("ru") else "en"
    words = RU if language == "ru" else EN
    title = words["found" if event.name is EventName.SOURCE_FOUND else "opened"]
    lines = [title.format(network=NETWORKS.get(event.network, event.network))]
    for word, value in LINES.items():
        text = value(event, words)
        if text:
            lines.append(f"{words[word]}: {text}")
    return "\n".join(lines)


def _match(event: InquiryEvent, words: Mapping[str, str]) -> str:
    if event.how not in HOW:
        return words["unknown"]
    how = HOW[event.how]["ru" if words is RU else "en"]
    because = f" {event.because}" if event.because else ""
    return f"{how}, {event.confidence:.0%}.{because}"


def _source(event: InquiryEvent, words: Mapping[str, str]) -> str:
    return " / ".join(part for part in (event.source.source, event.source.medium) if part)


def _campaign(event: InquiryEvent, words: Mapping[str, str]) -> str:
    campaign_id = f" ({event.source.campaign_id})" if event.source.campaign_id else ""
    return f"{event.source.campaign}{campaign_id}".strip()


def _page(event: InquiryEvent, words: Mapping[str, str]) -> str:
    return " ".join(part for part in (event.page_title, event.page_url) if part)


def _number(event: InquiryEvent, words: Mapping[str, str]) -> str:
    return " ".join(part for part in (event.number_label, event.number and f"+{event.number}") if part)


LINES: Mapping[str, Callable[[InquiryEvent, Mapping[str, str]], str]] = {
    "channel": lambda event, _: event.source.channel_name or event.source.channel,
    "source": _source,
    "campaign": _campaign,
    "ad": lambda event, _: event.source.ad,
    "keyword": lambda event, _: event.source.keyword,
    "page": _page,
    "landing": lambda event, _: event.source.landing_url,
    "referrer": lambda event, _: event.source.referrer,
    "phrase": lambda event, _: event.phrase,
    "reference": lambda event, _: event.reference,
    "match": _match,
    "first": lambda event, _: summary(event.first_source),
    "standing": lambda event, words: words["repeat" if event.is_repeat else "new"],
    "number": _number,
    "card": lambda event, _: event.card_url,
}
