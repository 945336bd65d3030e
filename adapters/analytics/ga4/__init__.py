"""Google Analytics 4: an inquiry becomes an event of the visitor's own web session.

Measurement Protocol for web streams (docs, 2026-06):
https://developers.google.com/analytics/devguides/collection/protocol/ga4/reference
"""

from adapters.analytics.ga4.destination import GoogleAnalytics4

__all__ = ["GoogleAnalytics4"]
