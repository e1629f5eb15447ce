"""
The statements that one approval really costs, caught from the service and made repeatable for the references.

A caught statement has its literals in it. What differs from bot to bot or from one approval to the next becomes a place
(`{account}`, `{number}`), the rest keeps its bytes, so rows have the service's sizes. COPY, which pgbench cannot send,
becomes the INSERT of the same row.
"""

from __future__ import annotations

import re
from uuid import uuid4

from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import AccountRisk
from apps.bots.models import BotSession
from apps.common.clock import read_at
from apps.risk.models import Approval
from apps.risk.services import decide
from apps.risk.services.wire import read_trade_request
from tests.bench.approve.clients import make_body
from tests.bench.approve.desks import BenchBot

RANDOM_TAG = "('m' || substr(md5(random()::text), 1, 26))"
_COPY = re.compile(r'COPY "(\w+)" \((.+)\) FROM STDIN')


PLACES = ("account", "bot", "name", "token", "number")  # `number`: the decision's place in the account's chain


def catch_statements(bot: BenchBot) -> list[str]:
    """Return the statements of one approval of this bot, with places, without BEGIN and COMMIT."""
    _ask(bot, uuid4().hex)  # the first turns the day
    key = uuid4().hex
    with CaptureQueriesContext(connection) as caught:
        _ask(bot, key)
    statements = [one["sql"] for one in caught.captured_queries if one["sql"] not in ("BEGIN", "COMMIT")]
    return [_with_places(_as_insert(sql), bot, key) for sql in statements]


def _ask(bot: BenchBot, key: str) -> None:
    headers = {"authorization": f"Bearer {bot.token}", "idempotency-key": key}
    request = read_trade_request(make_body({"name": bot.name}), headers, ip="127.0.0.1")
    (answer,) = decide([request], read_at())
    if not answer.approved:
        raise RuntimeError(answer.body.decode())


def _as_insert(sql: str) -> str:
    """Return COPY as the INSERT of the newest row it has brought."""
    copied = _COPY.match(sql)
    if copied is None:
        return sql
    table, columns = copied.groups()
    order = {"risk_approval": "at", "risk_decision": "id", "common_outboxevent": "id"}[table]
    names = columns.split(", ")
    shown = ", ".join(f"quote_nullable({name}::text)" for name in names)
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT {shown} FROM "{table}" ORDER BY "{order}" DESC LIMIT 1')
        values = cursor.fetchone()
    return f'INSERT INTO "{table}" ({columns}) VALUES ({", ".join(values)})'


def _with_places(sql: str, bot: BenchBot, key: str) -> str:
    approval = Approval.objects.get(client_key=key)
    risk = AccountRisk.objects.get(account_id=bot.account)
    session = BotSession.objects.get(bot_id=bot.bot)
    if sql.startswith("INSERT"):
        sql = sql.replace(f"'{approval.pk}'", "gen_random_uuid()").replace(f"'{approval.pk.hex}'", "gen_random_uuid()")
        sql = sql.replace(f"'{approval.tag}'", RANDOM_TAG).replace(f"'{key}'", "gen_random_uuid()::text")
    if '"common_outboxevent"' in sql:
        sql = re.sub(r"VALUES \('[0-9a-f-]{32,36}'", "VALUES (gen_random_uuid()", sql)
    if '"risk_decision"' in sql:
        sql = re.sub(rf", '?{risk.chain_number}'?, ", ", {number}, ", sql, count=1)
    if sql.startswith('UPDATE "accounts_accountrisk"'):
        sql = re.sub(rf"'\{{{risk.chain_number}\}}'::int\d\[\]::bigint", "ARRAY[{number}]::bigint", sql)
    places = {bot.account: "{account}", bot.bot: "{bot}", bot.name: "{name}", session.token_id: "{token}"}
    for literal, place in places.items():
        for form in (literal, literal.replace("-", "")):
            sql = sql.replace(f"'{{{form}}}'", f"ARRAY[{place}]").replace(f"'{form}'", place)
    return sql
