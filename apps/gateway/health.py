"""For supervisors and load balancers: does this process live, and can it serve?"""

from __future__ import annotations

from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from apps.risk.queueing import is_warm

_is_migrated = False


@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """Answer 200 as long as the process answers at all."""
    return JsonResponse({"status": "ok"})


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """
    Answer 200 where the database answers and knows our tables, and the approval door is warm, else 503.

    Until then a burst could find the door still connecting, and be refused. Redis may be away: it carries only nudges.
    """
    try:
        checks = {"database": _database_answers(), "migrations": _migrations_are_applied()}
        if (warm := is_warm()) is not None:
            checks["approvals"] = warm
    except (DatabaseError, InterfaceError):
        checks = {"database": False}
    is_ready = all(checks.values())
    return JsonResponse(
        {"status": "ok" if is_ready else "unavailable", "checks": checks}, status=200 if is_ready else 503
    )


def _database_answers() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return bool(cursor.fetchone() == (1,))


def _migrations_are_applied() -> bool:
    """Look once: a database does not lose its tables while we run."""
    global _is_migrated
    if not _is_migrated:
        executor = MigrationExecutor(connection)
        _is_migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    return _is_migrated
