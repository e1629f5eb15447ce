"""What is refused before any view sees it."""

import pytest

from tests.world import api_client, make_key

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "path", ["trades?strategy=%00", "assignments?executor=a%00b", "strategies/%00", "accounts/a%00/state"]
)
def test_a_nul_in_the_address_is_refused_in_words(world, path):
    answer = api_client(make_key(world.alice)[1]).get(f"/api/v1/{path}")

    assert (answer.status_code, answer.json()["code"]) == (400, "MALFORMED")
    assert answer.json()["request_id"].startswith("req_")
