"""Tickets: a browser page of another program opens a socket without showing its key in an address. Once, for 30 seconds."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from dataclasses import asdict, dataclass

from django.core.cache import cache

from apps.common.clock import read_at
from apps.common.codes import Code
from apps.common.errors import Unauthenticated
from apps.teams.callers import Caller, get_live_key_caller, get_user_caller
from apps.teams.models import User

TICKET_TTL_S = 30


@dataclass(frozen=True)
class Holder:
    """Who asked for a ticket: a person in a team, or a key."""

    user_id: str
    team_id: str
    key_id: str


def issue_ticket(caller: Caller) -> str:
    """
    Return a ticket. Kept as a hash in the cache: if that is lost, another is asked for.

    :raises Unauthenticated: if the caller is neither a person nor an API key.
    """
    if caller.user is None and caller.key is None:
        raise Unauthenticated(Code.NOT_AUTHENTICATED, "Tickets are for people and API keys.")
    holder = Holder(
        user_id=str(caller.user.pk) if caller.user else "",
        team_id=caller.team.public_id,
        key_id=str(caller.key.pk) if caller.key else "",
    )
    ticket = secrets.token_urlsafe(32)
    cache.set(_name(ticket), asdict(holder), TICKET_TTL_S)
    return ticket


def redeem_ticket(ticket: str) -> Holder:
    """
    Return who asked for the ticket, which is of no use afterwards.

    :raises Unauthenticated: KEY_INVALID, if it was never given, is used, or too old.
    """
    kept = cache.get(_name(ticket))
    # Deleting is the atomic step: of two who read it, one deletes.
    if kept is None or not cache.delete(_name(ticket)):
        raise Unauthenticated(Code.KEY_INVALID, "This ticket is used, too old, or none of ours.")
    return Holder(**kept)


def get_holder_caller(holder: Holder) -> Caller:
    """
    Return the holder's caller as it stands now.

    :raises Unauthenticated: if the key is revoked or the person may no longer sign in.
    """
    if holder.key_id:
        return get_live_key_caller(uuid.UUID(holder.key_id))
    user = User.objects.filter(pk=holder.user_id, is_active=True).first()
    if user is None:
        raise Unauthenticated(Code.NOT_AUTHENTICATED, "Sign in first.")
    return get_user_caller(user, team_ref=holder.team_id, at=read_at())


def _name(ticket: str) -> str:
    return f"ticket:{hashlib.sha256(ticket.encode()).hexdigest()}"
