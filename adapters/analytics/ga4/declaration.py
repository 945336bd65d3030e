"""What the owner fills in."""

from __future__ import annotations

from adapters.base import N_, Setting

LABEL = "Google Analytics 4"
WORLD, EUROPE = "www.google-analytics.com", "region1.google-analytics.com"
YES_NO = (("no", N_("No")), ("yes", N_("Yes")))
EVENT_NAME = r"[A-Za-z][A-Za-z0-9_]{0,39}"
AMOUNT = r"[0-9]{1,12}([.][0-9]{1,6})?"

SETTINGS = (
    Setting(
        name="measurement_id",
        label=N_("Measurement ID"),
        help=N_("Admin → Data streams → your web stream. The tag on the site must use the same one."),
        pattern=r"G-[A-Z0-9]{4,20}",
        example="G-ABC1234567",
    ),
    Setting(
        name="api_secret",
        label=N_("Measurement Protocol API secret"),
        help=N_("In the same stream: Measurement Protocol API secrets → Create."),
        secret=True,
    ),
    Setting(
        name="endpoint",
        label=N_("Where Google receives the data"),
        help=N_("Choose the European Union when data must not be received elsewhere."),
        required=False,
        default=WORLD,
        choices=((WORLD, N_("Worldwide")), (EUROPE, N_("European Union"))),
    ),
    Setting(
        name="value",
        label=N_("Value of an inquiry"),
        help=N_("What one inquiry is worth to you on average. Empty: sent without a value."),
        required=False,
        pattern=AMOUNT,
    ),
    Setting(
        name="currency",
        label=N_("Currency of the value"),
        help=N_("Three capital letters. Empty: the project's currency."),
        required=False,
        pattern=r"[A-Z]{3}",
    ),
    Setting(
        name="send_user_data",
        label=N_("Send the phone as a hash"),
        help=N_("Only for visitors who allowed it. First accept Google's terms for user-provided data."),
        required=False,
        default="no",
        choices=YES_NO,
    ),
    Setting(
        name="event_name",
        label=N_("Event name"),
        help=N_("Mark this event as a key event in Google Analytics."),
        required=False,
        default="generate_lead",
        advanced=True,
        pattern=EVENT_NAME,
    ),
    Setting(
        name="lead_source",
        label=N_("Lead source"),
        help=N_("The event's lead_source. Empty: the messenger, such as whatsapp."),
        required=False,
        advanced=True,
        pattern=r".{1,100}",
    ),
)
