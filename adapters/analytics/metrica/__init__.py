"""Yandex Metrica: inquiries become offline conversions and native chats, uploaded as CSV files.

Management API, offline data (docs, 2026-06): https://yandex.com/dev/metrika/en/management/chats-transfer-data
"""

from adapters.analytics.metrica.destination import YandexMetrica

__all__ = ["YandexMetrica"]
