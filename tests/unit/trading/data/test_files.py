import io
from datetime import UTC, datetime

import pytest

from trading.data.errors import (
    DataBinary,
    DataEmpty,
    DataEncoding,
    DataFaulty,
    DataTooLarge,
    DatesAmbiguous,
    LayoutUnknown,
    NoTimeframe,
)
from trading.data.examine import Policy
from trading.data.files import read_bars
from trading.data.layout import find_layout
from trading.model.timeframe import Timeframe

DROP = Policy.DROP_IMPOSSIBLE


def read(text, *, encoding="utf-8", **more):
    return read_bars(io.BytesIO(text if isinstance(text, bytes) else text.encode(encoding)), **more)


def rows_of(examined):
    return [
        (f"{bar.opened_at:%Y-%m-%d %H:%M}", bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in examined.bars
    ]


EXPECTED = [
    ("2026-06-24 14:54", 1.13468, 1.13468, 1.13448, 1.1345, 291.0),
    ("2026-06-24 14:55", 1.13449, 1.13449, 1.13392, 1.13392, 468.0),
]
PRICES = (("1.13468", "1.13468", "1.13448", "1.1345", "291"), ("1.13449", "1.13449", "1.13392", "1.13392", "468"))


def lines(first, second, delimiter=","):
    return "".join(delimiter.join((time, *cells)) + "\n" for time, cells in zip((first, second), PRICES, strict=True))


HEADER = "time,open,high,low,close,volume\n"
TERMINAL = (
    "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n"
    "2026.06.24\t14:54:00\t1.13468\t1.13468\t1.13448\t1.13450\t291\t0\t8\n"
    "2026.06.24\t14:55:00\t1.13449\t1.13449\t1.13392\t1.13392\t468\t0\t9\n"
)
FORMS = {
    "header": HEADER + lines("2026-06-24 14:54:00", "2026-06-24 14:55:00"),
    "no header": lines("2026-06-24 14:54", "2026-06-24 14:55"),
    "terminal": TERMINAL,
    "terminal with commas": TERMINAL.replace("\t", ","),
    "terminal's history": lines("2026.06.24,14:54", "2026.06.24,14:55"),
    "epoch": "time;open;high;low;close;tick_volume\n" + lines("1782312840", "1782312900", ";"),
    "milliseconds": "timestamp,open,high,low,close,volume\n" + lines("1782312840000", "1782312900000"),
    "zone": HEADER + lines("2026-06-24T16:54:00+02:00", "2026-06-24T16:55:00+02:00"),
    "zulu": HEADER + lines("2026-06-24T14:54:00.000Z", "2026-06-24T14:55:00.000Z"),
    "windows": ("\ufeff" + HEADER + lines("2026-06-24 14:54:00", "\n2026-06-24 14:55:00")).replace("\n", "\r\n"),
    "dukascopy": "Gmt time,Open,High,Low,Close,Volume\n"
    + lines("24.06.2026 14:54:00.000", "24.06.2026 14:55:00.000"),
    "dukascopy local": "Local time,Open,High,Low,Close,Volume\n"
    + lines("24.06.2026 16:54:00.000 GMT+0200", "24.06.2026 16:55:00.000 GMT+0200"),
    "histdata": lines("20260624 145400", "20260624 145500", ";"),
    "compact minutes": HEADER + lines("202606241454", "202606241455"),
    "american": HEADER + lines("6/24/2026 14:54", "6/24/2026 14:55"),
    "decimal comma": HEADER.replace(",", ";") + lines("24.06.2026 14:54", "24.06.2026 14:55", ";").replace(".1", ",1").replace("1.13", "1,13"),
    "quoted": '"time","open","high","low","close","volume"\n'
    + lines('"2026-06-24 14:54:00"', '"2026-06-24 14:55:00"'),
    "said to be separated": "sep=;\n" + HEADER.replace(",", ";") + lines("2026-06-24 14:54", "2026-06-24 14:55", ";"),
    "other order": "Close;Open;High;Low;Unix Timestamp;Symbol;Volume\n"
    "1.1345;1.13468;1.13468;1.13448;1782312840;EURUSD;291\n1.13392;1.13449;1.13449;1.13392;1782312900;EURUSD;468\n",
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_bars(form):
    examined = read(FORMS[form])

    assert rows_of(examined) == EXPECTED
    assert examined.bars.timeframe is Timeframe.M1
    assert examined.findings == []


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_the_terminal_writes_in_several_encodings(encoding):
    examined = read(TERMINAL, encoding=encoding)

    assert rows_of(examined) == EXPECTED
    assert examined.bars.spread_points.tolist() == [8, 9]


@pytest.mark.parametrize(
    ("form", "vendor", "zone"),
    [("terminal", "MetaTrader 5 export", ""), ("dukascopy", "Dukascopy", "UTC"), ("histdata", "HistData", "-05:00")],
)
def test_a_form_that_gives_away_its_exporter_says_so(form, vendor, zone):
    layout = find_layout(FORMS[form].encode())

    assert (layout.vendor, layout.zone) == (vendor, zone)


def test_columns_that_nobody_recognises_can_be_named():
    text = "Zeit,Auf,Hoch,Tief,Zu,Menge\n" + lines("2026-06-24 14:54", "2026-06-24 14:55")
    with pytest.raises(LayoutUnknown) as refused:
        read(text)
    columns = {"time": "Zeit", "open": "Auf", "high": 2, "low": "tief", "close": 4, "volume": "Menge"}

    assert refused.value.extra["missing"] == ["time", "open", "high", "low", "close"]
    assert refused.value.extra["sample"][0][0] == "2026-06-24 14:54"
    assert rows_of(read(text, layout={"columns": columns})) == EXPECTED


@pytest.mark.parametrize(
    ("layout", "field"),
    [
        ({"columns": {"time": 0}}, "columns"),
        ({"columns": {"time": 0, "open": 1, "high": 2, "low": 3, "close": 3}}, "columns"),
        ({"columns": {"time": 0, "open": 1, "high": 2, "low": 3, "close": 99}}, "columns.close"),
        ({"columns": {"time": 0, "open": True, "high": 2, "low": 3, "close": 4}}, "columns.open"),
        ({"columns": ["time"]}, "columns"),
        ({"columns": {"colour": 1}}, "columns"),
        ({"time_form": "martian"}, "time_form"),
        ({"delimiter": "x"}, "delimiter"),
    ],
)
def test_a_layout_that_cannot_be_is_refused_by_its_field(layout, field):
    with pytest.raises(LayoutUnknown) as refused:
        read(FORMS["header"], layout=layout)

    assert refused.value.field == field


def test_a_date_that_could_be_two_days_is_asked_about():
    text = HEADER + lines("03/04/2026 14:54", "03/04/2026 14:55")

    with pytest.raises(DatesAmbiguous):
        read(text)
    days = [read(text, layout={"time_form": form}).bars[0].opened_at for form in ("day_first", "month_first")]
    assert [f"{day:%m-%d}" for day in days] == ["04-03", "03-04"]


def many(count=300, step=5, start=datetime(2026, 1, 5, tzinfo=UTC)):
    first = int(start.timestamp())
    moments = (datetime.fromtimestamp(first + 60 * step * i, UTC) for i in range(count))
    return [f"{at:%Y-%m-%d %H:%M},1.1,1.2,1.0,1.1,5" for at in moments]


SPOILED = {
    "REPEATED_TIMES": (lambda rows: [*rows[:10], rows[9], *rows[10:]], 300, Policy.KEEP_FIRST, [11]),
    "OUT_OF_ORDER": (lambda rows: [*rows[:10], rows[11], rows[10], *rows[12:]], 300, Policy.KEEP_FIRST, [12]),
    "REVERSED": (lambda rows: rows[::-1], 300, Policy.KEEP_FIRST, list(range(2, 12))),
    "IMPOSSIBLE_RANGE": (lambda rows: [*rows[:10], rows[10].replace("1.2", "1.05"), *rows[11:]], 299, DROP, [11]),
    "IMPOSSIBLE_PRICES": (lambda rows: [*rows[:10], rows[10].replace("1.2", "nan"), *rows[11:]], 299, DROP, [11]),
    "UNREADABLE_ROWS": (lambda rows: [*rows[:10], rows[10].replace("1.2", "?"), *rows[11:]], 299, DROP, [11]),
    "MISPLACED": (lambda rows: [*rows[:10], "2026-01-05 00:47,1.1,1.2,1.0,1.1,5", *rows[10:]], 300, DROP, [11]),
}  # fmt: skip


@pytest.mark.parametrize("kind", SPOILED)
def test_a_fault_is_refused_unless_the_policy_allows_for_it(kind):
    spoil, bars, policy, where = SPOILED[kind]
    text = "\n".join(spoil(many()))

    with pytest.raises(DataFaulty) as refused:
        read(text)
    examined = read(text, policy=policy)

    (fault,) = [found for found in examined.findings if found.level == "FAULT"]
    assert [found["kind"] for found in refused.value.extra["findings"]] == [kind]
    assert (fault.kind, fault.rows, len(examined.bars)) == (kind, where, bars)
    assert fault.done
    assert fault.describe()["message"] in fault.sentence


@pytest.mark.parametrize("price", ["0", "-1.1", "inf", "1e999", "1e300", "", "abc", "1,1"])
def test_a_price_that_is_none_never_becomes_a_bar(price):
    rows = many()
    rows[10] = rows[10].replace("1.2", price)

    assert len(read("\n".join(rows), policy=DROP).bars) == 299


def test_of_two_bars_at_one_time_the_first_stays_and_the_difference_is_said():
    rows = many()
    rows.insert(10, rows[9].replace("1.2", "1.3"))

    examined = read("\n".join(rows), policy=Policy.KEEP_FIRST)

    assert examined.bars.high.max() == 1.2
    assert "(1 with other prices)" in examined.findings[0].message


def test_rows_are_counted_as_the_file_has_them_whatever_was_unreadable_before():
    rows = many()
    rows[4], rows[20] = "what is this", rows[20].replace("1.2", "0.5")

    found = {finding.kind: finding.rows for finding in read("\n".join(rows), policy=DROP).findings}

    assert (found["UNREADABLE_ROWS"], found["IMPOSSIBLE_RANGE"]) == ([5], [21])


def test_a_volume_that_is_none_counts_as_nothing_and_is_said():
    rows = many()
    rows[3] = rows[3][:-1] + "x"
    examined = read("\n".join(rows))

    assert examined.bars.volume[3] == 0
    assert [found.sentence for found in examined.findings] == ["1 cell of volume or spread is no count: taken as 0"]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", DataEmpty),
        (b"\n\n \n", DataEmpty),
        (b"time,open,high,low,close\n", DataEmpty),
        (b"hello\nworld\n", LayoutUnknown),
        (b"a,b,c\n1,2,3\n", LayoutUnknown),
        (b"a,b,c,d,e\n1,2,3,4,5\n", LayoutUnknown),
        (b"time,open,high,low,close\nnoon,1,2,3,4\n", LayoutUnknown),
        (b"PK\x03\x04" + b"\x00" * 4000, DataBinary),
        (b"\x1f\x8b" + b"\x07" * 4000, DataBinary),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), DataBinary),
        (bytes(range(256)) * 8, DataBinary),
        ("time,open,high,low,close\n2026-01-01 00:00,é,1,1,1\n".encode("latin-1"), DataEncoding),
        (b"PAR1" + b"\x15\x04" * 99, DataBinary),
    ],
)
def test_what_is_no_text_of_bars_is_refused_with_its_reason(content, error):
    with pytest.raises(error):
        read(content, policy=DROP)


def test_a_text_that_turns_into_something_else_is_a_fault():
    text = "\n".join(many(4000)).encode() + b"\n" + b"\xff\xfe\x00" * 3000

    with pytest.raises(DataFaulty, match="1 row could not be read"):
        read(text)


def test_a_file_that_is_mostly_wrong_is_refused():
    rows = [row.replace("1.2", "0.5") if index % 20 == 0 else row for index, row in enumerate(many())]

    with pytest.raises(DataFaulty, match=r"15 lines of [0-9,]+ cannot be used"):
        read("\n".join(rows), policy=DROP)


def test_bars_seven_minutes_apart_have_no_timeframe():
    with pytest.raises(NoTimeframe, match="420 seconds"):
        read("\n".join(many(step=7)))


def test_bars_that_are_not_of_the_timeframe_said_are_refused():
    with pytest.raises(NoTimeframe, match="H1"):
        read("\n".join(many()), timeframe=Timeframe.H1)


def test_more_bars_than_a_dataset_holds_are_refused_before_they_are_all_read():
    with pytest.raises(DataTooLarge, match="more than 100 bars"):
        read("\n".join(many()), most_bars=100)


def test_progress_is_told_and_can_end_the_reading():
    text = "\n".join(many(20_000))
    seen = []

    read(text, on_progress=seen.append)

    assert seen[-1] == len(text)
    assert seen == sorted(seen)
    with pytest.raises(KeyboardInterrupt):
        read(text, on_progress=lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
