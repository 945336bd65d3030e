"""What WhatsApp Cloud API asks of its connection's form."""

from __future__ import annotations

from adapters.base import N_, Setting

SETTINGS = (
    Setting(
        name="app_secret",
        label=N_("App secret"),
        help=N_(
            "Meta signs every webhook with it. While it is being changed, enter the old and the new one."
        ),
        secret=True,
        multiline=True,
    ),
    Setting(
        name="verify_token",
        label=N_("Verify token"),
        help=N_("Any long word of yours. Enter the same one beside the callback address at Meta."),
        secret=True,
    ),
    Setting(
        name="phone_number_id",
        label=N_("Phone number id"),
        help=N_("Only these numbers are read, several separated by commas. Empty: all numbers of the app."),
        required=False,
        pattern=r"[\d\s,]*",
        example="1090000000001",
    ),
    Setting(
        name="access_token",
        label=N_("Access token"),
        help=N_("A system user's token. Used only to check the connection; messages come without it."),
        secret=True,
        required=False,
    ),
    Setting(
        name="waba_id",
        label=N_("WhatsApp Business account id"),
        help=N_("With it the check sees whether an app is subscribed to the account's webhooks."),
        required=False,
        pattern=r"\d*",
    ),
    Setting(
        name="graph_version",
        label=N_("Graph API version"),
        required=False,
        default="v26.0",
        advanced=True,
        pattern=r"v\d{2,3}\.\d",
    ),
)
