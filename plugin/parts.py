"""What the parts of Whence share in one process: made once, handed to whoever needs it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from adapters.base import Adapter
from adapters.http import Http, Limiters, Transport
from adapters.registry import adapter_class, all_adapters
from plugin.settings import Settings
from plugin.store.connections import Connections, PlatformConnection
from plugin.store.database import Database
from plugin.store.secrets import Vault
from plugin.store.writer import GroupWriter


@dataclass(frozen=True, slots=True)
class Parts:
    settings: Settings
    database: Database
    connections: Connections
    writer: GroupWriter
    transport: Transport
    limiters: Limiters

    def adapter(
        self,
        connection: PlatformConnection,
        *,
        config: Mapping[str, str] | None = None,
        redact: Iterable[str] = (),
    ) -> Adapter:
        """Make the adapter of a connection for one call; `config` tries other settings than those stored."""
        cls = adapter_class(connection.platform)
        values = with_defaults(cls, connection.config if config is None else config)
        secrets = [values[s.name] for s in cls.settings if s.secret and values.get(s.name)]
        http = Http(
            self.transport,
            redact=[*secrets, *redact],
            limiters=self.limiters,
            account=connection.connection_id,
        )
        state = self.connections.state(connection.project_id, connection.connection_id)
        return cls(values, http, state)


def with_defaults(cls: type[Adapter], config: Mapping[str, str]) -> dict[str, str]:
    """Give the settings with the declared defaults where nothing was entered."""
    return {s.name: config.get(s.name) or s.default for s in cls.settings}


def make_parts(settings: Settings) -> Parts:
    """Wire the parts; opens no network connection."""
    database = Database(settings.database_url, synchronous=settings.sqlite_synchronous)
    detours = sandbox_detours(settings.sandbox_url)
    return Parts(
        settings=settings,
        database=database,
        connections=Connections(database, Vault(settings.keys)),
        writer=GroupWriter(database),
        transport=Transport(detours=detours, allow_private=settings.allow_private_addresses or bool(detours)),
        limiters=Limiters(),
    )


def sandbox_detours(sandbox_url: str) -> dict[str, str]:
    """Lead every host that a platform declares to its stand-in; nothing when there is no sandbox."""
    if not sandbox_url:
        return {}
    return {
        host: f"{sandbox_url}/{cls.slug}" + ("/{sub}" if host.startswith(".") else "")
        for cls in all_adapters()
        for host in cls.hosts
    }
