"""What every channel owes the webhooks' gate. A platform's test inherits `ChannelContract`:

    class TestExampleMessenger(ChannelContract):
        adapter = ExampleMessenger
        config = {"secret": "test-secret-1"}
        rotated_config = {"secret": "test-secret-2, test-secret-1"}
        good_body = b'{"messages": [...]}'

        def sign(self, body: bytes) -> dict[str, str]:
            return {"x-example-signature": ...}

`rotated_config` is the form while the secret is being changed: the old one is among several. `good_body`
holds at least one message of `PHONE` and `PERSON_NAME`. `handles_probe` says that the platform sends a GET.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from adapters import registry
from adapters.base import Channel, Kind, NotAuthentic, WebhookRequest
from tests.adapters.factories import PERSON_NAME, PHONE, FakeState, make_http

GARBAGE = (
    *(b"", b" ", b"null", b"17", b"[]", b"{}", b'"text"', b"{", b"\xff\xfe", b"[[[]]]", b'{"entry":7}'),
    b"[" * 200_000,
    b'{"entry":' + b"9" * 5_000 + b"}",
)


def make_request(body: bytes = b"", **overrides: Any) -> WebhookRequest:
    """Make a webhook's request; a test states only what matters to it."""
    values = {"method": "POST", "headers": {}, "query": {}, "body": body}
    return WebhookRequest(**{**values, **overrides})


class ChannelContract:
    adapter: ClassVar[type[Channel]]
    config: ClassVar[Mapping[str, str]]
    rotated_config: ClassVar[Mapping[str, str]]
    good_body: ClassVar[bytes]

    def sign(self, body: bytes) -> dict[str, str]:
        """Give the headers with which the platform sends these bytes."""
        raise NotImplementedError

    def channel(self, config: Mapping[str, str] | None = None, **settings: str) -> Channel:
        """Make the channel with its settings' defaults and some of one's own."""
        defaults = {setting.name: setting.default for setting in self.adapter.settings}
        values = {**defaults, **(self.config if config is None else config), **settings}
        return self.adapter(values, make_http(), FakeState())

    def signed(self, body: bytes) -> WebhookRequest:
        return make_request(body, headers=self.sign(body))

    # --- declaration ---

    def test_its_declaration_is_complete(self) -> None:
        cls = self.adapter
        assert cls.slug
        assert cls.label
        assert cls.network
        assert cls.kind is Kind.MESSAGING
        assert cls.docs.startswith("https://")
        assert len({setting.name for setting in cls.settings}) == len(cls.settings)
        assert all(setting.label for setting in cls.settings)
        assert registry.adapter_class(cls.slug) is cls

    def test_its_secrets_are_declared_secret(self) -> None:
        words = ("secret", "token", "password")
        for setting in self.adapter.settings:
            assert setting.secret or not any(word in setting.name for word in words), setting.name

    def test_its_tested_settings_exist(self) -> None:
        assert {*self.config, *self.rotated_config} <= {setting.name for setting in self.adapter.settings}

    # --- authenticity ---

    def test_it_takes_what_the_platform_signed(self) -> None:
        self.channel().verify(self.signed(self.good_body))

    def test_it_takes_a_rotated_secret(self) -> None:
        self.channel(self.rotated_config).verify(self.signed(self.good_body))

    def test_it_refuses_a_missing_signature(self) -> None:
        with pytest.raises(NotAuthentic):
            self.channel().verify(make_request(self.good_body))

    @pytest.mark.parametrize(
        "change", [lambda value: value[:-1], lambda value: value + "0", lambda value: "é"]
    )
    def test_it_refuses_a_wrong_signature(self, change: Any) -> None:
        headers = {name: change(value) for name, value in self.sign(self.good_body).items()}
        with pytest.raises(NotAuthentic):
            self.channel().verify(make_request(self.good_body, headers=headers))

    def test_it_refuses_everything_without_a_secret(self) -> None:
        with pytest.raises(NotAuthentic):
            self.channel(dict.fromkeys(self.config, "")).verify(self.signed(self.good_body))

    # --- reading ---

    def test_it_reads_the_good_body(self) -> None:
        messages = self.channel().parse(self.signed(self.good_body))
        assert messages
        for message in messages:
            assert message.platform == self.adapter.slug
            assert message.message_id
            assert message.sender_key
            assert message.sent_at.utcoffset() is not None

    def test_it_reads_the_same_twice(self) -> None:
        request = self.signed(self.good_body)
        assert self.channel().parse(request) == self.channel().parse(request)

    @pytest.mark.parametrize("body", GARBAGE, ids=lambda body: repr(body[:12]))
    def test_it_finds_nothing_in_garbage_and_does_not_fail(self, body: bytes) -> None:
        assert self.channel().parse(self.signed(body)) == []

    # --- silence ---

    def test_no_personal_data_and_no_secret_is_told(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        channel = self.channel()
        channel.parse(self.signed(self.good_body))
        with pytest.raises(NotAuthentic) as caught:
            channel.verify(make_request(self.good_body, headers={"x-hub-signature-256": "sha256=0"}))
        told = caplog.text + str(caught.value) + repr(caught.value.params)
        for private in (PHONE, PERSON_NAME, *self.config.values()):
            assert private not in told
