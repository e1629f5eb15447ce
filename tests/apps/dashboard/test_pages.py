"""Every page: who may see it, that it is plain and strict, and what it costs the database."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path

from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.apps.dashboard.addresses import list_pages, list_rows
from tests.scenes import make_account, make_executor, make_history
from tests.world import browser, make_user

PINNED = Path(__file__).with_name("query_counts.json")
LIVE = (
    "overview",
    "strategies",
    "strategy",
    "fleet",
    "executor",
    "bots",
    "bot",
    "risk",
    "account",
    "trades",
    "trade",
    "data",
)


def read(response):
    return b"".join(response.streaming_content).decode() if response.streaming else response.content.decode()


def test_every_page_opens_for_everybody_of_the_team(desk, alice, tom, bob):
    for name, path in list_pages(desk).items():
        for person in (alice, tom, bob):
            assert person.get(path).status_code == 200, name


def test_a_strangers_rows_are_not_there_and_leak_nothing(desk, charlie):
    for name, path in list_rows(desk).items():
        response = charlie.get(path)
        assert response.status_code == 404, name
        assert "EMA trend" not in read(response), name
    for name, path in list_pages(desk).items():
        assert not re.search(r"EMA trend|Paper 10k|FTMO|SIM-1|alice@|with a gap", read(charlie.get(path))), name


def test_a_visitor_is_led_to_the_sign_in(desk, client):
    for name, path in list_pages(desk).items():
        response = client.get(path)
        assert response.status_code == 302, name
        assert response["Location"].startswith("/accounts/login/"), name


def test_nothing_is_inline_and_the_policy_is_strict(desk, alice):
    for name, path in list_pages(desk).items():
        response = alice.get(path)
        if not response["Content-Type"].startswith("text/html"):
            continue
        page = read(response)
        assert "unsafe" not in response["Content-Security-Policy"], name
        assert response["Cache-Control"] == "private, no-store", name
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", page), name
        assert not re.search(r"<script(?![^>]*\ssrc=)", page), name
        assert len(re.findall(r"<h1[ >]", page)) == 1, name
        assert re.search(r"<title>[^<]+ – Mikrobot</title>", page), name


def test_ids_are_unique_on_every_page(desk, alice):
    for name, path in list_pages(desk).items():
        response = alice.get(path)
        if response["Content-Type"].startswith("text/html"):
            ids = re.findall(r'\sid="([^"]+)"', read(response))
            assert len(ids) == len(set(ids)), (name, sorted(one for one in set(ids) if ids.count(one) > 1))


def test_a_fragment_is_the_live_part_alone_with_the_same_words(desk, alice):
    for name in LIVE:
        path = list_pages(desk)[name]
        fragment = read(alice.get(path, headers={"HX-Request": "true"}))
        assert "<html" not in fragment, name
        assert 'hx-trigger="live from:body"' in fragment, name
        assert "HX-Request" in alice.get(path)["Vary"], name


def count_queries(person, path):
    with CaptureQueriesContext(connection) as queries:
        response = person.get(path)
        read(response)
    assert response.status_code == 200, path
    return len(queries)


def test_the_queries_of_every_page_are_pinned_and_do_not_grow_with_the_rows(desk, world, alice):
    alice.get("/")
    pinned = json.loads(PINNED.read_text())
    before = {name: count_queries(alice, path) for name, path in list_pages(desk).items()}
    assert before == pinned, "If this is meant, write these into query_counts.json: " + json.dumps(before, indent=2)

    actor = "user:alice@example.com"
    for number in range(4):
        account = make_account(
            world.team,
            actor,
            f"more-{number}",
            f"More {number}",
            mode="PAPER",
            login=700 + number,
            balance=desk.paper.initial_balance,
        )
        make_executor(account, actor, f"more-{number}", seen_at=desk.at)
    assignment = desk.bot.assignments.get()
    for trade in assignment.bot.trades.filter(closed_at__isnull=False):
        trade.delete()
    make_history(assignment, desk.at, 40)

    after = {name: count_queries(alice, path) for name, path in list_pages(desk).items()}
    assert after == before


def test_a_person_without_a_team_makes_one_and_arrives(world):
    dora = browser(make_user("dora"))
    assert dora.get("/")["Location"] == "/welcome"

    answer = dora.post("/welcome", {"name": "Dora Trading"}, follow=True)

    page = answer.content.decode()
    assert answer.redirect_chain[-1][0] == "/"
    assert "Three steps to the first paper trade" in page
    assert "Add the account" in page


def test_an_account_nobody_has_seen_yet_is_shown_as_unknown_never_safe(world, alice):
    account = make_account(
        world.team, "user:alice@example.com", "new-1", "New", mode="PAPER", login=9, balance=Decimal(5000)
    )
    for path in ("/", "/risk", f"/risk/{account.code}", "/halt"):
        response = alice.get(path)
        assert response.status_code == 200, path
        assert "SAFE" not in read(response), path
    assert "not seen yet" in read(alice.get("/risk"))
    assert "nobody knows" in read(alice.get("/risk/new-1"))


def test_an_executor_never_heard_from_is_offline(desk, alice):
    never = make_executor(desk.prop, "user:alice@example.com", "never-1", seen_at=None)
    never.health = {}
    never.save()
    assert "never heard from" in read(alice.get("/fleet/never-1"))
    assert "never-1" in read(alice.get("/fleet"))  # it has told nothing yet, no last error either


def test_the_three_steps_follow_what_is_there(world, desk, alice):
    from apps.assignments.models import Assignment

    assert "Three steps" not in read(alice.get("/"))
    Assignment.objects.update(live=False)
    page = read(alice.get("/"))
    assert "Choose and activate" in page


def test_the_journal_lists_fifty_a_page_and_counts_the_rest(desk, alice):
    assignment = desk.bot.assignments.get()
    desk.bot.trades.filter(closed_at__isnull=False).delete()
    make_history(assignment, desk.at, 70)

    first, second = read(alice.get("/trades")), read(alice.get("/trades?page=2"))

    assert "1 to 50 of 71 shown" in first
    assert "51 to 71 of 71 shown" in second
    assert 'rel="next"' not in second


def test_filters_narrow_the_journal_and_survive_nonsense(desk, alice):
    assert "1 of 1 shown" in read(alice.get("/trades?status=open"))
    assert "No trade matches" in read(alice.get("/trades?q=GBPUSD"))
    for nonsense in ("page=-7", "page=abc", "since=yesterday", "side=UP", "account=../etc", "q=" + "9" * 200):
        assert alice.get(f"/trades?{nonsense}").status_code == 200, nonsense
    assert alice.get("/trades?q=%00").status_code == 400, "a NUL is refused at the door"


def test_the_story_of_a_trade_names_each_check(desk, alice):
    story = read(alice.get(f"/trades/{desk.trade.public_id}"))
    for part in (
        "Reduced",
        "Daily loss",
        "Latches",
        "Freshness",
        "9001",
        "7001",
        "Signal of EMA trend 20/50",
        desk.approval.public_id,
    ):
        assert part in story, part


def test_the_file_of_trades_cannot_run_in_a_spreadsheet(desk, alice):
    from apps.trades.models import Trade

    Trade.objects.filter(pk=desk.trade.pk).update(exit_reason="=2+5+cmd|'x'!A0", symbol="@SUM")
    file = read(alice.get("/trades/export.csv"))

    assert "'=2+5" in file
    assert "'@SUM" in file
    assert not re.search(r'(^|,)"?[=@]', file, re.MULTILINE)
    assert "-1.40" in file  # numbers stay numbers
    assert file.count("\n") == 14


def test_times_carry_utc_for_the_hover_and_market_times_stay_utc(desk, alice):
    page = read(alice.get(f"/trades/{desk.trade.public_id}"))
    market = re.search(r'<time datetime="[^"]+" title="[^"]+ UTC">', page)
    local = re.search(r'<time datetime="[^"]+" title="[^"]+ UTC" data-local="second">', page)
    assert market
    assert local
