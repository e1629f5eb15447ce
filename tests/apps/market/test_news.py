"""The calendar of news: read strictly, stored once, and a source's newer word replaces its older one."""

import json

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from apps.common.clock import read_at
from apps.common.errors import Impossible
from apps.market.models import NewsRelease
from apps.market.news import import_news

pytestmark = pytest.mark.django_db
PAYROLLS = {"at": "2026-03-06T13:30:00Z", "currency": "usd", "impact": "High", "title": "Non-Farm Payrolls"}
CPI = {"at": "2026-03-11T08:30:00-04:00", "currency": "USD", "impact": "HIGH", "title": "CPI"}


def bring(*rows, source="ff"):
    done = import_news(rows=rows, source=source, at=read_at())
    return (done.added, done.kept, done.removed)


def test_a_calendar_is_stored_once_and_in_utc():
    assert bring(PAYROLLS, CPI) == (2, 0, 0)
    assert bring(PAYROLLS, CPI) == (0, 2, 0)
    assert [(row.currency, row.at.isoformat()) for row in NewsRelease.objects.order_by("at")] == [
        ("USD", "2026-03-06T13:30:00+00:00"),
        ("USD", "2026-03-11T12:30:00+00:00"),
    ]


def test_a_release_that_moved_does_not_stand_twice_and_other_sources_stay():
    bring({**PAYROLLS, "title": "ISM", "at": "2026-03-09T15:00:00Z"}, source="other")
    bring(PAYROLLS, {**PAYROLLS, "title": "Speech", "at": "2026-03-10T10:00:00Z"}, CPI)

    assert bring(PAYROLLS, {**PAYROLLS, "title": "Speech", "at": "2026-03-10T12:00:00Z"}, CPI) == (1, 2, 1)

    assert sorted(NewsRelease.objects.values_list("title", flat=True)) == ["CPI", "ISM", "Non-Farm Payrolls", "Speech"]


@pytest.mark.parametrize(
    "wrong, field",
    [
        ({"at": "2026-03-06T13:30:00"}, "at"),
        ({"at": "soon"}, "at"),
        ({"impact": "huge"}, "impact"),
        ({"currency": "$"}, "currency"),
        ({"title": ""}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"forecast": "1"}, "forecast"),
    ],
)
def test_what_cannot_be_right_names_row_and_field_and_nothing_is_stored(wrong, field):
    with pytest.raises(Impossible) as refused:
        bring(CPI, {**PAYROLLS, **wrong})

    assert refused.value.field == f"1.{field}"
    assert not NewsRelease.objects.exists()


def test_the_command_reads_csv_and_json(tmp_path, capsys):
    table, listed = tmp_path / "week.csv", tmp_path / "week.json"
    table.write_text("at,currency,impact,title\n" + ",".join(PAYROLLS.values()) + "\n")
    listed.write_text(json.dumps([PAYROLLS, CPI]))

    call_command("import_news", str(table), "--source", "ff")
    call_command("import_news", str(listed), "--source", "ff")

    assert capsys.readouterr().out.splitlines() == [
        "1 added, 0 known already, 0 removed",
        "1 added, 1 known already, 0 removed",
    ]
    listed.write_text("{}")
    with pytest.raises(CommandError, match="list of releases"):
        call_command("import_news", str(listed), "--source", "ff")
    with pytest.raises(CommandError, match="FILE_UNREADABLE"):
        call_command("import_news", str(tmp_path / "none.csv"), "--source", "ff")
