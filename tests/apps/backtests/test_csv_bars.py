from datetime import UTC, datetime

import pytest

from apps.backtests.csv_bars import read_csv_bars
from trading.errors import InvalidBars
from trading.model.timeframe import Timeframe


@pytest.fixture
def write(tmp_path):
    def _write(text, name="bars.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_text(text, encoding=encoding)
        return path

    return _write


def _rows(read):
    return [
        (f"{bar.opened_at:%Y-%m-%d %H:%M}", bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in read.bars
    ]


EXPECTED = [
    ("2026-06-24 14:54", 1.13468, 1.13468, 1.13448, 1.1345, 291.0),
    ("2026-06-24 14:55", 1.13449, 1.13449, 1.13392, 1.13392, 468.0),
]

FORMS = {
    "header": "time,open,high,low,close,volume\n2026-06-24 14:54:00,1.13468,1.13468,1.13448,1.1345,291\n"
    "2026-06-24 14:55:00,1.13449,1.13449,1.13392,1.13392,468\n",
    "no header": "2026-06-24 14:54,1.13468,1.13468,1.13448,1.1345,291\n2026-06-24 14:55,1.13449,1.13449,1.13392,1.13392,468\n",
    "terminal": "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n"
    "2026.06.24\t14:54:00\t1.13468\t1.13468\t1.13448\t1.13450\t291\t0\t8\n"
    "2026.06.24\t14:55:00\t1.13449\t1.13449\t1.13392\t1.13392\t468\t0\t9\n",
    "epoch": "time;open;high;low;close;tick_volume\n1782312840;1.13468;1.13468;1.13448;1.1345;291\n"
    "1782312900;1.13449;1.13449;1.13392;1.13392;468\n",
    "zone": "time,open,high,low,close,volume\n2026-06-24T16:54:00+02:00,1.13468,1.13468,1.13448,1.1345,291\n"
    "2026-06-24T16:55:00+02:00,1.13449,1.13449,1.13392,1.13392,468\n",
    "windows": "\ufefftime,open,high,low,close,volume\r\n2026-06-24 14:54:00,1.13468,1.13468,1.13448,1.1345,291\r\n\r\n"
    "2026-06-24 14:55:00,1.13449,1.13449,1.13392,1.13392,468\r\n",
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_bars(write, form):
    read = read_csv_bars(write(FORMS[form]))

    assert _rows(read) == EXPECTED
    assert read.bars.timeframe is Timeframe.M1
    assert read.findings == []


def test_the_terminals_spread_is_kept(write):
    assert read_csv_bars(write(FORMS["terminal"])).bars.spread_points.tolist() == [8, 9]


def _many(count=300, step=5):
    start = int(datetime(2026, 1, 5, tzinfo=UTC).timestamp())
    moments = (datetime.fromtimestamp(start + 60 * step * i, UTC) for i in range(count))
    return [f"{at:%Y-%m-%d %H:%M},1.1,1.2,1.0,1.1,5" for at in moments]


@pytest.mark.parametrize(
    ("spoil", "finding", "bars"),
    [
        (lambda rows: [*rows[:10], rows[9], *rows[10:]], "repeats the time", 300),
        (lambda rows: [*rows[:10], rows[11], rows[10], *rows[12:]], "older than the one before", 300),
        (lambda rows: [*rows[:10], rows[10].replace("1.2", "1.05"), *rows[11:]], "outside low to high", 299),
        (lambda rows: [*rows[:10], rows[10].replace("1.2", "nan"), *rows[11:]], "not a finite number", 299),
        (lambda rows: [*rows[:10], rows[10].replace("1.2", "?"), *rows[11:]], "could not be read", 299),
        (lambda rows: [*rows[:10], "2026-01-05 00:52,1.1,1.2,1.0,1.1,5", *rows[10:]], "does not open where", 300),
    ],
)
def test_what_is_wrong_is_said_and_never_mended_in_silence(write, spoil, finding, bars):
    read = read_csv_bars(write("\n".join(spoil(_many()))))

    assert len(read.bars) == bars
    assert [text for text in read.findings if finding in text]


@pytest.mark.parametrize("text", ["", "time,open,high,low,close\n", "hello\nworld\n", "a,b,c\n1,2,3\n"])
def test_a_file_without_bars_is_refused(write, text):
    with pytest.raises(InvalidBars):
        read_csv_bars(write(text))


def test_a_file_that_is_mostly_wrong_is_refused(write):
    rows = [row.replace("1.2", "0.5") if index % 20 == 0 else row for index, row in enumerate(_many())]

    with pytest.raises(InvalidBars, match="15 lines are unusable"):
        read_csv_bars(write("\n".join(rows)))


def test_bars_seven_minutes_apart_have_no_timeframe(write):
    with pytest.raises(InvalidBars, match="420 seconds"):
        read_csv_bars(write("\n".join(_many(step=7))))
