"""`agent.toml`: where the server is, which terminal to use, where to write."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from executor_agent.errors import ConfigError
from executor_agent.secrets import read_secret
from executor_agent.texts import read_text

TRANSPORTS = ("long_poll", "websocket", "pusher")
USUAL_TRANSPORTS = ("long_poll", "websocket")


@dataclass(frozen=True, kw_only=True)
class PusherConfig:
    """The push service: its public key, and its cluster or, where it is not Pusher's own, its host."""

    key: str
    cluster: str = ""
    host: str = ""
    port: int = 443
    tls: bool = True

    def url(self, version: str) -> str:
        """
        Return the socket's address.

        >>> PusherConfig(key="k", cluster="eu").url("1")
        'wss://ws-eu.pusher.com:443/app/k?protocol=7&client=mikrobot-agent&version=1'
        """
        host = self.host or (f"ws-{self.cluster}.pusher.com" if self.cluster else "ws.pusherapp.com")
        scheme = "wss" if self.tls else "ws"
        return f"{scheme}://{host}:{self.port}/app/{self.key}?protocol=7&client=mikrobot-agent&version={version}"


@dataclass(frozen=True, kw_only=True)
class ServerConfig:
    """
    The server and the key it knows this executor by. Long poll is always on; `websocket` adds nudges by the server's own
    socket, `pusher` by a push service.
    """

    url: str
    api_key: str
    api_secret: str = field(repr=False)
    executor_id: str
    transports: tuple[str, ...] = USUAL_TRANSPORTS
    pusher: PusherConfig | None = None


@dataclass(frozen=True, kw_only=True)
class TerminalConfig:
    """
    One terminal and one account on it. ``module`` is `MetaTrader5` or a module with its surface.

    ``server_utc_offset_s``: the broker's clock minus UTC; None where the terminal is to be asked.
    """

    module: str = "MetaTrader5"
    path: str = ""
    login: int
    password: str = field(repr=False)
    server: str
    server_utc_offset_s: int | None = None
    deviation_points: int = 20


@dataclass(frozen=True, kw_only=True)
class AgentConfig:
    """Everything the agent is told."""

    server: ServerConfig
    terminal: TerminalConfig
    symbols: dict[str, str]
    """Ours to the broker's; a symbol that is not here has the same name there."""
    data_dir: Path
    log_file: Path | None = None


def read_config(path: Path) -> AgentConfig:
    """
    Read the configuration file. Relative paths in it count from its folder.

    :raises ConfigError: where it cannot be read, or a value is missing or impossible.
    """
    return build_config(read_tables(path), base=path.resolve().parent)


def read_tables(path: Path) -> dict[str, Any]:
    """
    Read the tables of a configuration file, as whichever editor wrote it.

    :raises ConfigError: where it cannot be read, or is not TOML.
    """
    try:
        text = read_text(path)
        return tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text: {error}") from None
    except tomllib.TOMLDecodeError as error:
        hint = "" if "\\" not in text else '; write a path with slashes ("C:/MT5/terminal64.exe") or in single quotes'
        raise ConfigError(f"{path} is not TOML: {error}{hint}") from None


def build_config(tables: dict[str, Any], *, base: Path) -> AgentConfig:
    """
    Return the configuration from its tables.

    :raises ConfigError: where a value is missing or impossible.
    """
    for name in tables:
        if name not in ("server", "terminal", "symbols", "agent"):
            raise ConfigError(f"unknown table [{name}]: use [server], [terminal], [symbols], [agent]", field=name)
    agent = tables.get("agent", {})
    data_dir = base / _text(agent, "agent", "data_dir")
    log_file = agent.get("log_file")
    return AgentConfig(
        server=_read_server(tables.get("server", {}), base),
        terminal=_read_terminal(tables.get("terminal", {}), base),
        symbols={str(ours): str(theirs) for ours, theirs in tables.get("symbols", {}).items()},
        data_dir=data_dir,
        log_file=base / log_file if log_file else None,
    )


def _read_server(table: dict[str, Any], base: Path) -> ServerConfig:
    pusher = _read_pusher(table["pusher"]) if "pusher" in table else None
    transports = tuple(table.get("transports", TRANSPORTS if pusher else USUAL_TRANSPORTS))
    unknown = set(transports) - set(TRANSPORTS)
    if unknown:
        raise ConfigError(f"unknown transport {sorted(unknown)[0]!r}: use {', '.join(TRANSPORTS)}", field="transports")
    if "pusher" in transports and pusher is None:
        raise ConfigError("transport 'pusher' needs [server.pusher] with key and cluster or host", field="pusher")
    executor_id = _text(table, "server", "executor_id")
    return ServerConfig(
        url=clean_url(_text(table, "server", "url")),
        api_key=read_secret(table, "server", "api_key", base, executor_id),
        api_secret=read_secret(table, "server", "api_secret", base, executor_id),
        executor_id=executor_id,
        transports=transports,
        pusher=pusher,
    )


def _read_pusher(table: Any) -> PusherConfig:
    if not isinstance(table, dict) or (unknown := set(table) - {"key", "cluster", "host", "port", "tls"}):
        named = f"unknown {sorted(unknown)[0]!r} in" if isinstance(table, dict) else ""
        raise ConfigError(f"{named} [server.pusher]: use key, cluster, host, port, tls".strip(), field="pusher")
    port, tls = table.get("port", 443), table.get("tls", True)
    if not isinstance(port, int) or isinstance(port, bool) or not 0 < port < 65536 or not isinstance(tls, bool):
        raise ConfigError("[server.pusher] port is a number up to 65535, tls is true or false", field="pusher")
    return PusherConfig(
        key=_text(table, "server.pusher", "key"),
        cluster=str(table.get("cluster", "")),
        host=str(table.get("host", "")),
        port=port,
        tls=tls,
    )


def _read_terminal(table: dict[str, Any], base: Path) -> TerminalConfig:
    login = table.get("login")
    if not isinstance(login, int) or isinstance(login, bool) or login <= 0:
        raise ConfigError("[terminal] login must be the account's number", field="login")
    offset = table.get("server_utc_offset_s")
    if offset is not None and (not isinstance(offset, int) or abs(offset) > 15 * 3600):
        raise ConfigError(
            "[terminal] server_utc_offset_s must be whole seconds within 15 hours", field="server_utc_offset_s"
        )
    return TerminalConfig(
        module=str(table.get("module", "MetaTrader5")),
        path=str(table.get("path", "")),
        login=login,
        password=read_secret(table, "terminal", "password", base, str(login)),
        server=_text(table, "terminal", "server"),
        server_utc_offset_s=offset,
        deviation_points=int(table.get("deviation_points", 20)),
    )


def clean_url(url: str) -> str:
    """
    Return the server's root: without a slash at the end, and without the `/api` that the executor guide writes.

    :raises ConfigError: where it is no http address.

    >>> clean_url("https://mikrobot.example/api/")
    'https://mikrobot.example'
    """
    if not url.startswith(("http://", "https://")):
        raise ConfigError(f"the server's url begins with http:// or https://, not {url!r}", field="url")
    return url.rstrip("/").removesuffix("/v1").removesuffix("/api").rstrip("/")


def _text(table: dict[str, Any], name: str, key: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value:
        raise ConfigError(f"[{name}] {key} is missing", field=key)
    return value
