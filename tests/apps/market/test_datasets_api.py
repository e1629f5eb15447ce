import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.common.clock import read_at
from apps.common.ids import parse_public_id
from apps.market.datasets.importing import run_import
from apps.market.models import DatasetImport
from tests.datasets import START, make_bars, make_dataset
from tests.world import api_client, make_key
from trading.data.files import read_bars, write_csv

URL = "/api/v1/datasets"


@pytest.fixture
def client(world):
    return api_client(make_key(world.alice)[1])


@pytest.fixture
def dataset(world):
    return make_dataset(world.team)[0]


def csv_of(bars):
    made = io.BytesIO()
    write_csv(bars, made)
    return made.getvalue()


def upload(client, content, **fields):
    file = SimpleUploadedFile("EURUSD_M5.csv", content)
    return client.post(URL, {"file": file, "symbol": "EURUSD", **fields}, format="multipart")


def test_an_uploaded_file_becomes_a_dataset_that_can_be_read(client):
    bars = make_bars()
    asked = upload(client, csv_of(bars), name="My bars")
    assert (asked.status_code, asked.json()["status"]) == (202, "QUEUED")

    run_import(import_id=parse_public_id("dsi", asked.json()["id"]), at=read_at())
    done = client.get(f"/api/v1/dataset-imports/{asked.json()['id']}").json()
    shown = client.get(f"{URL}/my-bars").json()

    assert (done["status"], done["progress_fraction"], done["dataset_id"]) == ("DONE", 1, shown["id"])
    assert (shown["symbol"], shown["timeframe"], shown["bars"]) == ("EURUSD", "M5", 500)
    assert shown["origin"]["file_name"] == "EURUSD_M5.csv"
    assert [row["id"] for row in client.get(f"{URL}?symbol=eurusd&search=my").json()["results"]] == [shown["id"]]
    assert client.get(f"{URL}?symbol=GBPUSD").json()["count"] == 0


def test_bars_come_page_by_page_and_coarser(client, dataset):
    bars = make_bars()
    first = client.get(f"{URL}/{dataset.handle}/bars?limit=300").json()
    second = client.get(f"{URL}/{dataset.handle}/bars?limit=300&start={first['next_start']}").json()

    assert [len(page["bars"]) for page in (first, second)] == [300, 200]
    assert second["next_start"] is None
    assert [bar["close"] for bar in first["bars"] + second["bars"]] == bars.close.tolist()
    coarse = client.get(f"{URL}/{dataset.handle}/bars?timeframe=h1").json()
    assert (coarse["timeframe"], len(coarse["bars"])) == ("H1", 41)
    end = START.replace(hour=1).isoformat()
    assert len(client.get(f"{URL}/{dataset.handle}/bars", {"end": end}).json()["bars"]) == 12


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=9999", "limit"),
        ("start=2026-01-05", "start"),
        ("end=x", "end"),
        ("timeframe=M7", "timeframe"),
    ],
)
def test_a_page_of_bars_that_cannot_be_is_refused_by_its_field(client, dataset, query, field):
    answer = client.get(f"{URL}/{dataset.handle}/bars?{query}")

    assert answer.status_code in (400, 422)
    assert answer.json()["field"] == field


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_dataset_is_taken_away_as_a_file(client, dataset, kind):
    answer = client.get(f"{URL}/{dataset.handle}/export?kind={kind}")
    content = b"".join(answer.streaming_content)

    assert answer["Content-Disposition"] == f'attachment; filename="eurusd-m5-M5.{kind}"'
    if kind == "csv":
        assert read_bars(io.BytesIO(content)).bars.close.tolist() == make_bars().close.tolist()
    assert client.get(f"{URL}/{dataset.handle}/export?kind=xlsx").status_code == 422


def test_a_dataset_is_renamed_and_deleted(client, dataset):
    assert client.patch(f"{URL}/{dataset.handle}", {"name": "Other"}, format="json").json()["name"] == "Other"
    assert client.delete(f"{URL}/{dataset.handle}").status_code == 204
    assert client.get(f"{URL}/{dataset.handle}").status_code == 404


@pytest.mark.parametrize(
    ("content", "fields", "status", "code"),
    [
        (b"", {}, 422, "DATA_EMPTY"),
        (b"PK\x03\x04zip", {}, 422, "DATA_BINARY"),
        (b"\x1f\x8b\x08bomb", {}, 422, "DATA_BINARY"),
        (b"a,b,c,d,e\n1,2,3,4,5\n", {}, 422, "DATA_LAYOUT_UNKNOWN"),
        (b"time,open,high,low,close\n03/04/2026,1,1,1,1\n", {}, 422, "DATA_DATES_AMBIGUOUS"),
        (b"time,open,high,low,close\n2026-01-01,1,1,1,1\n", {"zone": "Mars"}, 422, "UNKNOWN_ZONE"),
        (b"time,open,high,low,close\n2026-01-01,1,1,1,1\n", {"timeframe": "M7"}, 422, "UNKNOWN_TIMEFRAME"),
        (b"x", {"symbol": ""}, 400, "FIELD_INVALID"),
        (b"x", {"policy": "MEND"}, 400, "FIELD_INVALID"),
        (b"x", {"layout": "["}, 400, "FIELD_INVALID"),
        (b"x", {"colour": "red"}, 400, "FIELD_INVALID"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_code_and_leaves_nothing(client, content, fields, status, code):
    answer = upload(client, content, **fields)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not DatasetImport.objects.exclude(status="CANCELLED").exists()


def test_columns_can_be_named_in_the_upload(client):
    text = b"a,b,c,d,e\n1,1,1,1,2026-01-01 00:00\n1,1,1,1,2026-01-01 00:01\n"
    layout = '{"columns": {"time": "e", "open": "a", "high": 1, "low": 2, "close": 3}}'

    assert upload(client, text, layout=layout).status_code == 202


def test_a_body_that_says_it_is_too_large_is_refused_unread(client):
    answer = client.post(URL, b"x", content_type="multipart/form-data; boundary=x", CONTENT_LENGTH=str(2 * 1024**3))

    assert answer.json()["code"] == "DATA_TOO_LARGE"


def test_an_import_is_cancelled(client):
    asked = upload(client, csv_of(make_bars())).json()

    assert client.delete(f"/api/v1/dataset-imports/{asked['id']}").json()["status"] == "CANCELLED"
    assert client.delete(f"/api/v1/dataset-imports/{asked['id']}").json()["code"] == "IMPORT_NOT_OPEN"


def test_a_span_that_cannot_be_is_refused(client):
    body = {"exchange": "kraken", "symbol": "BTC/USD", "timeframe": "H1", "start": "2026-01-02T00:00:00Z"}

    for more, field in (
        ({"end": "2026-01-01T00:00:00Z"}, "start"),
        ({"end": "2026-01-03T00:00:00Z", "exchange": "../x"}, "exchange"),
    ):
        answer = client.post(f"{URL}/from-exchange", {**body, **more}, format="json")
        assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert (
        client.post(f"{URL}/from-exchange", {**body, "end": "2026-01-03T00:00:00Z"}, format="json").status_code == 202
    )
