"""WhatsApp Cloud API."""

from adapters.messaging.whatsapp.channel import WhatsAppCloud

__all__ = ["WhatsAppCloud"]
