from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from apps.market.models import Dataset
from tests.datasets import make_bars
from trading.data.files import write_csv


@pytest.fixture
def path(tmp_path):
    made = tmp_path / "EURUSD.csv"
    with made.open("wb") as file:
        write_csv(make_bars(), file)
    return made


def call(world, path, *more):
    out, err = StringIO(), StringIO()
    arguments = [f"--team={world.team.slug}", "--symbol=EURUSD", *more]
    call_command("import_bars", str(path), *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_a_file_of_this_machine_becomes_a_dataset(world, path):
    said, _ = call(world, path, "--name=My bars")

    assert said == "my-bars: 500 bars of EURUSD M5\n"
    assert Dataset.objects.get().team == world.team


def test_findings_are_told_and_a_fault_ends_it(world, path):
    rows = path.read_text().splitlines()
    path.write_text("\n".join([*rows[:9], rows[8], *rows[9:]]))

    with pytest.raises(CommandError, match="DATA_FAULTY"):
        call(world, path)
    assert "first kept" in call(world, path, "--policy=KEEP_FIRST")[1]


@pytest.mark.parametrize(
    ("more", "code"),
    [(("--team=nobody",), "NOT_FOUND"), (("--zone=Mars",), "UNKNOWN_ZONE"), (("--symbol=a b",), "FIELD_INVALID")],
)
def test_what_cannot_be_is_refused_by_its_code(world, path, more, code):
    with pytest.raises(CommandError, match=code):
        call(world, path, *more)


def test_a_file_that_is_not_there_is_said(world, tmp_path):
    with pytest.raises(CommandError, match="FILE_UNREADABLE"):
        call(world, tmp_path / "nothing.csv")
