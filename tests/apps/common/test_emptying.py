"""What a test has committed is gone before the next one begins, also what the database refuses to delete."""

import pytest
from django.contrib.auth.models import Permission
from django.db import connection

from apps.risk.models import Decision
from apps.strategies.models import StrategyVersion
from tests.emptying import KEPT, empty_after_test
from tests.risk import make_desk
from tests.scenes import set_up_desk
from tests.world import make_world

pytestmark = pytest.mark.django_db(transaction=True)


def test_nothing_is_left_but_what_migrate_makes():
    world = make_world()
    set_up_desk(world.team)
    make_desk(world).ask()
    assert Decision.objects.exists()
    assert StrategyVersion.objects.exists()

    empty_after_test()

    tables = set(connection.introspection.django_table_names(only_existing=True)) - KEPT
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"SELECT count(*) FROM {table}")
            assert cursor.fetchone() == (0,), table
    assert Permission.objects.exists()
