"""The server's doors as bytes: lanes with deadlines, nudges, and the executor guide's own import."""

from __future__ import annotations

import json
import threading
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from websockets.sync.server import serve

from executor import WindowsExecutor
from executor_agent.config import PusherConfig, ServerConfig, build_config
from executor_agent.errors import ConfigError
from executor_agent.server.courier import HttpCourier
from executor_agent.server.doors import Doors
from executor_agent.server.nudges import Nudges
from executor_agent.server.ports import Answered, Door, Failed
from executor_agent.server.pusher import PusherNudges
from tests.agents.http_server import API_KEY, API_SECRET, serving
from tests.agents.server import AgentServer
from trading.protocol import ApprovalRequest, Report, Reports, encode

REQUEST = encode(
    ApprovalRequest(
        bot_id="b",
        symbol="EURUSD",
        direction="BUY",
        entry_price=Decimal("1.1"),
        stop_loss=Decimal("1.09"),
        requested_lots=Decimal(1),
    )
)


def config_for(url: str, **changes: object) -> ServerConfig:
    values = {
        "url": url,
        "api_key": API_KEY,
        "api_secret": API_SECRET,
        "executor_id": "exr_1",
        "transports": ("long_poll",),
    }
    return ServerConfig(**(values | changes))  # type: ignore[arg-type]


@pytest.fixture
def server():
    return AgentServer()


@pytest.fixture
def courier(server):
    with serving(server) as url:
        courier = HttpCourier(config_for(url), poll_wait_ms=10_000)
        yield courier
        courier.close()


def wait_event(courier: HttpCourier, door: Door):
    for _ in range(100):
        courier.wait(0.1)
        for event in courier.take():
            if event.door is door:
                return event
    raise AssertionError(f"nothing came from {door}")


def test_a_change_ends_the_long_poll_at_once(courier, server):
    courier.watch_desired(0)
    first = wait_event(courier, Door.DESIRED)
    courier.watch_desired(first.message.desired_version)
    server.want("RUNNING")

    event = wait_event(courier, Door.DESIRED)
    assert event.message.desired_version == server.version
    assert [wanted.assignment_id for wanted in event.message.assignments] == ["asg_1"]


def test_a_verdict_comes_back_under_its_key(courier, server):
    event = courier.approve(REQUEST, "asg_1:60:BUY", 5.0)

    assert isinstance(event, Answered)
    assert event.message.approved is True
    assert [key for key, _ in server.requests] == ["asg_1:60:BUY"]


def test_a_fault_of_ours_does_not_silence_a_lane(courier, server, monkeypatch):
    reports = Reports(instance_id="i", fence=1, reports=[])
    with monkeypatch.context() as broken:
        broken.setattr(Doors, "post", lambda *_: 1 / 0)
        courier.ask(Door.REPORTS, reports)
        assert isinstance(wait_event(courier, Door.REPORTS), Failed)

    assert courier.is_free(Door.REPORTS)
    courier.ask(Door.REPORTS, reports)
    assert isinstance(wait_event(courier, Door.REPORTS), Answered)


def test_reports_are_answered_each(courier, server):
    report = Report(
        report_id="r1", kind="agent_event", at=server._at(), market_at=server._at(), assignment_id=None, body={}
    )
    courier.ask(Door.REPORTS, Reports(instance_id="i", fence=1, reports=[report]))
    assert not courier.is_free(Door.REPORTS)

    event = wait_event(courier, Door.REPORTS)
    assert [(answer.report_id, answer.status) for answer in event.message.answers] == [("r1", "ACCEPTED")]
    assert courier.is_free(Door.REPORTS)


class _Odd(BaseHTTPRequestHandler):
    """Answers every question with the bytes and status it is told."""

    data, status, holds = b"{}", 200, threading.Event()

    def log_message(self, *_: object) -> None:
        return

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.status == 0:
            self.holds.wait(10)
            return
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.data)))
        self.end_headers()
        self.wfile.write(self.data)


@pytest.fixture
def odd():
    """Start a server that answers so; returns a courier to it."""
    ended = []

    def start(data: bytes, status: int = 200) -> HttpCourier:
        handler = type("Odd", (_Odd,), {"data": data, "status": status, "holds": threading.Event()})
        http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        http.daemon_threads = True
        threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        courier = HttpCourier(config_for(f"http://127.0.0.1:{http.server_address[1]}"))
        ended.append((http, handler, courier))
        return courier

    yield start
    for http, handler, courier in ended:
        handler.holds.set()
        courier.close()
        http.shutdown()
        http.server_close()


APPROVED = {
    "approved": True, "adjusted_lots": 1, "risk_amount": 1, "risk_pct": 1, "warnings": [], "request_id": "r", "reason_code": "APPROVED",
    "rejection_reason": None, "approval_id": "a", "tag": "t", "valid_for_ms": 5000,
}  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"approved",
        b"[true]",
        b'{"approved": true}',
        json.dumps(APPROVED | {"approved": "true"}).encode(),
        json.dumps(APPROVED | {"approved": 1}).encode(),
        json.dumps(APPROVED).replace('"adjusted_lots": 1', '"adjusted_lots": NaN').encode(),
        json.dumps(APPROVED).replace('"adjusted_lots": 1', '"adjusted_lots": 1e400').encode(),
        json.dumps(APPROVED | {"adjusted_lots": None}).encode(),
    ],
)
def test_a_verdict_that_is_not_well_formed_is_none(odd, body):
    assert isinstance(odd(body).approve(REQUEST, "k", 5.0), Failed)


def test_a_well_formed_one_is(odd):
    assert isinstance(odd(json.dumps(APPROVED).encode()).approve(REQUEST, "k", 5.0), Answered)


@pytest.mark.parametrize("status", [201 + 100, 400, 401, 409, 422, 429, 500, 503])
def test_an_approval_under_another_status_is_none(odd, status):
    event = odd(json.dumps(APPROVED).encode(), status).approve(REQUEST, "k", 5.0)

    assert isinstance(event, Failed)
    assert event.status == status


def test_a_server_that_holds_the_line_is_left_in_time_and_the_next_question_is_asked(odd):
    courier = odd(b"", 0)
    first = courier.approve(REQUEST, "k", 0.2)
    second = courier.approve(REQUEST, "k", 0.2)

    assert [type(event) for event in (first, second)] == [Failed, Failed]


def test_wrong_keys_are_told_with_their_status(server):
    with serving(server) as url:
        courier = HttpCourier(config_for(url, api_secret="wrong"))
        event = courier.approve(REQUEST, "k", 5.0)
        courier.close()

    assert isinstance(event, Failed)
    assert event.status == 401


def test_every_message_of_the_socket_means_look_and_the_keys_come_in_a_message():
    first_messages, looks = [], threading.Semaphore(0)

    def greet(connection):
        first_messages.append((connection.request.path, json.loads(connection.recv(timeout=60))))
        connection.send('{"type": "desired", "desired_version": 7}')
        connection.send("not even JSON")
        connection.recv(timeout=60)

    with serve(greet, "127.0.0.1", 0) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        nudges = Nudges(config_for(f"http://127.0.0.1:{http.socket.getsockname()[1]}"), looks.release)
        nudges.start()
        for _ in range(3):
            assert looks.acquire(timeout=60)
        nudges.close()
        http.shutdown()
    path, message = first_messages[0]
    assert path == "/ws/executor"
    assert (message["api_key"], message["api_secret"]) == (API_KEY, API_SECRET)


@pytest.mark.parametrize("junk", ['{"activity_timeout": "soon"}', '{"activity_timeout": []}', "[17]", '{"code": {}}'])
def test_a_push_service_that_talks_nonsense_is_asked_again(junk):
    came = threading.Semaphore(0)

    def talk(connection):
        came.release()
        connection.send(json.dumps({"event": "pusher:connection_established", "data": junk}))
        for _ in connection:
            pass

    with serve(talk, "127.0.0.1", 0) as service:
        threading.Thread(target=service.serve_forever, daemon=True).start()
        push = PusherConfig(key="k", host="127.0.0.1", port=service.socket.getsockname()[1], tls=False)
        nudges = PusherNudges(config_for("http://127.0.0.1:1"), push, lambda: None)
        nudges.start()
        for _ in range(2):
            assert came.acquire(timeout=5)
        nudges.close()
        service.shutdown()


def test_the_guides_six_arguments_make_an_agent(monkeypatch, tmp_path):
    for name, value in {"LOGIN": "1001", "PASSWORD": "p", "SERVER": "Demo"}.items():
        monkeypatch.setenv(f"MT5_{name}", value)
    monkeypatch.setenv("MIKROBOT_AGENT_DATA_DIR", str(tmp_path))
    executor = WindowsExecutor(
        api_url="https://mikrobot.example/api",
        api_key="exe_1",
        api_secret="s",
        pusher_key="p",
        pusher_cluster="eu",
        executor_id="exr_1",
    )

    assert executor.config.server.url == "https://mikrobot.example"
    assert (executor.config.terminal.module, executor.config.terminal.login) == ("MetaTrader5", 1001)
    assert "'s'" not in repr(executor.config)


@pytest.mark.parametrize(
    ("table", "key", "value"),
    [("server", "url", "ftp://x"), ("server", "api_key", ""), ("terminal", "login", "5"), ("terminal", "login", True),
     ("server", "transports", ["pigeon"]), ("terminal", "server_utc_offset_s", 10**6), ("terminal", "server", None)],
)  # fmt: skip
def test_a_configuration_that_cannot_work_is_refused_by_name(tmp_path, table, key, value):
    tables = {
        "server": {"url": "http://127.0.0.1", "api_key": "k", "api_secret": "s", "executor_id": "e"},
        "terminal": {"login": 1, "password": "p", "server": "S"},
        "agent": {"data_dir": "d"},
    }
    build_config(tables, base=tmp_path)
    tables[table][key] = value

    with pytest.raises(ConfigError) as refused:
        build_config(tables, base=tmp_path)
    assert key in (refused.value.field or "")
