"""WhatsApp Cloud API: customers' messages by webhook from Meta. Graph API v26.0.

https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/overview
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any

from adapters.base import (
    N_,
    Channel,
    Finding,
    IncomingMessage,
    Kind,
    Misconfigured,
    NotAuthentic,
    Temporary,
    WebhookRequest,
)
from adapters.http import status_error
from adapters.messaging.whatsapp import webhook
from adapters.messaging.whatsapp.declaration import SETTINGS
from adapters.messaging.whatsapp.webhook import as_object, as_objects, as_text

GRAPH = "https://graph.facebook.com"
SIGNATURE_HEADER = "x-hub-signature-256"
LABEL = "WhatsApp Cloud API"

# Graph error code → who acts next. The HTTP status alone says 400 for most of them.
GRAPH_ERRORS: Mapping[int, type[Misconfigured] | type[Temporary]] = {
    1: Temporary,
    2: Temporary,
    4: Temporary,
    17: Temporary,
    80007: Temporary,
    130429: Temporary,
    3: Misconfigured,
    10: Misconfigured,
    100: Misconfigured,
    190: Misconfigured,
    200: Misconfigured,
}
GRAPH_TEXTS: Mapping[int, str] = {
    3: N_("The access token lacks the right whatsapp_business_management. Make a token that has it."),
    10: N_("The access token lacks the right whatsapp_business_management. Make a token that has it."),
    100: N_(
        "Meta knows no such id, or the token may not see it. Check the phone number id and the account id."
    ),
    190: N_("Meta refused the access token: it is wrong, expired or revoked. Enter a new one."),
    200: N_("The access token lacks the right whatsapp_business_management. Make a token that has it."),
}
BUSY = N_("Meta asks to wait or has a fault. Try again in a few minutes.")


class WhatsAppCloud(Channel):
    slug = "whatsapp"
    label = LABEL
    kind = Kind.MESSAGING
    network = "whatsapp"
    docs = "https://developers.facebook.com/documentation/business-messaging/whatsapp"
    hosts = ("graph.facebook.com",)
    settings = SETTINGS

    def handshake(self, request: WebhookRequest) -> str:
        """Answer Meta's probe with its challenge when it knows our verify token."""
        token = self.config.get("verify_token", "").strip()
        is_known = token and _same(request.query.get("hub.verify_token", ""), token)
        if not is_known or request.query.get("hub.mode") != "subscribe":
            raise NotAuthentic(
                N_("The verify token is not the one set in Whence. Enter the same one at Meta.")
            )
        return request.query.get("hub.challenge", "")

    def verify(self, request: WebhookRequest) -> None:
        """Compare Meta's signature with ours over the raw bytes, for each secret."""
        given = request.headers.get(SIGNATURE_HEADER, "").strip()
        secrets = _listed(self.config.get("app_secret", ""))
        if not any(_same(given, signature(request.body, secret=secret)) for secret in secrets):
            raise NotAuthentic(
                N_("The webhook is not signed with the app secret. Check the secret in Whence.")
            )

    def parse(self, request: WebhookRequest) -> list[IncomingMessage]:
        """Read the customers' messages of a webhook; skip all else, whatever it is."""
        return webhook.read(request.body, only=_listed(self.config.get("phone_number_id", "")))

    def check(self) -> list[Finding]:
        """Ask Meta for the numbers and for the account's subscription; changes nothing."""
        number_ids = _listed(self.config.get("phone_number_id", ""))
        account_id = self.config.get("waba_id", "").strip()
        if not self.config.get("access_token"):
            text = N_(
                "Without an access token only a first message proves the app secret. Send one to the number."
            )
            return [Finding(False, text)]
        findings = [self._number(number_id) for number_id in number_ids]
        if account_id:
            findings.append(self._subscription(account_id))
        if not findings:
            text = N_("Enter the phone number id or the account id: without them the token cannot be tried.")
            findings.append(Finding(False, text))
        return findings

    def _number(self, number_id: str) -> Finding:
        fields = "display_phone_number,verified_name,quality_rating"
        answer = self._graph(number_id, params={"fields": fields})
        is_good = answer.get("quality_rating") != "RED"
        text = N_("Meta knows the number {number} as “{name}”; its quality is {quality}.")
        if not is_good:
            text = N_(
                "Meta rates the quality of {number} (“{name}”) as {quality}: it may soon limit the number."
            )
        params = {
            "number": as_text(answer.get("display_phone_number")) or number_id,
            "name": as_text(answer.get("verified_name")),
            "quality": as_text(answer.get("quality_rating")) or "UNKNOWN",
        }
        return Finding(is_good, text, params)

    def _subscription(self, account_id: str) -> Finding:
        apps = as_objects(self._graph(f"{account_id}/subscribed_apps").get("data"))
        if not apps:
            text = N_(
                "No app is subscribed to the account, so no message will come. Subscribe your app at Meta."
            )
            return Finding(False, text)
        names = (as_text(as_object(app.get("whatsapp_business_api_data")).get("name")) for app in apps)
        text = N_("Subscribed to the account's webhooks: {apps}.")
        return Finding(True, text, {"apps": ", ".join(filter(None, names)) or len(apps)})

    def _graph(self, path: str, **kwargs: Any) -> dict[str, Any]:
        response = self.http.request(
            "GET",
            f"{GRAPH}/{self.config.get('graph_version') or 'v26.0'}/{path}",
            platform=LABEL,
            accept=(400, 401, 403, 404),
            headers={"Authorization": f"Bearer {self.config['access_token'].strip()}"},
            **kwargs,
        )
        try:
            answer = as_object(response.json())
        except ValueError:
            answer = {}
        if not response.ok:
            raise _graph_error(answer, response.status_code)
        return answer


def signature(body: bytes, *, secret: str) -> str:
    """Give the header value with which Meta signs these bytes."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())


def _listed(value: str) -> list[str]:
    return [item for item in re.split(r"[,;\s]+", value) if item]


def _graph_error(answer: Mapping[str, Any], status: int) -> Exception:
    code = as_object(answer.get("error")).get("code")
    if not isinstance(code, int) or code not in GRAPH_ERRORS:
        return status_error(status, LABEL)
    return GRAPH_ERRORS[code](GRAPH_TEXTS.get(code, BUSY))
