"""Long what-ifs on a worker: asked, claimed by one, told how far they are, cancelled, kept. Nothing of the account changes."""

from __future__ import annotations

import datetime as dt

from django.db import connection, transaction

from apps.accounts.models import Account
from apps.backtests.models import OPEN, WorkStatus
from apps.backtests.services import leases
from apps.backtests.services.under_lease import Problem, work_on
from apps.common.clock import read_at
from apps.common.errors import Conflict
from apps.common.nudges import after_commit
from apps.common.outbox import tell
from apps.common.wire import to_plain
from apps.risk.history import find_period, read_recorded
from apps.risk.models import WhatIfRun
from apps.risk.what_if import WhatIfAnswer, plain_answer
from apps.teams.services import record_deed
from trading.risk.limits import Limits, parse_limits
from trading.risk.what_if import ask_what_if

WORK_TASK = "apps.risk.tasks.work_on_what_ifs"
MOST_OPEN = 4
MOST_DAYS, MOST_REQUESTS = 1100, 50_000
READ_SHARE = 0.4  # of the work: reading the log; the rest is judging


@transaction.atomic
def ask_run(
    *, account: Account, limits: Limits, first: dt.date | None, last: dt.date | None, name: str, actor: str
) -> WhatIfRun:
    """
    Queue a what-if and nudge a worker.

    :raises PlatformError: as `history.find_period`, for up to 1,100 days.
    :raises Conflict: TOO_MANY_OPEN where the team has four that wait or run.
    """
    period = find_period(account, first, last, most_days=MOST_DAYS)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"what-ifs:{account.team_id}"])
    waiting = WhatIfRun.objects.filter(account__team_id=account.team_id, status__in=OPEN).count()
    if waiting >= MOST_OPEN:
        message = f"{waiting} what-ifs of this team wait or run already: wait for one, or cancel one."
        raise Conflict("TOO_MANY_OPEN", message, None, {"open": waiting, "limit": MOST_OPEN})
    row = WhatIfRun.objects.create(
        account=account, first=period.days[0].day, last=period.days[-1].day, limits=limits.as_document(), name=name[:200],
        asked_by=actor[:120],
    )  # fmt: skip
    record_deed(team=account.team, actor=actor, action="WHAT_IF_ASKED", target=row.public_id)
    _tell(row)
    after_commit(WORK_TASK)
    return row


@transaction.atomic
def cancel_run(*, row: WhatIfRun, actor: str, at: dt.datetime) -> WhatIfRun:
    """
    Stop a what-if that waits or runs; its worker notices within a second or two.

    :raises Conflict: ALREADY_FINISHED.
    """
    changed = WhatIfRun.objects.filter(pk=row.pk, status__in=OPEN).update(
        status=WorkStatus.CANCELLED, finished_at=at, lease_until=None
    )
    row.refresh_from_db()
    if not changed:
        raise Conflict("ALREADY_FINISHED", f"This what-if is {row.status} already.", "status")
    record_deed(team=row.account.team, actor=actor, action="WHAT_IF_CANCELLED", target=row.public_id)
    _tell(row)
    return row


def work_next() -> bool:
    """Answer the next waiting what-if; return whether there was one."""
    row = leases.claim(WhatIfRun.objects.select_related("account__team"), read_at())
    if row is None:
        return False
    work_on(row, _answer, tell=_tell, fail=_fail)
    return True


def nudge_waiting() -> bool:
    """Nudge a worker where something waits that nobody was told of, or whose worker died; return whether there was."""
    waits = leases.list_claimable(WhatIfRun.objects.all(), read_at()).exists()
    if waits:
        with transaction.atomic():
            after_commit(WORK_TASK)
    return waits


def _answer(row: WhatIfRun, checkpoint: leases.Checkpoint) -> None:
    period = find_period(row.account, row.first, row.last, most_days=MOST_DAYS, most_requests=MOST_REQUESTS)
    recorded, unread = read_recorded(period, lambda share: checkpoint(READ_SHARE * share))
    judged = max(1, len(recorded))
    result = ask_what_if(
        recorded, period.list_bases(), period.list_views(), parse_limits(row.limits),
        tell=lambda count: checkpoint(READ_SHARE + (1 - READ_SHARE) * count / judged),
    )  # fmt: skip
    plain = to_plain(plain_answer(WhatIfAnswer(period, result, unread)))
    with leases.settling(row, read_at(), WorkStatus.DONE, result=plain):
        row.status = WorkStatus.DONE
        _tell(row)


def _fail(row: WhatIfRun, problem: Problem) -> None:
    with leases.settling(row, read_at(), WorkStatus.FAILED, problem=problem):
        row.status = WorkStatus.FAILED
        _tell(row)


def _tell(row: WhatIfRun) -> None:
    data = {"what_if_id": row.public_id, "status": row.status, "progress_fraction": float(row.progress_fraction)}
    tell(team_id=row.account.team_id, account_id=row.account_id, kind="what_if.changed", data=data)
