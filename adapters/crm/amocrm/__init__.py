"""amoCRM and Kommo: an inquiry becomes a lead with its source, or enriches the open one.

REST API v4 of both (docs, 2026-05): https://www.amocrm.ru/developers/content/crm_platform/leads-api
"""

from adapters.crm.amocrm.destination import AmoCRM
from adapters.crm.amocrm.oauth import account_host, consent_url, exchange

__all__ = ["AmoCRM", "account_host", "consent_url", "exchange"]
