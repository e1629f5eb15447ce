"""Signatures of the push service's HTTP calls: one wrong part, and the call is refused with the part's name."""

from __future__ import annotations

import hashlib

import pytest

from apps.gateway.push.frames import find_fault, is_channel, sign

BODY = b'{"name":"e","channel":"c","data":"{}"}'
AT_S = 1_700_000_000.0


def call(secret="kept", key="public", at_s=AT_S, body=BODY):
    query = {"auth_key": key, "auth_timestamp": f"{at_s:.0f}", "auth_version": "1.0"}
    query["body_md5"] = hashlib.md5(body).hexdigest()
    signed = "\n".join(["POST", "/apps/1/events", "&".join(f"{name}={query[name]}" for name in sorted(query))])
    return {**query, "auth_signature": sign(secret, signed)}


def fault_of(query, body=BODY):
    return find_fault(
        key="public", secret="kept", method="POST", path="/apps/1/events", query=query, body=body, at_s=AT_S
    )


def test_a_call_signed_with_the_secret_is_let_in():
    assert fault_of(call()) is None


@pytest.mark.parametrize(
    ("query", "body", "named"),
    [
        (call(secret="guessed"), BODY, "signature"),
        (call(key="another"), BODY, "key"),
        (call(at_s=AT_S - 601), BODY, "auth_timestamp"),
        (call(), BODY + b" ", "body_md5"),
        ({}, BODY, "signature"),
        ({**call(), "extra": "1"}, BODY, "signature"),
    ],
)
def test_a_call_with_a_wrong_part_is_refused_by_its_name(query, body, named):
    assert named in fault_of(query, body)


@pytest.mark.parametrize("name", ["", "a b", "x" * 165, "ünicode", None, 5, "a\n"])
def test_a_channel_has_a_name_the_protocol_allows(name):
    assert not is_channel(name)
