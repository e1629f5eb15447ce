"""Idempotency-Key: once is once, also when both ask at the same time."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, connections

from apps.common.models import IdempotentAnswer
from apps.teams.models import ApiKey
from tests.world import api_client, make_key

KEYS = "/api/v1/keys"
BODY = {"name": "bot", "scopes": ["team:read"]}


def post(client, key, body=BODY):
    return client.post(KEYS, body, format="json", headers={"Idempotency-Key": key})


def test_a_repeated_request_makes_nothing_new_and_keeps_no_secret(world):
    client = api_client(make_key(world.alice)[1])

    first, second = post(client, "k1"), post(client, "k1")

    assert first.status_code == 201
    assert (second.status_code, second.json()["code"]) == (409, "SHOWN_ONCE")
    assert ApiKey.objects.filter(name="bot").count() == 1
    assert first.json()["key"] not in str(list(IdempotentAnswer.objects.values()))


def test_the_same_key_with_another_body_is_refused(world):
    client = api_client(make_key(world.alice)[1])
    post(client, "k1")

    other = post(client, "k1", {**BODY, "name": "other"})

    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")


def test_a_refused_request_may_be_repeated(world):
    client = api_client(make_key(world.alice)[1])

    assert post(client, "k1", {**BODY, "scopes": ["root"]}).status_code == 422
    assert IdempotentAnswer.objects.count() == 0
    assert post(client, "k1").status_code == 201


def test_keys_of_two_callers_do_not_meet(world):
    one, two = api_client(make_key(world.alice)[1]), api_client(make_key(world.alice)[1])

    assert post(one, "k1").status_code == 201
    assert post(two, "k1").status_code == 201


@pytest.mark.parametrize("key", ["", "a b", "x" * 121])
def test_a_key_of_another_form_is_refused(world, key):
    assert post(api_client(make_key(world.alice)[1]), key).status_code == 400


@pytest.mark.django_db(transaction=True)
def test_two_at_once_make_one(transactional_db):
    from tests.world import make_world

    client_key = make_key(make_world().alice)[1]
    barrier, codes = threading.Barrier(4), []

    def ask():
        barrier.wait(timeout=60)
        codes.append(post(api_client(client_key), "same").status_code)
        connections.close_all()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert sorted(codes) == [201, 409, 409, 409]
    assert ApiKey.objects.filter(name="bot").count() == 1
    assert connection.vendor == "postgresql"


def test_the_same_bytes_come_back(world, rf):
    from rest_framework.response import Response
    from rest_framework.views import APIView

    from apps.common.idempotency import idempotent

    calls = []

    class Probe(APIView):
        scopes = {"POST": None}

        @idempotent
        def post(self, request):
            calls.append(1)
            return Response({"n": len(calls), "at": "x"}, status=202)

    view, text = Probe.as_view(), make_key(world.alice)[1]

    def ask():
        headers = {"Authorization": f"Bearer {text}", "Idempotency-Key": "k"}
        return view(rf.post("/p", b'{"a": 1.50}', content_type="application/json", headers=headers))

    first, second = ask(), ask()

    assert first.content == second.content == b'{"n":1,"at":"x"}'
    assert (second.status_code, second["Idempotent-Replay"], calls) == (202, "true", [1])
