"""The OpenAPI description: complete, valid, without a warning."""

from __future__ import annotations

from io import StringIO

from django.core.management import call_command
from drf_spectacular.generators import SchemaGenerator

from tests.apps.test_authorization_matrix import DOORS


def test_the_description_is_valid_and_has_no_warning():
    call_command("spectacular", "--fail-on-warn", "--validate", stdout=StringIO())


def test_every_door_of_ours_is_described():
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]

    described = {(path.replace("{", "<str:").replace("}", ">"), verb) for path, body in paths.items() for verb in body}
    missing = [
        str(door)
        for door in DOORS
        if door.route.startswith("api/v1/") and (f"/{door.route}", door.verb) not in described
    ]
    assert not missing
