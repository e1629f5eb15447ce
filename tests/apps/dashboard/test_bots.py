"""The bots' pages: hundreds in a grid, one in detail, and what a person may change of it."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

import pytest

from apps.bots.models import Bot
from apps.bots.services import register_bot, set_bot_status
from apps.risk.models import Approval, Reservation
from apps.trades.models import Trade
from tests.scenes import make_history


def read(response):
    return response.content.decode()


def names(page):
    return re.findall(r'<tr data-row id="b-([^"]+)"', page)


def fill(account, count, **more):
    return [
        register_bot(account=account, actor="test", bot_id=f"bot-{number:03}", **{"guild": "ANALYST", **more})
        for number in range(count)
    ]


def show_position(desk, **changes):
    """Have the terminal show the position under the bot's own magic number."""
    snapshot = desk.paper.snapshot
    held = [{**one, "magic": desk.bot.magic, **changes} for one in snapshot.positions]
    type(snapshot).objects.filter(pk=snapshot.pk).update(positions=held)


def test_230_bots_are_paged_by_their_names_forwards_and_back(desk, alice):
    fill(desk.paper, 228)
    pages, address = [], "/bots"
    while address:
        page = read(alice.get(address))
        pages.append(names(page))
        following = re.search(r'href="(\?[^"]*)" rel="next"', page)
        address = f"/bots{following[1].replace('&amp;', '&')}" if following else ""
    shown = [name for page in pages for name in page]
    assert [len(page) for page in pages] == [50, 50, 50, 50, 30]
    assert shown == sorted(shown)
    assert len(set(shown)) == 230
    back = re.search(r'href="(\?[^"]*)" rel="prev"', page)[1].replace("&amp;", "&")
    assert names(read(alice.get(f"/bots{back}"))) == pages[-2]
    assert "50 of 230 shown" in read(alice.get("/bots"))


def test_a_page_of_many_bots_asks_as_little_as_one_of_few(desk, alice, django_assert_max_num_queries):
    fill(desk.paper, 60)
    alice.get("/bots")
    with django_assert_max_num_queries(15):
        alice.get("/bots")


def test_the_grid_shows_todays_result_what_is_open_and_how_old_that_is(desk, alice):
    show_position(desk)
    page = read(alice.get(f"/bots?q={desk.bot.bot_id}"))
    today = Trade.objects.filter(
        bot=desk.bot, closed_at__gte=desk.at.replace(hour=0, minute=0, second=0, microsecond=0)
    )
    assert names(page) == [desk.bot.bot_id]
    assert f'data-label="Closed today">{today.count()}<' in page
    assert "12.40" in page  # what its open position stands at


def test_the_grid_is_narrowed_by_words_status_guild_tag_and_account(desk, alice):
    first, second = fill(desk.paper, 2, tags=["@scalping"])
    set_bot_status(bot_id=second.pk, actor="test", status="QUARANTINE")
    analyst = register_bot(account=desk.prop, actor="test", bot_id="rsi", guild="QUANTCODE", tags=["@perfect"])

    def found(query):
        return names(read(alice.get(f"/bots?{query}")))

    assert found("q=bot-0") == [first.bot_id, second.bot_id]
    assert found("tag=@scalping&status=active") == [first.bot_id]
    assert found("status=QUARANTINE") == [second.bot_id]
    assert found("guild=QUANTCODE") == found("tag=@perfect") == [analyst.bot_id]
    assert analyst.bot_id in found("account=ftmo-100k")
    assert first.bot_id not in found("account=ftmo-100k")
    assert "No bot matches" in read(alice.get("/bots?q=nothing-like-it"))


@pytest.mark.parametrize(
    "nonsense", ["status=x", "guild=1", "after=%F0%9F%98%80", "before=zzz&after=aaa", "account=nobodys", "tag=x" * 9]
)
def test_nonsense_in_the_address_breaks_nothing(desk, alice, nonsense):
    assert alice.get(f"/bots?{nonsense}").status_code == 200


def test_retired_bots_are_out_of_the_way_and_findable(desk, alice):
    (bot,) = fill(desk.paper, 1)
    set_bot_status(bot_id=bot.pk, actor="test", status="RETIRED")
    assert bot.bot_id not in names(read(alice.get("/bots")))
    assert names(read(alice.get("/bots?status=RETIRED"))) == [bot.bot_id]
    assert alice.get(f"/bots/{bot.bot_id}").status_code == 200


def test_a_bots_page_says_what_it_earned_asked_and_was_denied(desk, alice):
    page = read(alice.get(f"/bots/{desk.bot.bot_id}"))
    for part in ("Today", "30 days", "Result per risk", "Deepest fall", "Denied", "DAILY_LOSS", "Daily loss", "EMA trend 20/50",
                 "There is one side only", "viewBox"):  # fmt: skip
        assert part in page, part


def test_paper_and_live_stand_side_by_side_with_their_counts(desk, alice):
    live = Bot.objects.get(account=desk.prop)
    make_history(live.assignments.get(), desk.at, 6)
    page = read(alice.get(f"/bots/{desk.bot.bot_id}"))
    assert "Fewer than 30 trades on a side" in page
    assert re.search(r"Closed trades</th><td class=\"num\">12</td><td class=\"num\">6</td>", page)


def test_a_bot_that_never_traded_is_shown_without_inventing_figures(desk, alice):
    (bot,) = fill(desk.paper, 1)
    page = read(alice.get(f"/bots/{bot.bot_id}"))
    assert "It has asked for no trade yet" in page
    assert "Drawn once two trades are closed" in page
    assert '<td class="num"><span class="muted">–</span></td>' in page


def test_a_trader_pauses_quarantines_with_a_reason_and_releases(desk, tom):
    address = f"/bots/{desk.bot.bot_id}"
    for status, said in (("PAUSED", "is paused"), ("QUARANTINE", "in quarantine"), ("ACTIVE", "may ask")):
        page = read(tom.post(f"{address}/status", {"status": status, "reason": "slips"}, follow=True))
        assert said in page
        bot = Bot.objects.get(pk=desk.bot.pk)
        assert (bot.status, bot.status_reason, bot.status_by) == (status, "slips", "user:tom@example.com")
    tom.post(f"{address}/status", {"status": "QUARANTINE", "reason": "slips <b>"})
    page = read(tom.get(address))
    assert "Release from quarantine" in page
    assert "slips &lt;b&gt;" in page


@pytest.mark.parametrize("status", ["RETIRED", "", "DANCING"])
def test_a_status_that_is_none_changes_nothing(desk, tom, status):
    page = read(tom.post(f"/bots/{desk.bot.bot_id}/status", {"status": status}, follow=True))
    assert "ACTIVE, PAUSED or in QUARANTINE" in page
    assert Bot.objects.get(pk=desk.bot.pk).status == "ACTIVE"


def test_a_stage_goes_up_step_by_step(desk, tom):
    address = f"/bots/{desk.bot.bot_id}/stage"
    assert "After PRIMAL comes PENDING" in read(tom.post(address, {"stage": "LIVE"}, follow=True))
    tom.post(address, {"stage": "PENDING"})
    assert Bot.objects.get(pk=desk.bot.pk).stage == "PENDING"


def test_a_viewer_changes_nothing_and_is_shown_no_buttons(desk, bob):
    address = f"/bots/{desk.bot.bot_id}"
    assert "Change its status" not in read(bob.get(address))
    for path, form in (("status", {"status": "PAUSED"}), ("stage", {"stage": "PENDING"}), ("retire", {})):
        assert bob.post(f"{address}/{path}", form).status_code == 403
    bot = Bot.objects.get(pk=desk.bot.pk)
    assert (bot.status, bot.stage) == ("ACTIVE", "PRIMAL")


def test_a_stranger_finds_no_bot(desk, charlie):
    for path, form in (("status", {"status": "PAUSED"}), ("stage", {"stage": "PENDING"}), ("retire", {})):
        assert charlie.post(f"/bots/{desk.bot.bot_id}/{path}", form).status_code == 404
    assert names(read(charlie.get("/bots"))) == []


def test_retiring_is_refused_while_something_is_left_and_says_what(desk, tom):
    refused = tom.post(f"/bots/{desk.bot.bot_id}/retire")
    assert refused.status_code == 409
    assert "stop it there" in read(refused)
    (bot,) = fill(desk.paper, 1)
    key = Approval.objects.filter(approved=True).first()
    Approval.objects.filter(pk=key.pk).update(bot=bot, reservation=Reservation.UNRESOLVED)
    assert "hold a reservation" in read(tom.post(f"/bots/{bot.bot_id}/retire"))
    Approval.objects.filter(pk=key.pk).update(reservation=Reservation.VOID)
    page = read(tom.post(f"/bots/{bot.bot_id}/retire", follow=True))
    assert "is retired" in page
    assert Bot.objects.get(pk=bot.pk).status == "RETIRED"


def test_a_comment_that_names_another_bot_is_pointed_out(desk, alice):
    show_position(desk, comment="@somebody-else @scalping")
    page = read(alice.get(f"/bots/{desk.bot.bot_id}"))
    assert "its comment names somebody-else" in page
    assert '<span class="tag">@scalping</span>' in page


def test_a_curve_of_many_trades_is_drawn_of_few_points(desk):
    from apps.dashboard.selectors.bots import MOST_POINTS, draw_curve

    rows = [(desk.at + timedelta(minutes=n), Decimal(n % 7 - 3)) for n in range(3000)]
    assert draw_curve(rows).line.count("L") < MOST_POINTS
    assert draw_curve(rows[:1]) is None
