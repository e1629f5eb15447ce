"""API keys: what opens a door and what does not."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from apps.teams import keys
from apps.teams.models import ApiKey, AuditEntry
from tests.world import api_client, browser, make_key

ME = "/api/v1/teams/me"
KEYS = "/api/v1/keys"


def test_a_minted_key_is_parsed_to_its_id():
    minted = keys.mint_api_key()

    assert minted.text.startswith("mk_live_")
    assert len(minted.text) == len("mk_live_") + 8 + 43 + 6
    assert keys.parse_api_key(minted.text) == minted.key_id
    assert minted.text not in (minted.digest, minted.key_id)


@given(position=st.integers(8, 64), letter=st.sampled_from("0aZ_ é"))
def test_a_key_with_one_wrong_letter_fails_its_check(position, letter):
    text = keys.mint_api_key().text
    broken = text[:position] + letter + text[position + 1 :]

    assert broken == text or keys.parse_api_key(broken) is None


def test_tokens_and_executor_pairs_have_forms_of_their_own():
    token, pair = keys.mint_session_token(), keys.mint_executor_key()

    assert keys.parse_session_token(token.text) == token.key_id
    assert len(token.key_id) == 16
    assert keys.parse_api_key(token.text) is None
    assert keys.is_executor_pair(pair.key_id, pair.text)
    assert not keys.is_executor_pair(pair.key_id, token.text)
    assert keys.is_secret(pair.key_id + pair.text, pair.digest, pair.pepper_number)


def test_a_key_hashed_with_an_older_pepper_still_opens(settings):
    old = keys.mint_api_key()
    settings.KEY_PEPPERS = {**settings.KEY_PEPPERS, 2: "another pepper"}
    settings.KEY_PEPPER_NUMBER = 2

    assert keys.mint_api_key().pepper_number == 2
    assert keys.is_secret(old.text, old.digest, old.pepper_number)
    assert not keys.is_secret(old.text, old.digest, 2)
    assert not keys.is_secret(old.text, old.digest, 3)


def test_a_key_opens_its_own_team(world):
    _, text = make_key(world.alice)

    answer = api_client(text).get(ME)

    assert answer.status_code == 200
    assert answer.json()["team"]["slug"] == "alice-capital"
    assert answer["X-Request-Id"].startswith("req_")


def test_nobody_is_asked_for_a_key(world):
    answer = api_client().get(ME)

    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert answer.json()["code"] == "NOT_AUTHENTICATED"
    assert answer.json()["request_id"] == answer["X-Request-Id"]


def test_junk_is_turned_away_before_the_database(world):
    with CaptureQueriesContext(
        connection,
    ) as queries:
        answer = api_client("mk_live_" + "a" * 57).get(ME)

    assert (answer.status_code, answer.json()["code"]) == (401, "KEY_INVALID")
    assert len(queries) == 0


@pytest.mark.parametrize("header", ["Bearer", "Bearer a b", "Bearer " + "x" * 300, "Bearer é"])
def test_a_malformed_header_is_refused(world, header):
    client = api_client()
    client.credentials(HTTP_AUTHORIZATION=header)

    assert client.get(ME).status_code in (400, 401)


def test_a_right_id_with_another_secret_is_refused(world):
    key, _ = make_key(world.alice)
    forged = keys.mint_api_key()
    ApiKey.objects.filter(pk=key.pk).update(key_id=forged.key_id)

    assert api_client(forged.text).get(ME).json()["code"] == "KEY_INVALID"


def test_a_revoked_key_is_refused_from_the_next_request_on(world):
    key, text = make_key(world.alice)
    client = api_client(text)
    assert client.get(ME).status_code == 200

    assert client.delete(f"{KEYS}/{key.public_id}").status_code == 200

    assert client.get(ME).json()["code"] == "KEY_REVOKED"
    assert AuditEntry.objects.filter(team=world.team, action="KEY_REVOKED", target=key.public_id).count() == 1


def test_an_expired_key_is_refused(world):
    key, text = make_key(world.alice)
    ApiKey.objects.filter(pk=key.pk).update(expires_at=key.created_at - dt.timedelta(seconds=1))

    assert api_client(text).get(ME).json()["code"] == "KEY_EXPIRED"


def test_a_key_serves_only_its_allowed_addresses(world):
    _, text = make_key(world.alice, allowed_ips=["10.0.0.0/8"])
    client = api_client(text)

    assert client.get(ME, REMOTE_ADDR="10.1.1.1").status_code == 200
    assert client.get(ME, REMOTE_ADDR="::ffff:10.1.1.1").status_code == 200
    refused = client.get(ME, REMOTE_ADDR="11.1.1.1", HTTP_X_FORWARDED_FOR="10.1.1.1")
    assert (refused.status_code, refused.json()["code"]) == (403, "ADDRESS_NOT_ALLOWED")


def test_the_time_of_use_is_written_at_most_once_a_minute(world):
    key, text = make_key(world.alice)
    client = api_client(text)
    client.get(ME)
    key.refresh_from_db()
    first = key.last_used_at
    client.get(ME)
    key.refresh_from_db()
    assert first == key.last_used_at

    ApiKey.objects.filter(pk=key.pk).update(last_used_at=first - dt.timedelta(seconds=61))
    client.get(ME)

    key.refresh_from_db()
    assert key.last_used_at >= first


def test_a_new_key_is_shown_once_and_never_kept(world):
    _, text = make_key(world.alice)
    client = api_client(text)

    made = client.post(KEYS, {"name": "bot", "scopes": ["trades:read"]}, format="json")

    assert made.status_code == 201
    fresh = made.json()["key"]
    assert api_client(fresh).get(ME).json()["scopes"] == ["trades:read"]
    listed = client.get(KEYS)
    assert fresh not in listed.content.decode()
    assert fresh not in str(list(ApiKey.objects.values()) + list(AuditEntry.objects.values()))


def test_a_key_cannot_give_what_it_does_not_have(world):
    _, text = make_key(world.alice, scopes=["keys:manage", "trades:read"])

    answer = api_client(text).post(KEYS, {"name": "more", "scopes": ["risk:write"]}, format="json")

    assert (answer.status_code, answer.json()["code"]) == (403, "SCOPE_MISSING")
    assert ApiKey.objects.count() == 1


def test_an_unknown_scope_is_refused_with_those_that_exist(world):
    _, text = make_key(world.alice)

    answer = api_client(text).post(KEYS, {"name": "more", "scopes": ["root"]}, format="json")

    assert answer.status_code == 422
    assert "trades:approve" in answer.json()["extra"]["allowed"]
    assert "executor:agent" not in answer.json()["extra"]["allowed"]


def test_a_rotated_key_serves_beside_its_successor_for_a_day(world):
    _, owner = make_key(world.alice)
    key, text = make_key(world.alice, scopes=["team:read"])

    made = api_client(owner).post(f"{KEYS}/{key.public_id}/rotate")

    assert made.status_code == 201
    assert api_client(text).get(ME).status_code == 200
    assert api_client(made.json()["key"]).get(ME).json()["scopes"] == ["team:read"]
    key.refresh_from_db()
    ApiKey.objects.filter(pk=key.pk).update(revoked_at=key.revoked_at - dt.timedelta(hours=25))
    assert api_client(text).get(ME).json()["code"] == "KEY_REVOKED"
    assert api_client(owner).post(f"{KEYS}/{key.public_id}/rotate").status_code == 409


def test_another_teams_key_is_not_found(world):
    key, _ = make_key(world.alice)
    _, stranger = make_key(world.charlie)
    client = api_client(stranger)

    for answer in (
        client.get(f"{KEYS}/{key.public_id}"),
        client.delete(f"{KEYS}/{key.public_id}"),
        client.post(f"{KEYS}/{key.public_id}/rotate"),
    ):
        assert answer.status_code == 404
    key.refresh_from_db()
    assert key.revoked_at is None


def test_roles_decide_over_keys(world):
    assert browser(world.alice).get(KEYS).status_code == 200
    assert browser(world.tom).get(KEYS).status_code == 403
    assert browser(world.bob).get(KEYS).status_code == 403


def test_a_browser_needs_the_csrf_token_to_change_anything(world):
    answer = browser(world.alice, enforce_csrf=True).post(KEYS, {"name": "x", "scopes": []}, "application/json")

    assert (answer.status_code, answer.json()["code"]) == (403, "CSRF_FAILED")


def test_a_person_in_two_teams_names_the_one_they_mean(world):
    from apps.teams.models import Membership, Role

    Membership.objects.create(team=world.other_team, user=world.bob, role=Role.TRADER)
    client = browser(world.bob)

    assert client.get(ME).json()["team"]["slug"] == "alice-capital"
    assert client.get(ME, headers={"X-Team": "charlie-trading"}).json()["role"] == "TRADER"
    assert client.get(ME, headers={"X-Team": world.other_team.public_id}).json()["role"] == "TRADER"
    assert client.get(ME, headers={"X-Team": "nobody"}).status_code == 404
    assert browser(world.tom).get(ME, headers={"X-Team": "charlie-trading"}).status_code == 404


def test_a_person_in_no_team_is_told_so(world):
    from tests.world import make_user

    assert browser(make_user("dora")).get(ME).json()["code"] == "NO_TEAM"


def test_an_address_that_guesses_keys_is_slowed_down(world):
    guess = api_client("mk_live_" + "a" * 57)
    codes = [guess.get(ME, REMOTE_ADDR="9.9.9.9").status_code for _ in range(25)]

    assert codes[:20] == [401] * 20
    assert codes[-1] == 429
    assert guess.get(ME, REMOTE_ADDR="8.8.8.8").status_code == 401
