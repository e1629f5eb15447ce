"""Lists: every row once, in order, in both directions, whatever happens meanwhile."""

from __future__ import annotations

import base64
import json

import pytest

from apps.common import lists
from apps.teams.models import ApiKey
from tests.world import api_client, make_key

KEYS = "/api/v1/keys"


@pytest.fixture
def client(world):
    client = api_client(make_key(world.alice)[1])
    for _ in range(24):
        make_key(world.alice)
    return client


def walk(client, direction="next", cursor=None, limit=7):
    pages = []
    while True:
        query = {"limit": limit, **({"cursor": cursor} if cursor else {})}
        page = client.get(KEYS, query).json()
        pages.append(page)
        cursor = page[direction]
        if cursor is None:
            return pages


def test_walking_forward_and_back_shows_every_row_once(client):
    forward = walk(client)
    ids = [row["id"] for page in forward for row in page["results"]]
    back = walk(client, "previous", forward[-1]["previous"])
    back_ids = [row["id"] for page in reversed(back) for row in page["results"]]

    assert len(ids) == len(set(ids)) == 25
    assert ids == sorted(ids, reverse=True)
    assert back_ids == ids[: len(back_ids)]
    assert len(back_ids) == 21
    assert {page["count"] for page in forward} == {25}
    assert forward[0]["previous"] is None


def test_rows_added_meanwhile_do_not_repeat_any(client, world):
    first = client.get(KEYS, {"limit": 10}).json()
    for _ in range(5):
        make_key(world.alice)

    second = client.get(KEYS, {"limit": 500, "cursor": first["next"]}).json()

    assert not {row["id"] for row in first["results"]} & {row["id"] for row in second["results"]}
    assert len(second["results"]) == 15


def test_an_empty_page_has_no_ways_out(world):
    _, text = make_key(world.alice)
    ApiKey.objects.update(revoked_at=None)
    page = api_client(text).get("/api/v1/members", {"limit": 500}).json()

    assert (page["next"], page["previous"]) == (None, None)


def forge(*parts):
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "",
        "é",
        forge("n", "-created_at,-id", []),
        forge("n", "-created_at,-id", ["2026-01-01", "x"]),
        forge("n", "-created_at,-id", ["2026-01-01T00:00:00", "00000000-0000-0000-0000-000000000000"]),
        forge("n", "-created_at,-id", [None, None]),
        forge("n", "-created_at,-id", [{}, []]),
        forge("n", "digest", ["a"]),
        forge("x", "-created_at,-id", ["2026-01-01T00:00:00Z", "00000000-0000-0000-0000-000000000000"]),
        base64.urlsafe_b64encode(b"5").decode(),
    ],
)
def test_a_forged_cursor_is_refused(client, cursor):
    answer = client.get(KEYS, {"cursor": cursor})

    assert (answer.status_code, answer.json()["code"]) == (400, "CURSOR_INVALID")


@pytest.mark.parametrize("limit", ["0", "501", "-1", "x", "1e2", "²"])
def test_a_limit_outside_is_refused(client, limit):
    assert client.get(KEYS, {"limit": limit}).json()["field"] == "limit"


def test_a_long_list_is_counted_by_estimate(client, monkeypatch):
    monkeypatch.setattr(lists, "EXACT_COUNT", 10)

    page = client.get(KEYS).json()

    assert page["count_is_estimate"] is True
    assert page["count"] >= 11
