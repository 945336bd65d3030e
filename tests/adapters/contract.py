"""What every destination owes the delivery. A platform's test inherits `DestinationContract`:

    class TestExampleCrm(DestinationContract):
        adapter = ExampleCrm
        config = {"token": "test-token-1234"}

        def prepare(self, platform: responses.RequestsMock) -> None:
            platform.post("https://api.example.com/leads", json={"id": 7})

`prepare` registers the answers of a platform in good health; the suite uses it for the golden requests and
for the repeated delivery. Override `status_errors` where a status means something else there, `state` for
values that the adapter finds kept, `key_of` when not every byte of a repeated delivery is equal, and
`smallest_event` when the smallest event that can be expressed needs more than a phone. Golden files hold the
requests made; `WHENCE_WRITE_GOLDEN=1 pytest …` writes them anew: read the difference before committing it.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import pytest
import responses
import time_machine

from adapters import registry
from adapters.base import (
    AdapterError,
    Destination,
    EventName,
    InquiryEvent,
    Kind,
    Misconfigured,
    Receipt,
    Rejected,
    Temporary,
)
from tests.adapters.factories import (
    NOW,
    PERSON_NAME,
    PHONE,
    TEXT,
    FakeState,
    make_event,
    make_full_event,
    make_http,
)

ROOT = Path(__file__).parents[2]
HEADINGS = (
    "What it does",
    "Set up",
    "Settings",
    "Fields we send",
    "Limits and quirks",
    "Errors",
    "Erasure",
)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
PERSONAL = (PHONE, PHONE[-10:], PERSON_NAME, TEXT)
ANY_ADDRESS = re.compile(r"https?://.*")

Call = dict[str, Any]


class DestinationContract:
    adapter: ClassVar[type[Destination]]
    config: ClassVar[Mapping[str, str]]
    state: ClassVar[Mapping[str, str]] = {}
    status_errors: ClassVar[Mapping[int, type[AdapterError]]] = {
        400: Rejected,
        401: Misconfigured,
        403: Misconfigured,
        404: Rejected,
        408: Temporary,
        429: Temporary,
        500: Temporary,
        503: Temporary,
    }

    def prepare(self, platform: responses.RequestsMock) -> None:
        """Register the answers of the platform in good health."""
        raise NotImplementedError

    def key_of(self, calls: list[Call]) -> object:
        """Give what makes a repeated delivery recognisable at the far side."""
        return calls

    def smallest_event(self) -> InquiryEvent:
        return make_event()

    def fullest_event(self) -> InquiryEvent:
        return make_full_event()

    # --- means ------------------------------------------------------------------------------------

    @pytest.fixture(autouse=True)
    def _fixed_clock(self) -> Iterator[None]:
        with time_machine.travel(NOW, tick=False):
            yield

    @pytest.fixture
    def platform(self) -> Iterator[responses.RequestsMock]:
        with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
            yield mock

    def make(self, **config: str) -> Destination:
        """Make the adapter as the delivery does: declared defaults filled in, secrets redacted."""
        cls = self.adapter
        given = {**self.config, **config}
        values = {setting.name: given.get(setting.name) or setting.default for setting in cls.settings}
        http = make_http(redact=[*self.secrets(), *PERSONAL])
        return cls(values, http, FakeState(**self.state))

    def secrets(self) -> list[str]:
        """Give the values of this configuration that nobody may see."""
        named = [self.config.get(setting.name, "") for setting in self.adapter.settings if setting.secret]
        return [value for value in named if value]

    def hand_over(self, adapter: Destination, event: InquiryEvent) -> Receipt:
        """Deliver one event, whether the adapter takes one or a batch."""
        if adapter.batch_size == 1:
            return adapter.deliver(event)
        answer = adapter.deliver_batch([event])[0]
        if isinstance(answer, AdapterError):
            raise answer
        return answer

    def answer_all(self, platform: responses.RequestsMock, **answer: Any) -> None:
        """Let the platform answer every request the same way."""
        for method in METHODS:
            platform.add(method, ANY_ADDRESS, **answer)

    def _refusal(self, adapter: Destination, event: InquiryEvent) -> AdapterError:
        with pytest.raises(AdapterError) as caught:
            self.hand_over(adapter, event)
        return caught.value

    # --- declaration ------------------------------------------------------------------------------

    def test_its_declaration_is_complete(self) -> None:
        cls = self.adapter
        assert re.fullmatch(r"[a-z0-9_]+", cls.slug)
        assert cls.label
        assert cls.kind in Kind
        assert cls.docs.startswith("https://")
        assert cls.hosts
        assert cls.handles
        assert cls.handles <= set(EventName)

    def test_its_settings_explain_themselves(self) -> None:
        names = [setting.name for setting in self.adapter.settings]
        assert len(names) == len(set(names))
        for setting in self.adapter.settings:
            assert setting.label, setting.name
            assert setting.help or not (setting.required or setting.secret), setting.name
            assert not setting.help or setting.help.endswith((".", "?")), setting.name
            allowed = [value for value, _ in setting.choices]
            assert not allowed or not setting.default or setting.default in allowed, setting.name
            for value in (setting.default, setting.example):
                fits = not value or not setting.pattern or re.fullmatch(setting.pattern, value)
                assert fits, setting.name

    def test_its_test_configuration_fits_its_declaration(self) -> None:
        settings = {setting.name: setting for setting in self.adapter.settings}
        for name, value in self.config.items():
            assert not settings[name].pattern or re.fullmatch(settings[name].pattern, value), name

    def test_it_is_registered(self) -> None:
        assert registry.adapter_class(self.adapter.slug) is self.adapter

    def test_it_has_a_page_for_every_reader(self) -> None:
        page = (ROOT / "docs" / "platforms" / f"{self.adapter.slug}.md").read_text(encoding="utf-8")
        assert tuple(re.findall(r"^## (.+)$", page, re.MULTILINE)) == HEADINGS
        for setting in self.adapter.settings:
            assert setting.label in page, f"setting {setting.name} lacks its entry"

    # --- requests ---------------------------------------------------------------------------------

    @pytest.mark.parametrize("case", ["smallest", "fullest"])
    def test_it_sends_the_golden_requests(self, platform: responses.RequestsMock, case: str) -> None:
        self.prepare(platform)
        event = self.smallest_event() if case == "smallest" else self.fullest_event()
        receipt = self.hand_over(self.make(), event)
        assert isinstance(receipt, Receipt)
        self._compare(self.calls(platform), case)

    def test_the_same_event_twice_bears_the_same_key(self, platform: responses.RequestsMock) -> None:
        self.prepare(platform)
        self.hand_over(self.make(), self.fullest_event())
        first = self.calls(platform)
        platform.calls.reset()
        self.hand_over(self.make(), self.fullest_event())
        assert self.key_of(first)
        assert self.key_of(first) == self.key_of(self.calls(platform))

    def calls(self, platform: responses.RequestsMock) -> list[Call]:
        """Give the requests made so far as golden files hold them."""
        return [_call(call.request) for call in platform.calls]

    def _compare(self, calls: list[Call], case: str) -> None:
        folder = ROOT / "tests" / "golden" / self.adapter.kind / self.adapter.slug
        path = folder / f"{case}.json"
        if os.environ.get("WHENCE_WRITE_GOLDEN"):
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(calls, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        assert calls == json.loads(path.read_text(encoding="utf-8"))

    # --- errors -----------------------------------------------------------------------------------

    def test_each_status_becomes_the_error_that_says_who_acts(self) -> None:
        for status, expected in self.status_errors.items():
            with responses.RequestsMock(assert_all_requests_are_fired=False) as platform:
                self.answer_all(platform, status=status, json={"title": "no"})
                error = self._refusal(self.make(), self.fullest_event())
            assert type(error) is expected, status

    def test_no_answer_is_temporary(self, platform: responses.RequestsMock) -> None:
        self.answer_all(platform, body=ConnectionError("reset by peer"))
        assert isinstance(self._refusal(self.make(), self.fullest_event()), Temporary)

    def test_it_waits_as_long_as_the_platform_asks(self, platform: responses.RequestsMock) -> None:
        self.answer_all(platform, status=429, headers={"Retry-After": "77"})
        error = self._refusal(self.make(), self.fullest_event())
        assert isinstance(error, Temporary)
        assert error.after == 77

    def test_a_missing_setting_is_told_clearly(self, platform: responses.RequestsMock) -> None:
        self.answer_all(platform, status=401)
        for setting in self.adapter.settings:
            if setting.required and not setting.default:
                error = self._refusal(self.make(**{setting.name: ""}), self.fullest_event())
                assert isinstance(error, Misconfigured), setting.name

    # --- privacy ----------------------------------------------------------------------------------

    @pytest.mark.parametrize("status", [200, 400, 401, 403, 429, 500])
    def test_nothing_private_is_told(
        self,
        platform: responses.RequestsMock,
        caplog: pytest.LogCaptureFixture,
        capsys: pytest.CaptureFixture[str],
        status: int,
    ) -> None:
        caplog.set_level(logging.DEBUG)
        echo = {"detail": " ".join([*PERSONAL, *self.secrets()])}
        if status == 200:
            self.prepare(platform)
        else:
            self.answer_all(platform, status=status, json=echo)
        adapter = self.make()
        told = ""
        try:
            told += repr(self.hand_over(adapter, self.fullest_event()))
        except AdapterError as error:
            told += f"{error} {error.text} {error.params}"
        printed = capsys.readouterr()
        told += caplog.text + printed.out + printed.err
        told += " ".join(repr(exchange) for exchange in adapter.http.exchanges)
        assert adapter.http.exchanges
        for private in (*PERSONAL, *self.secrets()):
            assert private not in told


def _call(request: Any) -> Call:
    parts = urlsplit(request.url)
    found = {
        "method": request.method,
        "address": urlunsplit((parts.scheme, parts.netloc, parts.path, "", "")),
    }
    if parts.query:
        found["query"] = [list(pair) for pair in parse_qsl(parts.query, keep_blank_values=True)]
    if request.body:
        found["body"] = _body(request.body)
    return found


def _body(body: bytes | str) -> object:
    text = body.decode("utf-8") if isinstance(body, bytes) else str(body)
    try:
        return json.loads(text)
    except ValueError:
        boundary = re.match(r"--([0-9a-f]{32})\r\n", text)
        text = text.replace(boundary[1], "BOUNDARY") if boundary else text
        return text.splitlines()
