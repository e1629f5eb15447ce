"""The client of a simulated fleet: kept connections, clear failures, and no answer taken for another question's."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from simulator.asking import Asker, NotAnswered
from simulator.keeping import Journal


class Server:
    """Answers with what `answers` gives for the first line of a request; counts connections."""

    def __init__(self, answers):
        self.answers, self.connections, self.requests = answers, 0, []

    async def serve(self, reader, writer):
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                sizes = [int(line.split(": ")[1]) for line in lines if line.startswith("Content-Length")]
                self.requests.append((first, lines, await reader.readexactly(sizes[0]) if sizes else b""))
                writer.write(await self.answers(first))
        writer.close()


def plain(body, status="200 OK", more=""):
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n{body}".encode()


@contextlib.asynccontextmanager
async def asking(answers, before=""):
    server = Server(answers)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    asker = Asker(f"http://127.0.0.1:{port}{before}", {"X-API-Key": "exe_1"})
    try:
        yield asker, server
    finally:
        asker.close()
        listening.close()


async def test_questions_go_over_one_kept_connection_with_the_headers_on_each():
    async def answers(first):
        return plain(first)

    async with asking(answers, before="/behind") as (asker, server):
        assert await asker.get("/a?since=1") == b"GET /behind/a?since=1 HTTP/1.1"
        assert await asker.post("/b", b'{"n":1}') == b"POST /behind/b HTTP/1.1"
    assert server.connections == 1
    assert [body for _, _, body in server.requests] == [b"", b'{"n":1}']
    assert all("X-API-Key: exe_1" in lines for _, lines, _ in server.requests)


async def test_two_questions_at_once_take_two_connections_and_each_gets_its_own_answer():
    waiting = asyncio.Event()

    async def answers(first):
        if "slow" in first:
            await waiting.wait()
        return plain(first.split()[1])

    async with asking(answers) as (asker, server):
        slow = asyncio.create_task(asker.get("/slow"))
        assert await asker.get("/quick") == b"/quick"
        waiting.set()
        assert await slow == b"/slow"
    assert server.connections == 2


async def test_an_answer_in_pieces_is_put_together():
    async def answers(first):
        return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"

    async with asking(answers) as (asker, _):
        assert await asker.get("/") == b"abcde"


@pytest.mark.parametrize("answer", [plain("no", "503 Service Unavailable"), b"this is no HTTP\r\n\r\n"])
async def test_what_is_no_good_answer_is_a_failure(answer):
    async def answers(first):
        return answer

    async with asking(answers) as (asker, _):
        with pytest.raises(NotAnswered):
            await asker.get("/")


async def test_a_server_that_says_close_is_asked_over_a_new_connection():
    async def answers(first):
        return plain("ok", more="Connection: close\r\n")

    async with asking(answers) as (asker, server):
        assert [await asker.get("/"), await asker.get("/")] == [b"ok", b"ok"]
    assert server.connections == 2


async def test_a_cancelled_question_leaves_no_answer_behind_for_the_next():
    asked, waiting = asyncio.Event(), asyncio.Event()

    async def answers(first):
        if "cancelled" in first:
            asked.set()
            await waiting.wait()
        return plain(first.split()[1])

    async with asking(answers) as (asker, _):
        task = asyncio.create_task(asker.get("/cancelled"))
        await asked.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        waiting.set()
        assert await asker.get("/next") == b"/next"


async def test_a_journal_has_the_lines_of_all_on_the_disk_when_it_says_so(tmp_path):
    journal = Journal(tmp_path / "journal")
    await asyncio.gather(*(journal.keep([f"{number}\n", "end\n"]) for number in range(50)))
    assert (tmp_path / "journal").read_text() == "".join(f"{number}\nend\n" for number in range(50))


async def test_a_journal_that_cannot_be_written_says_so_to_each_who_waits(tmp_path):
    journal = Journal(tmp_path / "no folder" / "journal")
    found = await asyncio.gather(journal.keep(["1\n"]), journal.keep(["2\n"]), return_exceptions=True)
    assert [type(one) for one in found] == [FileNotFoundError, FileNotFoundError]
