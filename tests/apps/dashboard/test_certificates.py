"""Symbols on the pages: what was found at the terminal, what the broker changed, and who has seen it."""

from __future__ import annotations

from apps.accounts.models import Account
from apps.common.clock import read_at
from apps.executors.models import Executor
from apps.market.models import SymbolSpecification
from apps.market.services import store_specifications
from apps.teams.models import AuditEntry
from tests.fleet import symbol_spec


def read(response):
    return response.content.decode()


def test_what_the_broker_changed_is_shown_and_approved_again_once_seen(desk, tom, bob):
    account = desk.account if hasattr(desk, "account") else Account.objects.first()
    SymbolSpecification.objects.filter(account=account).delete()
    store_specifications(account=account, specs=[symbol_spec()], at=read_at())
    store_specifications(account=account, specs=[symbol_spec(stops_level_points=40)], at=read_at())
    where, act = f"/risk/{account.code}", f"/risk/{account.code}/symbols/EURUSD/accept"
    for page in (where, f"/fleet/{Executor.objects.filter(account=account).first().code}"):
        text = read(tom.get(page))
        assert "Nothing is approved in it" in text, page
        assert "0 → 40" in text
    assert act not in read(bob.get(where))
    assert bob.post(act).status_code == 403

    assert "Trades in EURUSD may be approved again" in read(tom.post(act, follow=True))
    assert SymbolSpecification.objects.get(account=account).drift == {}
    assert AuditEntry.objects.filter(action="symbol.accepted").count() == 1
