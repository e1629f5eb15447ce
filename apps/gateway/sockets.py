"""WebSockets: the Origin is checked and the credential found before a consumer sees the handshake."""

from __future__ import annotations

from typing import Any, cast

from channels.sessions import SessionMiddlewareStack
from django.conf import settings
from django.urls import path

from apps.gateway.consumers import EventsConsumer
from apps.gateway.credentials import find_credential, is_origin_allowed
from apps.gateway.dashboard_socket import DashboardConsumer
from apps.gateway.executor_socket import ExecutorConsumer
from apps.gateway.push.socket import serve as serve_push

FORBIDDEN = 4403

urlpatterns = [
    path("ws/executor", ExecutorConsumer.as_asgi()),
    path("ws/events", EventsConsumer.as_asgi()),
    path("ws/dashboard", DashboardConsumer.as_asgi()),
]
if settings.PUSHER_SERVE:
    urlpatterns.append(path("app/<str:key>", cast("Any", serve_push)))


class Protected:
    """Refuses foreign origins and unknown paths, and puts `credential` into the scope (None: the first message brings it)."""

    def __init__(self, application: Any) -> None:
        self._application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        if not is_origin_allowed(scope):
            return await _refuse(receive, send)
        try:
            return await self._application({**scope, "credential": find_credential(scope)}, receive, send)
        except ValueError as error:  # the router knows no such path
            if "No route found" not in str(error):
                raise
            return await _refuse(receive, send)


def protect(application: Any) -> Any:
    """Return the application behind the Origin check, the session cookie and the credential."""
    return SessionMiddlewareStack(Protected(application))


async def _refuse(receive: Any, send: Any) -> None:
    """Close before accepting: the other side sees HTTP 403."""
    await receive()
    await send({"type": "websocket.close", "code": FORBIDDEN})
