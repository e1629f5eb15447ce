"""How the ways of showing who one is stand in the OpenAPI description."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension


class BearerKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """API keys and bot session tokens."""

    target_class = "apps.teams.authentication.BearerKeyAuthentication"
    name = "BearerKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "description": "An API key (`mk_…`) or a bot's session token."}


class BrowserSessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Signed-in people."""

    target_class = "apps.teams.authentication.BrowserSessionAuthentication"
    name = "BrowserSession"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}


class ExecutorKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Agents: two headers, both needed."""

    target_class = "apps.executors.authentication.ExecutorKeyAuthentication"
    name = ["ExecutorKey", "ExecutorSecret"]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, Any]]:
        return [
            {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            {"type": "apiKey", "in": "header", "name": "X-API-Secret"},
        ]
