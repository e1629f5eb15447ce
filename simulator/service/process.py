"""From the command line to a listening process and to its orderly end."""

import argparse
import asyncio
import contextlib
import hashlib
import json
import os
import secrets
import signal
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from simulator.broker.ledger import Ledger, LedgerError
from simulator.exchange import Exchange
from simulator.market.replay import ReplayedMarket, ReplayError, name_symbol, read_recording
from simulator.market.seeded import SeededMarket
from simulator.market.source import Source
from simulator.market.symbols import SymbolTerms, list_typical_terms, typical_terms
from simulator.market.zone import ServerZone, UnknownZone
from simulator.pace import Pace
from simulator.service.commands import Commands, read_speed
from simulator.service.connections import EXIT_LEDGER, Connection
from simulator.service.host import Host
from trading.errors import TradingError

_DEMO_DAYS = 28
_HISTORY_WEEKS = 156
TOKEN_FILE = "control.token"  # noqa: S105
PORT_FILE = "port"
_EXIT_REFUSED = 2


def log(event: str, **values: Any) -> None:
    """Write one JSON line to the log."""
    stamp = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    print(json.dumps({"at": stamp, "event": event, **values}, default=str), file=sys.stderr, flush=True)


def read_arguments(words: list[str] | None = None) -> argparse.Namespace:
    """Return the options of ``python -m simulator``."""
    parser = argparse.ArgumentParser(prog="simulator", description="A simulated MetaTrader 5 terminal and broker.")
    parser.add_argument("--data-dir", type=Path, required=True, help="ledger, clock, token and port file live here")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (loopback)")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--seed", type=int, default=1, help="of the seeded market")
    parser.add_argument("--speed", default=None, help="market seconds per second, max, or auto")
    parser.add_argument("--replay", type=Path, help="CSV file to replay instead of the seeded market")
    parser.add_argument("--replay-symbol", help="its symbol; by default from the file's name")
    parser.add_argument("--spread-points", type=int, help="fixed spread of the replay, or of every seeded symbol")
    parser.add_argument("--server-zone", default="UTC", help="the broker's clock: UTC, SERVER_NY+7 or an IANA name")
    parser.add_argument("--start", help="market time to start at (ISO 8601 with zone)")
    parser.add_argument("--paused", action="store_true", help="stand still until told to go on")
    return parser.parse_args(words)


class StartError(Exception):
    """The simulator can not start as it was asked to."""


def run(options: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT; return the exit code."""
    try:
        asyncio.run(_serve(options))
    except (StartError, ReplayError, UnknownZone, TradingError, FileNotFoundError) as error:
        log("start_failed", error=str(error))
        return _EXIT_REFUSED
    except LedgerError as error:
        log("ledger_failed", error=str(error))
        return EXIT_LEDGER
    return 0


async def _serve(options: argparse.Namespace) -> None:
    folder: Path = options.data_dir
    folder.mkdir(parents=True, exist_ok=True)
    with _lock(folder):
        ledger = Ledger(folder)
        exchange, pace, is_replay = _build(options, ledger)
        host = Host(exchange, pace, is_replay=is_replay, log=log)
        host.paused = options.paused
        everyone: set[Connection] = set()

        def close_all(login: int | None) -> None:
            for connection in list(everyone):
                session_login = connection.session.state.login
                if session_login is not None and login in (None, session_login):
                    connection.close()

        commands = Commands(host, _keep_token(folder), close_all)
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(lambda: Connection(host, commands, everyone), options.host, options.port)
        except OSError as error:
            raise StartError(f"cannot listen on {options.host}:{options.port}: {error}") from error
        port = server.sockets[0].getsockname()[1]
        host.address = f"sim://{options.host}:{port}"
        _tell_ready(folder, host, port)
        await _run_until_stopped(host, server)
        for connection in list(everyone):
            connection.close()
        exchange.books.commit(exchange.market_at)
        ledger.close()
        log("stopped", market_at=exchange.market_at)


async def _run_until_stopped(host: Host, server: asyncio.Server) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(name, stopped.set)
        except NotImplementedError:  # Windows
            signal.signal(name, lambda *_: loop.call_soon_threadsafe(stopped.set))
    market = asyncio.create_task(host.run_market())
    waiter = asyncio.create_task(stopped.wait())
    await asyncio.wait({market, waiter}, return_when=asyncio.FIRST_COMPLETED)
    server.close()
    waiter.cancel()
    if market.done():
        # a market that stopped by itself has failed: say so and let the supervisor start it again
        market.result()
    market.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await market


def _build(options: argparse.Namespace, ledger: Ledger) -> tuple[Exchange, Pace, bool]:
    zone = ServerZone(options.server_zone)
    speed = read_speed(options.speed)
    origin: dict[str, Any] = {"server_zone": zone.name, "spread_points": options.spread_points}
    if options.replay:
        digest = hashlib.sha256(options.replay.read_bytes()).hexdigest()
        symbol = options.replay_symbol or name_symbol(options.replay)
        source, starts_at = _build_replay(options, zone, symbol)
        origin |= {"replay": digest, "symbol": symbol}
        pace = Pace(1.0 if speed is None else speed, ceiling=False)
        _keep_origin(ledger, origin, starts_at)
        return Exchange(source, zone, ledger, starts_at, skips_closed=True), pace, True
    origin |= {"seed": options.seed}
    starts_at = _keep_origin(ledger, origin, _read_start(options.start))
    terms = [_with_spread(terms, options.spread_points) for terms in list_typical_terms()]
    seeded = SeededMarket(terms, seed=options.seed, history_weeks=_HISTORY_WEEKS, start=starts_at)
    exchange = Exchange(seeded, zone, ledger, starts_at, skips_closed=True)
    return exchange, Pace(speed, ceiling=starts_at <= time.time()), False


def _build_replay(options: argparse.Namespace, zone: ServerZone, symbol: str) -> tuple[Source, float]:
    if options.start:
        raise StartError("--start is for the seeded market; a replay starts after its warm-up history")
    recording = read_recording(options.replay, zone)
    for problem in recording.left_out[:20]:
        log("replay_bar_left_out", file=options.replay.name, problem=problem)
    terms = typical_terms(symbol)
    spread = terms.spread_points if options.spread_points is None else options.spread_points
    market = ReplayedMarket(terms, recording, spread_points=spread)
    return market, market.starts_at


def _with_spread(terms: SymbolTerms, spread_points: int | None) -> SymbolTerms:
    return terms if spread_points is None else replace(terms, spread_points=spread_points, spread_is_fixed=True)


def _read_start(text: str | None) -> float:
    if text is None:
        return time.time() // 60 * 60 - _DEMO_DAYS * 86400
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise StartError(f"--start {text!r} is no ISO 8601 time") from error
    if moment.tzinfo is None:
        raise StartError("--start needs a zone, as in 2026-01-27T14:30:00Z")
    return moment.timestamp() // 60 * 60


def _keep_origin(ledger: Ledger, origin: dict[str, Any], starts_at: float) -> float:
    """Bind a ledger to its market: positions of one market make no sense in another."""
    facts = ledger.read_facts()
    if "origin" not in facts:
        ledger.write([], [], [], {"origin": origin, "starts_at": starts_at})
        return starts_at
    if facts["origin"] != origin:
        raise StartError(f"the data directory belongs to another market ({facts['origin']}): use a new one")
    return float(facts["starts_at"])


def _keep_token(folder: Path) -> str:
    path = folder / TOKEN_FILE
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        token = path.read_text("ascii").strip()
        if token:
            return token
        descriptor = os.open(path, os.O_WRONLY | os.O_TRUNC)
    token = secrets.token_urlsafe(32)
    with os.fdopen(descriptor, "w") as file:
        file.write(token)
    return token


def _tell_ready(folder: Path, host: Host, port: int) -> None:
    temporary = folder / f"{PORT_FILE}.new"
    temporary.write_text(str(port), "ascii")
    temporary.replace(folder / PORT_FILE)
    ready = {"event": "ready", "port": port, "address": host.address, "pid": os.getpid(), **host.describe_clock()}
    print(json.dumps(ready), flush=True)


@contextlib.contextmanager
def _lock(folder: Path) -> Any:
    """Keep a second simulator away from the same ledger."""
    with (folder / "lock").open("a") as file:
        try:
            _take_lock(file)
        except OSError:
            raise StartError(f"another simulator runs in {folder}") from None
        yield


def _take_lock(file: Any) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
