"""REST door for socket tickets."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.gateway.tickets import TICKET_TTL_S, issue_ticket
from apps.teams.authentication import caller_of


class SocketTicket(serializers.Serializer[Any]):
    """A ticket for one WebSocket handshake: `?ticket=…`."""

    ticket = serializers.CharField()
    valid_for_s = serializers.IntegerField()


class SocketTicketApi(APIView):
    """Asks for a ticket; the socket it opens sees what the asker may see."""

    scopes = {"POST": None}

    @extend_schema(operation_id="ws_tickets_create", request=None, responses={201: SocketTicket})
    def post(self, request: Request) -> Response:
        return Response({"ticket": issue_ticket(caller_of(request)), "valid_for_s": TICKET_TTL_S}, status=201)
