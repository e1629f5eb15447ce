"""The pages of datasets: what a person does from a file to a dataset, and what stands in the way."""

from __future__ import annotations

import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from apps.common.clock import read_at
from apps.market.datasets.importing import run_import
from apps.market.models import Dataset, DatasetImport
from tests.datasets import make_bars, make_dataset
from trading.data.files import write_csv

NEW = "/data/new"


def upload(person, content, name="GBPUSD_M5.csv"):
    return person.post(NEW, {"source": "upload", "file": SimpleUploadedFile(name, content)})


def csv_of_bars():
    made = io.BytesIO()
    write_csv(make_bars(), made)
    return made.getvalue()


def page_of(answer):
    return answer.content.decode()


def test_from_a_file_to_a_dataset(world, tom):
    confirm = upload(tom, csv_of_bars())["Location"]
    asked = page_of(tom.get(confirm))
    assert "First rows" in asked
    assert 'value="GBPUSD"' in asked

    answer = tom.post(confirm, {"symbol": "GBPUSD", "zone": "UTC", "policy": "REFUSE"})
    assert answer["Location"] == confirm
    waiting = page_of(tom.get(confirm))
    assert "A worker takes it" in waiting
    assert 'hx-trigger="live from:body"' in waiting

    job = DatasetImport.objects.get()
    run_import(import_id=job.pk, at=read_at())
    done = tom.get(confirm)
    assert done["Location"] == reverse("dashboard:dataset", args=[Dataset.objects.get().handle])
    shown = page_of(tom.get(done["Location"]))
    assert "500 bars of GBPUSD M5" in shown


def test_columns_nobody_recognises_are_named_on_the_page(desk, tom):
    address = reverse("dashboard:data-import", args=[desk.dataset_import.public_id])
    asked = page_of(tom.get(address))
    assert "DATA_LAYOUT_UNKNOWN" in asked
    assert "<details open>" in asked
    assert "4: tief" in asked

    columns = {f"column_{name}": str(place) for place, name in enumerate(("time", "open", "high", "low", "close"))}
    tom.post(address, {"symbol": "EURUSD", "zone": "Europe/Berlin", "policy": "REFUSE", **columns})
    assert run_import(import_id=desk.dataset_import.pk, at=read_at()) == "DONE"

    made = Dataset.objects.get(imports=desk.dataset_import)
    assert made.first_at.isoformat() == "2026-06-24T12:54:00+00:00"


def test_faults_are_shown_in_words_and_another_policy_may_be_chosen(world, tom):
    rows = csv_of_bars().splitlines(keepends=True)
    confirm = upload(tom, b"".join([*rows[:9], rows[8], *rows[9:]]))["Location"]
    tom.post(confirm, {"symbol": "GBPUSD", "zone": "UTC", "policy": "REFUSE"})
    job = DatasetImport.objects.get()
    run_import(import_id=job.pk, at=read_at())

    failed = page_of(tom.get(confirm))
    assert "1 bar repeats the time of the one before" in failed
    assert "DATA_FAULTY" in failed
    assert "the file has faults" in page_of(tom.get("/data"))

    tom.post(confirm, {"symbol": "GBPUSD", "zone": "UTC", "policy": "KEEP_FIRST"})
    assert run_import(import_id=job.pk, at=read_at()) == "DONE"
    assert "first kept" in page_of(tom.get(reverse("dashboard:dataset", args=[Dataset.objects.get().handle])))


@pytest.mark.parametrize(
    ("form", "word"),
    [
        ({"source": "upload"}, "required"),
        ({"source": "terminal", "symbol": "EURUSD", "timeframe": "M5"}, "required"),
        ({"source": "exchange", "exchange": "kraken", "symbol": "BTC/USD", "timeframe": "H1", "start": "2026-02-01", "end": "2026-01-01"}, "begin before it ends"),
        ({"source": "exchange", "exchange": "../x", "symbol": "B", "timeframe": "H1", "start": "x", "end": ""}, "valid"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_for_is_said_at_its_field(desk, tom, form, word):
    answer = tom.post(NEW, form)

    assert answer.status_code == 422
    assert word in page_of(answer)


def test_an_empty_file_is_refused_in_words(world, tom):
    answer = upload(tom, b"")

    assert answer.status_code == 422
    assert "empty" in page_of(answer)


def test_a_zone_nobody_knows_is_said_at_its_field(world, tom):
    confirm = upload(tom, csv_of_bars())["Location"]

    answer = tom.post(confirm, {"symbol": "GBPUSD", "zone": "Mars", "policy": "REFUSE"})

    assert answer.status_code == 422
    assert "IANA" in page_of(answer)


def test_what_agents_sent_is_taken_on_the_page(desk, tom):
    answer = tom.post(NEW, {"source": "terminal", "account": desk.paper.pk, "symbol": "EURUSD", "timeframe": "M5"})
    job = DatasetImport.objects.get(source="TERMINAL")

    assert answer["Location"] == reverse("dashboard:data-import", args=[job.public_id])
    assert "A worker takes it" in page_of(tom.get(answer["Location"]))


def test_an_import_is_forgotten(desk, tom):
    tom.post(reverse("dashboard:data-import-cancel", args=[desk.dataset_import.public_id]))

    desk.dataset_import.refresh_from_db()
    assert desk.dataset_import.status == "CANCELLED"


def test_a_viewer_looks_and_changes_nothing(desk, bob):
    for name, args in (("data-new", []), ("dataset", [desk.dataset.handle]), ("dataset-delete", [desk.dataset.handle])):
        assert bob.post(reverse(f"dashboard:{name}", args=args), {"name": "x"}).status_code == 403
    assert Dataset.objects.get(pk=desk.dataset.pk).name == desk.dataset.name


def test_a_dataset_is_renamed_taken_away_and_deleted(desk, tom):
    address = reverse("dashboard:dataset", args=[desk.dataset.handle])
    tom.post(address, {"name": "Renamed"})
    assert "<h1>Renamed</h1>" in page_of(tom.get(address))

    content = b"".join(tom.get(f"{address}/export?kind=csv").streaming_content)
    assert content.count(b"\n") == desk.dataset.bar_count + 1
    assert tom.get(f"{address}/export?kind=exe").status_code == 422
    tom.post(f"{address}/delete")
    assert tom.get(address).status_code == 404


def test_gaps_are_drawn_and_listed(desk, tom):
    shown = page_of(tom.get(reverse("dashboard:dataset", args=[desk.dataset.handle])))

    assert "bars are missing in" in shown
    assert shown.count("<rect") == len(desk.dataset.coverage)


def test_a_long_history_is_folded_to_fit(world, tom):
    from trading.model.timeframe import Timeframe

    dataset, _ = make_dataset(world.team, bars=make_bars(3000, Timeframe.D1))

    assert page_of(tom.get(f"/data/{dataset.handle}")).count("<rect") <= 130
