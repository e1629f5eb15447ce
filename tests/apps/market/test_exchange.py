"""A local HTTP server plays the exchange: ccxt's own requests, paging and parsing are what runs."""

import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from apps.common.clock import read_at
from apps.market.datasets import asking, exchange, importing
from apps.market.datasets.reading import load_bars
from trading.data.errors import DataEmpty, DataTooLarge
from trading.model.timeframe import Timeframe

pytest.importorskip("ccxt")
START = datetime(2026, 1, 5, tzinfo=UTC)
CANDLES = 2500


class Exchange(BaseHTTPRequestHandler):
    """As much of an exchange (Bitstamp's addresses) as asking for candles needs."""

    def do_GET(self):
        url = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        self.server.asked.append(url.path)
        answer = self.server.answers.get(url.path.strip("/").split("/")[2])
        body = json.dumps(answer(asked) if answer else {"status": "error", "reason": "no"}).encode()
        self.send_response(200 if answer else 404)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def give_markets(_):
    return [
        {
            "name": "BTC/USD", "market_symbol": "btcusd", "base_currency": "BTC", "base_decimals": 8,
            "counter_currency": "USD", "counter_decimals": 2, "minimum_order_value": "10", "trading": "Enabled",
            "market_type": "SPOT", "instant_order_counter_decimals": 2, "instant_and_market_orders": "Enabled",
            "description": "Bitcoin / U.S. dollar", "url_symbol": "btcusd", "minimum_order": "10.0 USD",
        }
    ]  # fmt: skip


def give_currencies(_):
    return [
        {"name": name, "currency": name, "type": "crypto", "symbol": "", "decimals": 8, "logo": "",
         "available_supply": "1", "deposit": "Enabled", "withdrawal": "Enabled", "networks": []}
        for name in ("BTC", "USD")
    ]  # fmt: skip


def give_candles(asked):
    step, limit = int(asked["step"]), int(asked["limit"])
    first = int(START.timestamp())
    start = max(int(asked.get("start", first)), first)
    times = [
        at for at in range(start - start % step, start + limit * step, step) if start <= at < first + CANDLES * step
    ]
    rows = [
        {"timestamp": str(at), "open": "100.5", "high": "101", "low": "99", "close": "100", "volume": "1.25"}
        for at in times
    ]
    return {"data": {"pair": "BTC/USD", "ohlc": rows[:limit]}}


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Exchange)
    server.asked = []
    server.answers = {
        "markets": give_markets,
        "currencies": give_currencies,
        "trading-pairs-info": give_markets,
        "ohlc": give_candles,
    }
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def client(server):
    address = f"http://127.0.0.1:{server.server_port}/api"
    return exchange.connect("bitstamp", {"urls": {"api": {"public": address, "private": address}}, "rateLimit": 1})


def fetch(client, hours, **more):
    return exchange.fetch_candles(
        client, "BTC/USD", Timeframe.H1, start=START, end=START + timedelta(hours=hours), **more
    )


def test_candles_come_page_by_page_until_the_end(client, server):
    seen = []
    rows = fetch(client, CANDLES, on_progress=seen.append)

    assert len(rows) == CANDLES
    assert rows[0].tolist() == [START.timestamp(), 100.5, 101.0, 99.0, 100.0, 1.25]
    assert sum("ohlc" in path for path in server.asked) == 3
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_a_candle_still_forming_is_none(client):
    rows = fetch(client, 10.5)

    assert len(rows) == 10


def test_where_an_exchange_has_nothing_is_said(client, monkeypatch):
    monkeypatch.setattr(exchange, "_MOST_EMPTY", 2)
    with pytest.raises(DataEmpty, match="bitstamp"):
        exchange.fetch_candles(
            client, "BTC/USD", Timeframe.H1, start=START + timedelta(days=2000), end=START + timedelta(days=2001)
        )


def test_a_symbol_it_does_not_have_is_refused_in_words(client):
    with pytest.raises(exchange.ExchangeRefused, match="bitstamp refuses"):
        exchange.fetch_candles(client, "DOGE/EUR", Timeframe.H1, start=START, end=START + timedelta(days=1))


def test_an_exchange_nobody_knows_is_refused():
    with pytest.raises(exchange.ExchangeUnknown, match="nowhere"):
        exchange.connect("nowhere")


def test_a_span_of_too_many_candles_is_refused_before_anything_is_asked(client, server):
    with pytest.raises(DataTooLarge):
        fetch(client, 5000, most_bars=100)
    assert server.asked == []


def ask(world):
    return asking.ask_from_exchange(
        team_id=world.team.pk, actor="alice", exchange="bitstamp", symbol="BTC/USD", timeframe="H1",
        start=START, end=START + timedelta(days=5), at=read_at() + timedelta(days=3650),
    )  # fmt: skip


def test_an_exchange_becomes_a_dataset(world, client, monkeypatch):
    monkeypatch.setattr(exchange, "connect", lambda name: client)
    job = ask(world)
    importing.run_import(import_id=job.pk, at=read_at())
    job.refresh_from_db()

    assert (job.status, job.dataset.source, job.dataset.bar_count) == ("DONE", "EXCHANGE", 120)
    assert load_bars(job.dataset, timeframe="D1").high.tolist() == [101.0] * 5


def test_without_a_network_the_import_fails_in_words(world, monkeypatch):
    nowhere = {"urls": {"api": {"public": "http://127.0.0.1:9/api", "private": "http://127.0.0.1:9/api"}}}
    client = exchange.connect("bitstamp", nowhere)
    monkeypatch.setattr(exchange, "connect", lambda name: client)
    job = ask(world)
    importing.run_import(import_id=job.pk, at=read_at())
    job.refresh_from_db()

    assert (job.status, job.problem["code"]) == ("FAILED", "EXCHANGE_UNREACHABLE")
