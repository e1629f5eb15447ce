"""The include against the real server over a real socket: approved, denied, repeated, unreachable, restarted."""

from __future__ import annotations

import socket
import threading

import pytest

from apps.risk.models import Approval, Reservation
from apps.teams.models import ApiKey
from apps.trades.models import ReportReceipt
from tests.risk import make_desk
from tests.world import make_key

pytestmark = pytest.mark.django_db(transaction=True)
BUY = ("approve", "EURUSD", "BUY", "1.10000", "1.09800", "1.10400")


@pytest.fixture
def desk(people):
    return make_desk(people)


@pytest.fixture
def key(people):
    return make_key(people.alice, ["bots:session"])[1]


@pytest.fixture
def client(start, server, desk, key):
    talk = start("client")
    assert talk.say("init", desk.bot.bot_id, desk.bot.magic, key, server.url, 30_000) == "ok"
    return talk


def read(answer):
    names = ("said", "lots", "code", "tag", "request", "valid", "risk", "error")
    return dict(zip(names, answer.split("|", 7), strict=True))


def test_an_approved_trade_has_lots_a_tag_and_a_time(client, desk):
    answer = read(client.say(*BUY, 0.1))

    approval = Approval.objects.get(account=desk.account)
    assert (answer["said"], answer["lots"], answer["code"], answer["valid"]) == ("YES", "0.1000", "APPROVED", "1")
    assert (answer["tag"], answer["risk"]) == (approval.tag, "20.00")
    assert approval.client_key
    assert approval.reservation == Reservation.HELD
    assert client.say("trailing") == "0.03000000"  # what a new account asks for
    client.say("later", 5001)
    assert read(client.say("approve", "NOSUCH", "BUY", "1.1", "1.0", "0", 0.1))["valid"] == "0"


def test_less_is_approved_where_less_is_allowed(client):
    answer = read(client.say(*BUY, 50))

    assert (answer["said"], answer["lots"], answer["risk"]) == ("YES", "1.2500", "250.00")


@pytest.mark.parametrize(
    "asked, code",
    [
        (("EURUSD", "BUY", "1.1", "1.2", "0", "0.1"), "SL_WRONG_SIDE"),
        (("EURUSD", "BUY", "1.1", "0", "0", "0.1"), "BAD_REQUEST"),
        (("NOSUCH", "BUY", "1.1", "1.0", "0", "0.1"), "SYMBOL_UNKNOWN"),
        (("EURUSD", "BUY", "nan", "1.0", "0", "0.1"), "BAD_REQUEST"),
        (("EURUSD", "BUY", "1.1", "1.0", "0", "inf"), "BAD_REQUEST"),
        (("EURUSD", "BUY", "1.1", "1.09", "0", "-1"), None),
    ],
)
def test_a_denial_gives_no_lots_and_says_why(client, asked, code):
    answer = read(client.say("approve", *asked))

    assert (answer["said"], answer["lots"], answer["valid"]) == ("NO", "0.0000", "0")
    assert answer["error"]
    assert code is None or answer["code"] == code


@pytest.mark.parametrize("what", ["refuses connections", "never answers", "answers nonsense", "answers half"])
def test_without_a_whole_answer_there_is_no_trade(start, desk, key, what):
    with _broken_server(what) as url:
        talk = start("client")
        talk.say("init", desk.bot.bot_id, desk.bot.magic, key, url, 300)
        answer = read(talk.say(*BUY, 0.1))

    assert (answer["said"], answer["lots"], answer["valid"]) == ("NO", "0.0000", "0")
    assert answer["code"] in ("NO_ANSWER", "NOT_JUDGED", "BAD_ANSWER")


def test_an_attempt_nobody_answered_is_asked_again_with_the_same_key(start, server, desk, key):
    with _broken_server("loses the answer", server.url) as url:
        lossy = start("client")
        lossy.say("init", desk.bot.bot_id, desk.bot.magic, key, url, 30_000)
        assert read(lossy.say(*BUY, 0.1))["code"] == "NO_ANSWER"
    first = Approval.objects.get(account=desk.account)  # it was judged: only the answer was lost

    restarted = start("client")  # the terminal was closed in between
    restarted.say("init", desk.bot.bot_id, desk.bot.magic, key, server.url, 30_000)
    answer = read(restarted.say(*BUY, 0.1))
    assert (answer["said"], answer["tag"]) == ("YES", first.tag)
    assert Approval.objects.filter(account=desk.account).count() == 1

    assert read(restarted.say(*BUY, 0.1))["tag"] != first.tag  # an answered attempt is over: this is a new trade


def test_a_verdict_that_is_heard_too_late_is_not_used(start, server, desk, key):
    with _broken_server("loses the answer", server.url) as url:
        lossy = start("client")
        lossy.say("init", desk.bot.bot_id, desk.bot.magic, key, url, 30_000)
        lossy.say(*BUY, 0.1)
        lossy.say("later", 6000)
        lossy.say("init", desk.bot.bot_id, desk.bot.magic, key, server.url, 30_000)
        answer = read(lossy.say(*BUY, 0.1))

    assert (answer["said"], answer["code"], answer["lots"]) == ("NO", "APPROVAL_EXPIRED", "0.0000")
    assert Approval.objects.filter(account=desk.account).count() == 1


def test_reports_wait_on_disk_until_they_are_taken_and_count_once(start, server, client, desk, key):
    client.say(*BUY, 0.1)
    client.say("position", 501, 0.1, 1.10001, 1.098)
    client.say("init", desk.bot.bot_id, desk.bot.magic, key, "http://127.0.0.1:9", 300)
    assert client.say("closed", 501, "STOP_LOSS") == "1"

    restarted = start("client")
    restarted.say("init", desk.bot.bot_id, desk.bot.magic, key, server.url, 30_000)
    assert restarted.say("flush") == "0"
    assert restarted.say("flush") == "0"
    assert ReportReceipt.objects.filter(account=desk.account).count() == 1


def test_a_fill_far_from_the_plan_is_answered_with_close(client, desk):
    answer = read(client.say(*BUY, 0.1))
    client.say("position", 502, 0.1, 1.10300, 1.098)  # 500 points to the stop instead of 200
    assert client.say("opened", 502, 0.1, 1.10300) == "0"

    assert client.say("action") == "close|502|0.10"
    assert client.say("action") == "none|0|0.00"
    approval = Approval.objects.get(tag=answer["tag"])
    assert (approval.position_id, approval.actual_risk) == (502, 50)


def test_a_revoked_key_opens_nothing_more(client, desk, key):
    assert read(client.say(*BUY, 0.1))["said"] == "YES"
    ApiKey.objects.filter(scopes__contains=["bots:session"]).update(revoked_at="2026-01-01T00:00:00Z")

    assert read(client.say(*BUY, 0.1))["said"] == "NO"


def test_in_the_tester_the_offline_limits_decide_and_nothing_leaves_the_terminal(client, desk):
    client.say("tester", 1)
    assert read(client.say(*BUY, 50))["lots"] == "2.5000"  # 0.5 % of 100,000 over 200 points
    client.say("account", 96_000, 94_900)  # 5.1 % below the day's beginning
    answer = read(client.say(*BUY, 0.1))

    assert (answer["said"], answer["code"]) == ("NO", "DAILY_LOSS_LIMIT")
    assert not Approval.objects.filter(account=desk.account).exists()


@pytest.mark.parametrize(
    "text, key, value",
    [
        ('{"a":{"b":"}"},"b":2}', "b", "+2"),
        ('{"b":"x\\"y\\u00e9","c":1}', "b", '+x"y\u00e9'),
        ('{ "b" : null }', "b", "+null"),
        ('{"a":[1,{"b":3}]}', "b", "-"),
        ('{"b":"open', "b", "-"),
        ('[{"b":1}]', "b", "-"),
        ("nonsense", "b", "-"),
    ],
)
def test_json_is_read_at_the_top_level_only(client, text, key, value):
    assert client.say("json", key, text) == value


class _broken_server:
    """A socket that misbehaves as named; "loses the answer" passes the request on and drops what comes back."""

    def __init__(self, what: str, behind: str = "") -> None:
        self.what, self.behind = what, behind
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.open = True
        self.held: list[socket.socket] = []

    def __enter__(self) -> str:
        url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        if self.what == "refuses connections":
            self.listener.close()
        else:
            threading.Thread(target=self._serve, daemon=True).start()
        return url

    def __exit__(self, *_: object) -> None:
        self.open = False
        self.listener.close()
        for connection in self.held:
            connection.close()

    def _serve(self) -> None:
        while self.open:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.held.append(connection)
            self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        request = _read_request(connection)
        if self.what == "never answers":
            return
        if self.what == "loses the answer":
            host, port = self.behind.removeprefix("http://").split(":")
            with socket.create_connection((host, int(port))) as upstream:
                upstream.sendall(request)
                answer = b"".join(iter(lambda: upstream.recv(8192), b""))
            if b"/session " in request:
                connection.sendall(answer)
        else:
            body = b'{"approved":true,"adjusted' if self.what == "answers half" else b"<html>hello</html>"
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + body)
        connection.shutdown(socket.SHUT_RDWR)


def _read_request(connection: socket.socket) -> bytes:
    request = b""
    while b"\r\n\r\n" not in request:
        request += connection.recv(8192)
    head, _, body = request.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(8192)
    return head + b"\r\n\r\n" + body
