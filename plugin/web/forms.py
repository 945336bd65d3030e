"""The forms of the screens."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    Field,
    IntegerField,
    PasswordField,
    SelectChoice,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.validators import InputRequired, Length, NumberRange, Optional, ValidationError

from adapters.base import Adapter, Setting
from plugin.phones import NotAPhone, normalise

MAX_SETTING_CHARS = 20_000
FIRST_ZONES = (
    *("Europe/Kaliningrad", "Europe/Moscow", "Europe/Samara", "Asia/Yekaterinburg", "Asia/Omsk"),
    *("Asia/Novosibirsk", "Asia/Krasnoyarsk", "Asia/Irkutsk", "Asia/Yakutsk", "Asia/Vladivostok"),
    *("Asia/Almaty", "Asia/Tashkent", "Europe/Minsk", "UTC"),
)
CURRENCIES = ("RUB", "KZT", "BYN", "UZS", "USD", "EUR", "GBP", "BRL", "TRY", "AED", "INR")

required = InputRequired(_l("Fill in this field."))


def at_most(limit: int) -> Length:
    return Length(max=limit, message=_l("At most %(max)d characters."))


def between(low: int, high: int) -> NumberRange:
    return NumberRange(low, high, message=_l("From %(min)s to %(max)s."))


def stripped(value: str | None) -> str | None:
    return value.strip() if value else value


class Number(IntegerField):
    """A whole number, whose refusal is in the reader's language."""

    def process_formdata(self, valuelist: list[str]) -> None:
        try:
            super().process_formdata(valuelist)
        except ValueError:
            raise ValueError(_("Enter a whole number.")) from None


class LoginForm(FlaskForm):
    email = StringField(_l("E-mail"), [required, at_most(254)], filters=[stripped])
    password = PasswordField(_l("Password"), [required, at_most(1000)])
    remember = BooleanField(_l("Stay signed in on this device"), default=True)


def _zones() -> list[SelectChoice]:
    others = sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc"))
    return [SelectChoice(zone, zone.replace("_", " ")) for zone in dict.fromkeys((*FIRST_ZONES, *others))]


def origin_of(line: str) -> str:
    """Give the origin of a site's address, "https://shop.example"; raises ValueError."""
    parsed = urlsplit(line if "://" in line else f"https://{line}")
    host = (parsed.hostname or "").encode("idna").decode()
    is_named = "." in host or host == "localhost"
    if parsed.scheme not in ("http", "https") or not is_named or parsed.username:
        raise ValueError(line)
    port = f":{parsed.port}" if parsed.port else ""
    return f"{parsed.scheme}://{host}{port}"


class ProjectForm(FlaskForm):
    name = StringField(_l("Name"), [required, at_most(120)], filters=[stripped])
    origins = TextAreaField(
        _l("Sites"),
        [required, at_most(4000)],
        description=_l("One address a line. What comes from other sites is not counted."),
        render_kw={"rows": 3, "placeholder": "https://shop.example"},
    )
    time_zone = SelectField(_l("Time zone"), choices=_zones)
    currency = SelectField(_l("Currency"), choices=[SelectChoice(code) for code in CURRENCIES])
    language = SelectField(
        _l("Language of notes in the CRM"),
        choices=[SelectChoice("ru", "Русский"), SelectChoice("en", "English")],
    )
    consent = SelectField(
        _l("Visitor's consent"),
        choices=[
            SelectChoice("off", _l("Do not wait for consent")),
            SelectChoice("google", _l("Wait for Google Consent Mode")),
            SelectChoice("manual", _l("Wait for a call from the site")),
        ],
        description=_l("Until there is consent, nothing is stored in the browser; the link still works."),
    )
    depth_days = Number(
        _l("New again after, days"),
        [between(1, 3650)],
        description=_l("An inquiry of a person who wrote within these days is a repeat."),
    )
    dialogue_gap_hours = Number(
        _l("A new dialogue after silence of, hours"),
        [between(1, 720)],
        description=_l("A message after a longer silence opens a new inquiry."),
    )
    window_days = Number(
        _l("A reference lives, days"),
        [between(1, 365)],
        description=_l("How long after the press its reference is looked for."),
    )
    wait_seconds = Number(
        _l("A message waits for its press, seconds"),
        [between(0, 600)],
        description=_l("When the message is faster than the site's beacon."),
    )

    def validate_origins(self, field: Field) -> None:
        self.origins_read = []
        for line in filter(None, map(str.strip, (field.data or "").splitlines())):
            try:
                self.origins_read.append(origin_of(line))
            except (ValueError, UnicodeError):
                raise ValidationError(_("Not a site's address: %(line)s", line=line[:80])) from None


class NewProjectForm(FlaskForm):
    name = ProjectForm.name
    origins = ProjectForm.origins
    time_zone = ProjectForm.time_zone
    currency = ProjectForm.currency
    language = ProjectForm.language
    validate_origins = ProjectForm.validate_origins


class NumberForm(FlaskForm):
    address = StringField(
        _l("WhatsApp number"),
        [required, at_most(100)],
        description=_l("In any writing, or a wa.me link."),
        render_kw={"placeholder": "+7 999 123-45-67", "inputmode": "tel"},
    )
    label = StringField(
        _l("Label"),
        [at_most(60)],
        filters=[stripped],
        description=_l("What the number is for: sales, support."),
    )
    is_tracked = BooleanField(
        _l("Track"), default=True, description=_l("Links to this number get a reference.")
    )

    def validate_address(self, field: Field) -> None:
        try:
            self.digits = normalise(field.data, region="RU")
        except NotAPhone as error:
            raise ValidationError(_(str(error))) from None


class PhrasesForm(FlaskForm):
    """The default phrase and the template; the rows of page phrases are read beside it."""

    phrase = StringField(
        _l("Phrase for every page"),
        [at_most(500)],
        filters=[stripped],
        description=_l("It stands in the message field when the chat opens; the customer may change it."),
    )
    template = StringField(
        _l("Order"),
        [required, at_most(200)],
        filters=[stripped],
        description=_l("Must hold {reference}; {phrase} stands for the phrase."),
    )

    def validate_template(self, field: Field) -> None:
        if "{reference}" not in (field.data or ""):
            raise ValidationError(_("Without {reference} no inquiry can be traced."))


class ConfirmForm(FlaskForm):
    """A button: nothing but the proof that our page sent it."""


# --- the form that an adapter declares ------------------------------------------------------------


def _matches(pattern: str, example: str) -> Callable[[FlaskForm, Field], None]:
    def check(_form: FlaskForm, field: Field) -> None:
        if re.fullmatch(pattern, field.data or ""):
            return
        if example:
            raise ValidationError(_("This does not look right. Example: %(example)s", example=example))
        raise ValidationError(_("This does not look right."))

    return check


def _field(setting: Setting, *, is_kept: bool) -> Any:
    needs_value = setting.required and not setting.default and not is_kept
    validators: list[Any] = [required if needs_value else Optional(), at_most(MAX_SETTING_CHARS)]
    if setting.pattern:
        validators.append(_matches(setting.pattern, setting.example))
    shared = {
        "label": _l(setting.label),
        "description": _l(setting.help) if setting.help else "",
        "validators": validators,
        "filters": [stripped],
    }
    if setting.choices:
        choices = [SelectChoice(value, _l(label)) for value, label in setting.choices]
        return SelectField(**{**shared, "choices": choices})
    shared["render_kw"] = {"placeholder": setting.example, "autocomplete": "off", "spellcheck": "false"}
    return _FIELD_OF[setting.secret, setting.multiline](**shared)


class SecretArea(TextAreaField):
    """Several lines that are never sent back to the browser, not even when something else was wrong."""

    def _value(self) -> str:
        return ""


_FIELD_OF: Mapping[tuple[bool, bool], type[Field]] = {
    (False, False): StringField,
    (False, True): TextAreaField,
    (True, False): PasswordField,
    (True, True): SecretArea,
}


def platform_form(cls: type[Adapter], kept: Mapping[str, str]) -> FlaskForm:
    """Make the form of a platform's settings; secrets that are kept are neither shown nor asked again.

    Fields are named "set-<name>": a setting may have the name of an attribute of forms.
    """
    fields: dict[str, Any] = {
        "label": StringField(
            _l("Name"),
            [at_most(60)],
            filters=[stripped],
            description=_l("To tell several connections of one kind apart."),
        )
    }
    for setting in cls.settings:
        is_kept = setting.secret and bool(kept.get(setting.name))
        fields[f"set-{setting.name}"] = _field(setting, is_kept=is_kept)
    shown = {f"set-{s.name}": kept.get(s.name) or s.default for s in cls.settings if not s.secret}
    form_class = type("PlatformForm", (FlaskForm,), fields)
    return form_class(data=shown)


def entered(cls: type[Adapter], form: FlaskForm, kept: Mapping[str, str]) -> dict[str, str]:
    """Give the settings as entered; an empty secret leaves the kept one."""
    values = {}
    for setting in cls.settings:
        value = form[f"set-{setting.name}"].data or ""
        if setting.secret and not value:
            value = kept.get(setting.name, "")
        values[setting.name] = value
    return {name: value for name, value in values.items() if value}
