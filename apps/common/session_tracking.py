"""allauth's list of signed-in sessions, without making requests of machines wait in a thread (its middleware is synchronous only)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from allauth.usersessions.middleware import UserSessionsMiddleware
from asgiref.sync import iscoroutinefunction, sync_to_async
from django.conf import settings
from django.http import HttpRequest
from django.utils.decorators import sync_and_async_middleware


@sync_and_async_middleware
def track_sessions(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Note the activity of signed-in people; requests without a session's cookie are handed on as they are."""
    if not iscoroutinefunction(get_response):
        alone: Callable[[HttpRequest], Any] = UserSessionsMiddleware(get_response)
        return alone
    tracking = UserSessionsMiddleware(lambda request: None)

    async def middleware(request: HttpRequest) -> Any:
        if settings.SESSION_COOKIE_NAME in request.COOKIES:
            await sync_to_async(tracking)(request)
        return await get_response(request)

    return middleware
