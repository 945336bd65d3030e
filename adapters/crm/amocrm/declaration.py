"""What the connection's form asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping

from adapters.base import N_, Misconfigured, Setting

LABEL = "amoCRM / Kommo"
DOMAINS = (".amocrm.ru", ".kommo.com")
HOST = re.compile(r"[a-z0-9-]+\.(amocrm\.ru|kommo\.com)")
YES_NO = (("yes", N_("Yes")), ("no", N_("No")))
CREATE, ENRICH = "create", "enrich"

SETTINGS = (
    Setting(
        name="address",
        label=N_("Account address"),
        help=N_("The address you see in the browser when you work in the CRM."),
        pattern=r"(https://)?[A-Za-z0-9-]+\.(amocrm\.ru|kommo\.com)(/.*)?",
        example="acme.amocrm.ru",
    ),
    Setting(
        name="token",
        label=N_("Long-lived token"),
        help=N_("Settings → Integrations → your private integration → Keys and scopes. The simplest way."),
        secret=True,
        required=False,
    ),
    Setting(
        name="client_id",
        label=N_("Integration ID"),
        help=N_("Only without a long-lived token: then Whence renews its access by itself."),
        required=False,
        pattern=r"[0-9A-Za-z-]{8,64}",
    ),
    Setting(
        name="client_secret",
        label=N_("Secret key of the integration"),
        help=N_("Only without a long-lived token."),
        secret=True,
        required=False,
    ),
    Setting(
        name="redirect_uri",
        label=N_("Redirect address of the integration"),
        help=N_("Exactly as it stands in the integration's settings."),
        required=False,
        pattern=r"https?://\S+",
    ),
    Setting(
        name="auth_code",
        label=N_("Authorization code"),
        help=N_("Valid for 20 minutes and used once. Not needed after the consent window."),
        secret=True,
        required=False,
        advanced=True,
    ),
    Setting(
        name="mode",
        label=N_("What to do with an inquiry"),
        help=N_("Choose to enrich only when a WhatsApp connector of the CRM makes the leads."),
        required=False,
        default=CREATE,
        choices=(
            (CREATE, N_("Enrich the open lead, or create one")),
            (ENRICH, N_("Only enrich leads that are there")),
        ),
    ),
    Setting(
        name="pipeline_id",
        label=N_("Pipeline ID"),
        help=N_("Empty: the main pipeline, and open leads are looked for in all pipelines."),
        required=False,
        pattern=r"[0-9]{1,18}",
        advanced=True,
    ),
    Setting(
        name="status_id",
        label=N_("Stage ID"),
        help=N_("Stage of a new lead. Empty: the first one of the pipeline."),
        required=False,
        pattern=r"[0-9]{1,18}",
        advanced=True,
    ),
    Setting(
        name="responsible_user_id",
        label=N_("Responsible user ID"),
        help=N_("Who gets the new leads. Empty: as the CRM decides."),
        required=False,
        pattern=r"[0-9]{1,18}",
        advanced=True,
    ),
    Setting(
        name="create_fields",
        label=N_("Create missing lead fields"),
        help=N_(
            "Needs a token of an administrator. Without them part of the source stands only in the note."
        ),
        required=False,
        default="yes",
        choices=YES_NO,
        advanced=True,
    ),
    Setting(
        name="lead_name",
        label=N_("Name of a new lead"),
        help=N_("May hold {phone}, {name}, {source}, {campaign} and {number}."),
        required=False,
        default="WhatsApp {phone}",
        advanced=True,
    ),
    Setting(
        name="tags",
        label=N_("Tags of every lead"),
        help=N_("Separated by commas; the inquiry's own tags are added."),
        required=False,
        default="WhatsApp",
        advanced=True,
    ),
    Setting(
        name="requests_per_second",
        label=N_("Requests per second"),
        help=N_("The CRM allows 7 and blocks who keeps exceeding them."),
        required=False,
        default="5",
        pattern=r"[1-9][0-9]{0,2}",
        advanced=True,
    ),
)


def host_of(text: str) -> str:
    """Give the account's host from what was pasted or came from a browser; raises Misconfigured.

    The client's secret is sent there, so only the CRM's own domains are let through.
    """
    host = text.strip().lower().removeprefix("https://").split("/")[0]
    if not HOST.fullmatch(host):
        raise Misconfigured(N_("The account address must look like acme.amocrm.ru or acme.kommo.com."))
    return host


def number_of(config: Mapping[str, str], name: str) -> int | None:
    """Read a setting that holds an id; None when it is empty."""
    return int(config[name]) if config.get(name, "").strip() else None
