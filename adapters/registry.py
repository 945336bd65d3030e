"""Platforms by slug. Imported on first use, so a platform nobody connected costs nothing."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from adapters.base import Adapter

PLATFORMS = {
    "whatsapp": "adapters.messaging.whatsapp:WhatsAppCloud",
    "amocrm": "adapters.crm.amocrm:AmoCRM",
    "ga4": "adapters.analytics.ga4:GoogleAnalytics4",
    "metrica": "adapters.analytics.metrica:YandexMetrica",
}


@cache
def adapter_class(slug: str) -> type[Adapter]:
    """Give the adapter class of a platform; raises KeyError for a slug nobody registered."""
    module_name, class_name = PLATFORMS[slug].split(":")
    found: type[Adapter] = getattr(import_module(module_name), class_name)
    return found


def all_adapters() -> list[type[Adapter]]:
    """Give every adapter class in the order in which the screens offer them."""
    return [adapter_class(slug) for slug in PLATFORMS]
