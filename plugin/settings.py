"""Settings from the environment and an optional file; every problem is reported at once.

Each setting is an environment variable WHENCE_<NAME>. A secret may instead stand in a file named by
WHENCE_<NAME>_FILE. The file `whence.env` (or the one named by WHENCE_SETTINGS) holds the same names.
"""

from __future__ import annotations

import os
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

PREFIX = "WHENCE_"
DOCS = "docs/settings.md"
KEY_BYTES = 32


class SettingsError(Exception):
    """What is wrong with the settings, a line each, in words for the person who installs."""


class Settings(BaseModel):
    """Frozen; made once at start and handed to whoever needs a part of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    database_url: str = Field("sqlite:///whence.db", description="SQLAlchemy address of the database.")
    secret_key: str = Field(description="Signs sessions and forms; 32 random bytes, base64.")
    encryption_keys: str = Field(
        description="Encrypt the secrets of connections; base64 keys of 32 bytes, newest first, by commas."
    )
    public_url: str = Field("http://127.0.0.1:8000", description="Where browsers and platforms reach Whence.")
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=1, le=65535, description="Port to listen on.")
    web_processes: int = Field(2, ge=1, le=64, description="Web processes.")
    web_threads: int = Field(16, ge=1, le=256, description="Threads of each web process.")
    delivery_threads: int = Field(16, ge=1, le=128, description="Deliveries made at the same time.")
    run_worker: bool = Field(True, description="Run the delivery worker beside the web processes.")
    trusted_proxies: int = Field(
        0, ge=0, le=5, description="Reverse proxies in front whose headers are believed."
    )
    secure_cookies: bool | None = Field(
        None, description="Cookies over https only; by default as public_url."
    )
    sqlite_synchronous: str = Field("NORMAL", pattern="^(NORMAL|FULL)$", description="SQLite's durability.")
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$", description="How much is logged.")
    log_format: str = Field("text", pattern="^(text|json)$", description="How it is logged.")
    allow_private_addresses: bool = Field(False, description="Allow platforms inside a private network.")
    sandbox_url: str = Field(
        "", description="Address of the stand-ins; replaces every platform. Never in production."
    )
    attempt_days: int = Field(30, ge=1, le=365, description="Days to keep the attempt log.")
    debug: bool = Field(False, description="Tell the reason of a refused beacon in a header.")

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, value: str) -> str:
        if len(value) < KEY_BYTES:
            raise ValueError("is too short: 32 characters or more, as `whence init` makes them")
        return value

    @field_validator("encryption_keys")
    @classmethod
    def _usable(cls, value: str) -> str:
        for key in value.split(","):
            if len(_decoded(key)) != KEY_BYTES:
                raise ValueError("is not a base64 key of 32 bytes, as `whence init` makes them")
        return value

    @field_validator("public_url", "sandbox_url")
    @classmethod
    def _address(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return value.rstrip("/")

    @property
    def keys(self) -> list[bytes]:
        """Give the encryption keys, newest first."""
        return [_decoded(key) for key in self.encryption_keys.split(",")]

    @property
    def is_https(self) -> bool:
        return self.public_url.startswith("https://") if self.secure_cookies is None else self.secure_cookies


def new_secret() -> str:
    """Make a key fit for `secret_key` and `encryption_keys`."""
    return urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def load_settings(environment: Mapping[str, str] | None = None, *, file: Path | None = None) -> Settings:
    """Read file, then environment (which wins); raises SettingsError that lists every problem."""
    environment = os.environ if environment is None else environment
    file = file or Path(environment.get(PREFIX + "SETTINGS", "whence.env"))
    problems: list[str] = []
    values = {**_from_file(file, problems), **_ours(environment)}
    values = _read_secret_files(values, problems)
    unknown = sorted(set(values) - set(Settings.model_fields))
    problems += [f"{PREFIX}{name.upper()} is not a setting" for name in unknown]
    known = {name: value for name, value in values.items() if name in Settings.model_fields}
    try:
        settings = Settings.model_validate(known)
    except ValidationError as error:
        problems += [_sentence(item) for item in error.errors()]
    if problems:
        raise SettingsError("\n".join([*problems, f"Each setting is explained in {DOCS}."]))
    return settings


def _ours(environment: Mapping[str, str]) -> dict[str, str]:
    skipped = {PREFIX + "SETTINGS"}
    return {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environment.items()
        if name.startswith(PREFIX) and name not in skipped and value != ""
    }


def _from_file(file: Path, problems: list[str]) -> dict[str, str]:
    if not file.is_file():
        return {}
    values = {}
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.partition("=")
        if not equals or not name.strip().startswith(PREFIX):
            problems.append(f"{file.name}, line {number}: expected {PREFIX}NAME=value")
            continue
        values[name.strip().removeprefix(PREFIX).lower()] = value.strip().strip('"')
    return values


def _read_secret_files(values: dict[str, str], problems: list[str]) -> dict[str, str]:
    found = dict(values)
    for name in [name for name in values if name.endswith("_file")]:
        path = Path(found.pop(name))
        try:
            found[name.removesuffix("_file")] = path.read_text(encoding="utf-8").strip()
        except OSError:
            problems.append(f"{PREFIX}{name.upper()}: the file {path} cannot be read")
    return found


def _sentence(item: Mapping[str, object]) -> str:
    where = item["loc"]
    name = PREFIX + str(where[0] if isinstance(where, tuple) and where else "").upper()
    if item["type"] == "missing":
        return f"{name} is missing; `whence init` makes it"
    return f"{name}: {str(item['msg']).removeprefix('Value error, ')}"


def _decoded(key: str) -> bytes:
    try:
        return urlsafe_b64decode(key.strip())
    except ValueError:
        return b""
