"""Secrets at rest: AES-GCM, the key outside the database, several keys for rotation."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12
VERSION = b"\x01"


class CannotDecrypt(Exception):
    """None of the keys fits: the encryption key was changed or lost."""


class Vault:
    """Encrypts small mappings. The first key encrypts; every key may decrypt."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._ciphers = [AESGCM(key) for key in keys]

    def lock(self, values: Mapping[str, str], *, owner: str) -> bytes:
        """Encrypt `values` for `owner` (the connection's id): copied elsewhere they do not open."""
        nonce = os.urandom(NONCE_BYTES)
        text = json.dumps(dict(values), ensure_ascii=False).encode()
        return VERSION + nonce + self._ciphers[0].encrypt(nonce, text, owner.encode())

    def unlock(self, box: bytes | None, *, owner: str) -> dict[str, str]:
        """Decrypt; nothing kept gives an empty mapping. Raises CannotDecrypt."""
        if not box:
            return {}
        nonce, text = box[1 : 1 + NONCE_BYTES], box[1 + NONCE_BYTES :]
        for cipher in self._ciphers:
            try:
                values: dict[str, str] = json.loads(cipher.decrypt(nonce, text, owner.encode()))
            except InvalidTag:
                continue
            return values
        raise CannotDecrypt(owner)
