"""
A body beyond its path's limit is answered 413 while it is still coming, over a real socket.

Each server a person may choose is asked: Daphne and uvicorn as we start them, which stop reading, and Daphne as it is.
"""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from http.client import HTTPResponse

import psutil
import pytest
from django.conf import settings

from apps.common import bodies
from apps.market.datasets.asking import MOST_UPLOAD_BYTES
from tests.contracts.daphne import Server, make_web_process

pytestmark = pytest.mark.django_db(transaction=True)
API, PAGE, UPLOAD = "/api/v1/accounts", "/login", "/api/v1/datasets"
PIECE = b"x" * 65_536
SECRET = {"API_SECRET_KEY": "k" * 50}


@pytest.fixture(scope="module", params=["daphne", "uvicorn", "plain"])
def server(request, django_db_setup):
    plain = request.param == "plain"
    server = Server("config.asgi:application", SECRET) if plain else make_web_process(request.param)
    yield server
    server.stop()


def send(server, head: list[str], pieces) -> tuple[int, dict[str, str], bytes]:
    """Send a request piece by piece until an answer comes or the pieces end; return the answer."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as line:
        line.sendall("\r\n".join([*head, "Host: localhost", "", ""]).encode())
        with suppress(OSError):  # cut off while sending: the answer, if any, is there to be read
            for piece in pieces:
                line.sendall(piece)
        answer = HTTPResponse(line)
        answer.begin()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def test_a_declared_length_is_refused_before_a_byte_of_the_body_is_sent(server):
    ours = server.command is not None
    length = settings.BODY_LIMIT + 1
    head = [f"POST {API} HTTP/1.1", f"Content-Length: {length}", "Content-Type: application/json"]

    # Daphne as it is calls nobody before it has the whole body.
    status, headers, body = send(server, head, [] if ours else [b"x" * length])

    answer = json.loads(body)
    assert (status, answer["code"]) == (413, "BODY_TOO_LARGE")
    assert answer["extra"] == {"limit_bytes": settings.BODY_LIMIT}
    assert answer["request_id"] == headers["x-request-id"]


def test_a_body_in_chunks_is_counted(server):
    head = [f"POST {API} HTTP/1.1", "Transfer-Encoding: chunked"]
    pieces = [chunk(PIECE)] * (settings.BODY_LIMIT // len(PIECE) + 1)

    status, _, body = send(server, head, [*pieces, b"0\r\n\r\n"])

    assert (status, json.loads(body)["code"]) == (413, "BODY_TOO_LARGE")


def test_people_get_a_sentence(server):
    length = settings.BODY_LIMIT + 1
    pieces = [] if server.command else [b"x" * length]

    status, headers, body = send(server, [f"POST {PAGE} HTTP/1.1", f"Content-Length: {length}"], pieces)

    assert (status, headers["content-type"]) == (413, "text/html; charset=utf-8")
    assert b"at most 8,388,608 bytes" in body


def test_what_is_within_the_limit_reaches_its_view(server):
    for path, length in ((API, 1000), (UPLOAD, settings.BODY_LIMIT + 1)):
        head = [
            f"POST {path} HTTP/1.1",
            f"Content-Length: {length}",
            "Content-Type: application/json",
            "Connection: close",
        ]

        status, _, _ = send(server, head, [b" " * length])

        assert status in (401, 403, 405), path


@pytest.mark.parametrize("server", ["daphne", "uvicorn"], indirect=True)
def test_the_server_holds_no_more_than_the_limit(server):
    before = psutil.Process(server.process.pid).memory_info().rss
    head = [f"POST {API} HTTP/1.1", "Transfer-Encoding: chunked"]

    status, _, _ = send(server, head, (chunk(PIECE) for _ in range(200 * 1024 * 1024 // len(PIECE))))

    assert status == 413
    assert psutil.Process(server.process.pid).memory_info().rss - before < 64 * 1024 * 1024


def test_the_limits_leave_room_for_what_views_take():
    assert all(bodies.limit_of(path) > MOST_UPLOAD_BYTES for path in (UPLOAD, "/data/new"))
    assert bodies.limit_of("/anything/else") == settings.DATA_UPLOAD_MAX_MEMORY_SIZE
