"""
Static files by WhiteNoise, without making every request wait in a thread.

WhiteNoise's own middleware is synchronous only, so Django would run all that is inside it in a thread per request: an
agent's long poll would hold one for half a minute.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware
from whitenoise.middleware import WhiteNoiseMiddleware

NOT_A_FILE = HttpResponse()


@sync_and_async_middleware
def serve_static_files(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Answer paths under STATIC_URL from disk, hand on all others."""
    if not iscoroutinefunction(get_response):
        alone: Callable[[HttpRequest], Any] = WhiteNoiseMiddleware(get_response)
        return alone
    files = WhiteNoiseMiddleware(lambda request: NOT_A_FILE)

    async def middleware(request: HttpRequest) -> Any:
        if request.path_info.startswith(settings.STATIC_URL):
            response = await sync_to_async(files)(request)
            if response is not NOT_A_FILE:
                return response
        return await get_response(request)

    return middleware
