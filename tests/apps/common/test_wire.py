"""JSON: what is refused at the door, and how numbers and instants leave."""

from __future__ import annotations

import datetime as dt
import json
from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.common.wire import parse_json, to_json
from tests.world import api_client, make_key


@given(st.decimals(min_value=-(10**6), max_value=10**6, places=8))
def test_a_decimal_of_15_digits_comes_back_unchanged(value):
    assert parse_json(to_json({"v": value}))["v"] == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("100000.00000000"), "100000"),
        (Decimal("-0E-8"), "0"),
        (Decimal("1.10250000"), "1.1025"),
        (Decimal("0.01"), "0.01"),
        (Decimal("123456789012.34567890"), "123456789012.346"),
        (dt.datetime(2026, 1, 27, 14, 30, 22, 999, dt.UTC), '"2026-01-27T14:30:22.000Z"'),
        (dt.datetime(2026, 1, 27, 14, tzinfo=dt.timezone(dt.timedelta(hours=2))), '"2026-01-27T12:00:00.000Z"'),
    ],
)
def test_values_leave_in_their_form(value, text):
    assert to_json(value).decode() == text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), dt.datetime(2026, 1, 1), object()])
def test_what_has_no_form_is_a_bug(value):
    with pytest.raises((ValueError, TypeError)):
        to_json({"v": value})


@pytest.mark.parametrize(
    "raw",
    [
        b'{"v": NaN}',
        b'{"v": Infinity}',
        b'{"v": -Infinity}',
        b'{"v": 1e400}',
        b'{"v": 1e-400}',
        b'{"v": ' + b"9" * 30 + b"}",
        b'{"v": 1.' + b"1" * 60 + b"}",
        b'{"v": 0x10}',
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 2}}',
        b"[" * 9 + b"]" * 9,
        b'{"v": "\\u0000"}',
        b'{"v": "\\ud800"}',
        b'{"\\u0000": 1}',
        b'{"v": "\xff"}',
        b"{",
        b'{"v": 01}',
    ],
)
def test_what_cannot_be_used_is_refused(raw):
    with pytest.raises(ValueError):
        parse_json(raw)


def test_numbers_are_read_as_decimals_and_trailing_nuls_dropped():
    read = parse_json(b'{"lots": 0.10, "ticket": 9223372036854775807, "text": "[[[[[[[[[[", "t": "\\u00e9"}\x00\x00')

    assert read == {"lots": Decimal("0.10"), "ticket": 2**63 - 1, "text": "[[[[[[[[[[", "t": "é"}


@given(
    st.recursive(
        st.none() | st.booleans() | st.text() | st.integers(), lambda v: st.lists(v) | st.dictionaries(st.text(), v)
    )
)
def test_reading_gives_what_was_written_or_refuses(value):
    with suppress(ValueError):
        assert parse_json(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ("{", 400, "MALFORMED"),
        ("[]", 400, "MALFORMED"),
        ('{"name": NaN}', 400, "MALFORMED"),
        ('{"name": "' + "x" * 70_000 + '"}', 413, "BODY_TOO_LARGE"),
        ('{"name": "n"}', 400, "FIELD_REQUIRED"),
        ('{"name": "n", "scopes": [1, {}]}', 400, "FIELD_INVALID"),
        ('{"name": "n", "scopes": ["team:read"], "expires_at": "2026-01-01T00:00:00"}', 400, "FIELD_INVALID"),
        ('{"name": "n", "scopes": ["team:read"], "account_id": "acc_1"}', 400, "FIELD_INVALID"),
    ],
)
def test_the_door_says_what_is_wrong(world, body, status, code):
    client = api_client(make_key(world.alice)[1])

    answer = client.post("/api/v1/keys", body, content_type="application/json")

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["message"]


def test_a_field_at_fault_is_named_by_its_path(world):
    client = api_client(make_key(world.alice)[1])

    answer = client.post("/api/v1/keys", {"name": "n", "scopes": ["ok", {"a": 1}]}, format="json")

    assert answer.json()["field"].startswith("scopes")


def test_other_media_types_and_methods_have_codes(world):
    client = api_client(make_key(world.alice)[1])

    assert client.post("/api/v1/keys", "a=b", content_type="text/plain").json()["code"] == "MEDIA_TYPE_UNSUPPORTED"
    assert client.put("/api/v1/keys", {}, format="json").json()["code"] == "METHOD_NOT_ALLOWED"
    unknown = client.get("/api/v1/nothing")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "NOT_FOUND")
    assert unknown.json()["request_id"].startswith("req_")
