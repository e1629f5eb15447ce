"""Frames and signatures of Pusher's protocol 7. Pure: https://pusher.com/docs/channels/library_auth_reference/."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from typing import Any, Final

MOST_DATA_BYTES: Final = 10_240
CLOCK_MAY_DIFFER_S: Final = 600
_CHANNEL = re.compile(r"[A-Za-z0-9_\-=@,.;]{1,164}")


def sign(secret: str, text: str | bytes) -> str:
    """
    Return the HMAC-SHA256 of the text in hexadecimal digits.

    >>> sign("7ad3773142a6692b25b8", "1234.1234:private-foobar")
    '58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4'
    """
    return hmac.new(secret.encode(), text.encode() if isinstance(text, str) else text, hashlib.sha256).hexdigest()


def make_auth(key: str, secret: str, socket_id: str, channel: str, channel_data: str | None = None) -> str:
    """Return what lets a socket into a private or presence channel."""
    parts = [socket_id, channel] + ([channel_data] if channel_data else [])
    return f"{key}:{sign(secret, ':'.join(parts))}"


def is_channel(name: object) -> bool:
    """
    Tell whether the text may name a channel.

    >>> is_channel("private-executor-exr_1"), is_channel("a b"), is_channel("")
    (True, False, False)
    """
    return isinstance(name, str) and _CHANNEL.fullmatch(name) is not None


def needs_auth(channel: str) -> bool:
    """Tell whether a subscription must be signed."""
    return channel.startswith(("private-", "presence-"))


def make_frame(event: str, data: Any = None, channel: str | None = None) -> str:
    """
    Return a frame. Its `data` is a text: JSON inside of JSON, as the protocol has it.

    >>> make_frame("pusher:pong", {})
    '{"event":"pusher:pong","data":"{}"}'
    """
    frame: dict[str, Any] = {"event": event}
    if channel is not None:
        frame["channel"] = channel
    if data is not None:
        frame["data"] = data if isinstance(data, str) else json.dumps(data, separators=(",", ":"))
    return json.dumps(frame, separators=(",", ":"))


def find_fault(
    *, key: str, secret: str, method: str, path: str, query: Mapping[str, str], body: bytes, at_s: float
) -> str | None:
    """
    Return what is wrong with the signature of a call of the HTTP API, or None.

    :param query: the call's parameters, `auth_signature` among them.
    :param at_s: now, in seconds since 1970.
    """
    given = {name: value for name, value in query.items() if name != "auth_signature"}
    signed = "\n".join([method, path, "&".join(f"{name}={given[name]}" for name in sorted(given))])
    if not hmac.compare_digest(query.get("auth_signature", "").encode(), sign(secret, signed).encode()):
        return "The signature is wrong."
    if given.get("auth_key") != key:
        return "The key is unknown."
    try:
        late_s = abs(at_s - int(given.get("auth_timestamp", "")))
    except ValueError:
        return "auth_timestamp must be seconds since 1970."
    if late_s > CLOCK_MAY_DIFFER_S:
        return f"auth_timestamp is more than {CLOCK_MAY_DIFFER_S} s from this server's clock."
    digest = hashlib.md5(body, usedforsecurity=False).hexdigest()
    if body and given.get("body_md5") != digest:
        return "body_md5 is not the body's."
    return None
