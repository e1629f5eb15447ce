"""The header Idempotency-Key: the same key gets the same bytes, another body is refused."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Callable
from typing import Any

from django.db import connection, transaction
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.codes import Code
from apps.common.errors import Conflict, Impossible, Invalid
from apps.common.models import IdempotentAnswer
from apps.common.wire import to_json

HEADER = "Idempotency-Key"
_KEY = re.compile(r"[\x21-\x7e]{1,120}")
Method = Callable[..., Any]


def idempotent(method: Method) -> Method:
    """
    Make a view's method answer a repeated Idempotency-Key with the bytes it gave before.

    Deed and answer are kept in one transaction, so a crash leaves both or none. A refusal keeps nothing: asking again
    is then right. Answers that show a secret are marked `response.shows_secret = True`: their body is not kept.

    :raises Impossible: IDEMPOTENCY_KEY_REUSED, if the key came with another body or path.
    """

    @functools.wraps(method)
    def answer(view: Any, request: Request, *args: Any, **kwargs: Any) -> Any:
        key = request.headers.get(HEADER)
        if key is None:
            return method(view, request, *args, **kwargs)
        if not _KEY.fullmatch(key):
            raise Invalid(Code.FIELD_INVALID, "Idempotency-Key must be 1 to 120 visible ASCII letters.", HEADER)
        return _answer_once(view, request, key, lambda: method(view, request, *args, **kwargs))

    return answer


@transaction.atomic
def _answer_once(view: Any, request: Request, key: str, do: Callable[[], Response]) -> HttpResponse:
    caller: Any = request.auth  # a Caller: teams live a floor higher
    team_id, actor = caller.team.id, caller.actor[:80]
    with connection.cursor() as cursor:
        # One at a time per key: a double click waits for the first and reads its answer.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"{team_id}:{actor}:{key}"])
    path, body_hash = request.path[:300], _hash_body(request)
    kept = IdempotentAnswer.objects.filter(team_id=team_id, actor=actor, key=key).first()
    if kept is not None:
        return _replay(kept, path, body_hash)
    response = do()
    secret = getattr(response, "shows_secret", False)
    wrap = getattr(view, "wrap_success", None)
    body = to_json(wrap(response.data) if wrap else response.data)
    kept = IdempotentAnswer(team_id=team_id, actor=actor, key=key, path=path, body_hash=body_hash)
    kept.status, kept.body = response.status_code, "" if secret else body.decode()
    kept.save()
    return HttpResponse(body, status=response.status_code, content_type="application/json")


def _replay(kept: IdempotentAnswer, path: str, body_hash: str) -> HttpResponse:
    if (kept.path, kept.body_hash) != (path, body_hash):
        raise Impossible(Code.IDEMPOTENCY_KEY_REUSED, "This Idempotency-Key was used for another request.", HEADER)
    if not kept.body:
        raise Conflict(Code.SHOWN_ONCE, "This was done before; its secret was shown once and cannot be shown again.")
    answer = HttpResponse(kept.body.encode(), status=kept.status, content_type="application/json")
    answer["Idempotent-Replay"] = "true"
    return answer


def _hash_body(request: Request) -> str:
    query = request.META.get("QUERY_STRING", "")
    return hashlib.sha256(to_json([request.method, query, request.data])).hexdigest()
