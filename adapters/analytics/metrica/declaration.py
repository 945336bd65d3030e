"""What the owner fills in."""

from __future__ import annotations

from adapters.base import N_, Setting

LABEL = "Yandex Metrica"
HOSTS = ("api-metrika.yandex.net", "api-metrica.yandex.net")
YES_NO = (("yes", N_("Yes")), ("no", N_("No")))

SETTINGS = (
    Setting(
        name="counter_id",
        label=N_("Counter number"),
        help=N_("The number beside the site's name in the list of counters."),
        pattern=r"[0-9]{1,20}",
        example="12345678",
    ),
    Setting(
        name="token",
        label=N_("OAuth token"),
        help=N_("Of an account that may edit the counter; rights metrika:read and metrika:offline_data."),
        secret=True,
    ),
    Setting(
        name="send_conversions",
        label=N_("Send conversions"),
        help=N_("The inquiry reaches the goal below in the visit it came from."),
        required=False,
        default="yes",
        choices=YES_NO,
    ),
    Setting(
        name="target",
        label=N_("Goal identifier"),
        help=N_("Of a goal of the type “JavaScript event” with the condition “matches”."),
        required=False,
        default="wa_inquiry",
        pattern=r"[0-9A-Za-z_.:/-]{1,100}",
    ),
    Setting(
        name="send_chats",
        label=N_("Send chats"),
        help=N_("Metrica's own report of chats and its goal “Chat”; also inquiries without a known visit."),
        required=False,
        default="no",
        choices=YES_NO,
    ),
    Setting(
        name="send_phone",
        label=N_("Send the phone with chats"),
        help=N_("Otherwise Metrica gets an irreversible code of the person."),
        required=False,
        default="no",
        choices=YES_NO,
    ),
    Setting(
        name="host",
        label=N_("Address of the API"),
        required=False,
        default=HOSTS[0],
        choices=tuple((host, host) for host in HOSTS),
        advanced=True,
    ),
)
