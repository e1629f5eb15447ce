import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from django.db import InternalError, transaction
from django.db.utils import IntegrityError

from apps.common.clock import read_at
from apps.common.errors import Conflict, Impossible, Unavailable
from apps.market.datasets import asking, importing, store
from apps.market.datasets.reading import load_bars, open_export
from apps.market.datasets.selectors import get_dataset
from apps.market.models import Bar, Dataset, DatasetImport
from tests import fleet
from trading.data.files import read_bars
from trading.data.parquet import read_parquet, write_parquet

START = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _files(settings, tmp_path):
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path)},
        },
    }


def text_of(count=600, step_minutes=1, spoil=lambda rows: rows):
    rows = [
        f"{START + timedelta(minutes=step_minutes * i):%Y.%m.%d %H:%M},1.1,1.2,1.0,{1.1 + i % 7 / 100:.2f},{i % 5}"
        for i in range(count)
    ]
    return "\n".join(spoil(rows)).encode()


def stage(world, content, name="EURUSD_M1.csv"):
    return asking.stage_upload(
        team_id=world.team.pk, actor="alice", file=io.BytesIO(content), file_name=name, size_bytes=len(content)
    )


def imported(world, content=None, **answers):
    job = stage(world, text_of() if content is None else content)
    asking.confirm_upload(import_id=job.pk, actor="alice", **{"symbol": "EURUSD", **answers})
    importing.run_import(import_id=job.pk, at=read_at())
    job.refresh_from_db()
    return job


def test_an_upload_becomes_a_dataset_with_what_is_known_of_it(world, tmp_path, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        job = imported(world, name="London M1", zone="Europe/London")
    dataset = job.dataset

    assert (job.status, job.progress_fraction, job.upload) == ("DONE", Decimal(1), "")
    assert (dataset.handle, dataset.symbol, dataset.timeframe, dataset.bar_count) == ("london-m1", "EURUSD", "M1", 600)
    assert (dataset.first_at, dataset.last_at) == (START, START + timedelta(minutes=599))
    assert dataset.origin["file_name"] == "EURUSD_M1.csv"
    assert [path.suffix for path in tmp_path.rglob("*") if path.is_file()] == [".parquet"]
    assert sum(bars for _, bars, _ in dataset.coverage) == 600


def test_a_dataset_is_read_back_whole_in_part_and_coarser(world):
    dataset = imported(world).dataset
    direct = read_bars(io.BytesIO(text_of())).bars

    whole, coarse = load_bars(dataset), load_bars(dataset, timeframe="M5")
    part = load_bars(dataset, start=START + timedelta(minutes=10), end=START + timedelta(minutes=20))

    assert all(
        np.array_equal(getattr(whole, name), getattr(direct, name)) for name in ("time", "open", "close", "volume")
    )
    assert (len(coarse), str(coarse.timeframe)) == (120, "M5")
    assert np.array_equal(part.time, direct.time[10:20])
    with pytest.raises(Impossible) as refused:
        load_bars(imported(world, text_of(step_minutes=5)).dataset, timeframe="M1")
    assert refused.value.code == "BARS_INVALID"


def test_what_is_exported_can_be_imported_and_is_the_same_dataset(world):
    dataset = imported(world).dataset

    for kind in ("csv", "parquet"):
        with open_export(dataset, kind) as file:
            again = imported(world, file.read())
        assert (again.status, again.dataset) == ("DONE", dataset), again.problem
    assert Dataset.objects.count() == 1


def test_the_same_bars_under_another_symbol_are_another_dataset(world):
    assert imported(world).dataset != imported(world, symbol="GBPUSD").dataset


def test_two_teams_have_two_datasets(world):
    mine = imported(world).dataset
    job = asking.stage_upload(
        team_id=world.other_team.pk, actor="c", file=io.BytesIO(text_of()), file_name="a.csv", size_bytes=9
    )
    asking.confirm_upload(import_id=job.pk, actor="c", symbol="EURUSD")
    importing.run_import(import_id=job.pk, at=read_at())
    job.refresh_from_db()

    assert job.dataset.content_hash == mine.content_hash
    assert job.dataset != mine


def test_the_bars_of_a_dataset_cannot_be_changed(world):
    dataset = imported(world).dataset

    store.rename_dataset(dataset_id=dataset.pk, actor="alice", name="Other")
    with pytest.raises((InternalError, IntegrityError)), transaction.atomic():
        Dataset.objects.filter(pk=dataset.pk).update(bar_count=1)
    assert get_dataset(world.team.pk, dataset.handle).name == "Other"


def test_a_deleted_dataset_takes_its_file_along(world, tmp_path, django_capture_on_commit_callbacks):
    dataset = imported(world).dataset

    with django_capture_on_commit_callbacks(execute=True):
        store.delete_dataset(dataset_id=dataset.pk, actor="alice")

    assert not list((tmp_path / "datasets").rglob("*.parquet"))
    assert DatasetImport.objects.get().dataset is None
    with pytest.raises(Unavailable, match="not in the storage"):
        load_bars(dataset)


def test_faults_fail_the_import_with_their_findings_until_a_policy_allows_for_them(world):
    content = text_of(spoil=lambda rows: [*rows[:5], rows[4], *rows[5:]])
    job = imported(world, content)

    assert (job.status, job.problem["code"], job.dataset) == ("FAILED", "DATA_FAULTY", None)
    assert [found["kind"] for found in job.findings] == ["REPEATED_TIMES"]
    asking.confirm_upload(import_id=job.pk, actor="alice", symbol="EURUSD", policy="keep_first")
    importing.run_import(import_id=job.pk, at=read_at())
    job.refresh_from_db()
    assert (job.status, job.dataset.bar_count) == ("DONE", 600)
    assert job.dataset.findings[0]["done"] == "first kept"


@pytest.mark.parametrize(
    ("answers", "field"),
    [
        ({"symbol": "no symbol"}, "symbol"),
        ({"zone": "Mars/Olympus"}, "zone"),
        ({"policy": "mend"}, "policy"),
        ({"timeframe": "M7"}, "timeframe"),
        ({"layout": {"columns": {"time": 77}}}, "columns.time"),
    ],
)
def test_answers_that_cannot_be_are_refused_by_their_field(world, answers, field):
    job = stage(world, text_of())

    with pytest.raises(Impossible) as refused:
        asking.confirm_upload(import_id=job.pk, actor="alice", **{"symbol": "EURUSD", **answers})

    job.refresh_from_db()
    assert (refused.value.field, job.status) == (field, "DRAFT")


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"PK\x03\x04" + bytes(99), "DATA_BINARY"), (b"a,b\n1,2\n", "DATA_LAYOUT_UNKNOWN"), (b"\n\n", "DATA_EMPTY")],
)
def test_a_file_that_is_no_bars_is_refused_before_it_is_queued(world, content, code):
    job = stage(world, content)

    with pytest.raises(Impossible) as refused:
        asking.confirm_upload(import_id=job.pk, actor="alice", symbol="EURUSD")

    assert refused.value.code == code


def test_a_broken_parquet_fails_in_words(world):
    job = imported(world, b"PAR1" + bytes(range(200)))

    assert (job.status, job.problem["code"]) == ("FAILED", "DATA_BINARY")


def test_a_foreign_parquet_is_examined_like_any_file(world):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    times = [START + timedelta(hours=i) for i in (0, 1, 1, 2)]
    made = io.BytesIO()
    pq.write_table(
        pa.table({"Timestamp": times, **{name: [1.0] * 4 for name in ("Open", "High", "Low", "Close")}}), made
    )

    assert imported(world, made.getvalue()).problem["code"] == "DATA_FAULTY"
    assert imported(world, made.getvalue(), policy="KEEP_FIRST").dataset.bar_count == 3


def test_parts_of_a_long_parquet_are_read_by_time():
    bars = read_bars(io.BytesIO(text_of(600))).bars
    made = io.BytesIO()
    write_parquet(bars, made, symbol="EURUSD")

    for start, stop in ((0, 600), (17, 300), (599, 600), (5, 5)):
        limits = {"start_s": int(bars.time[start]), "end_s": int(bars.time[0]) + 60 * stop}
        assert np.array_equal(read_parquet(made, **limits).time, bars.time[start:stop])


def test_an_import_nobody_reads_yet_is_cancelled_at_once(world, tmp_path, django_capture_on_commit_callbacks):
    job = stage(world, text_of())

    with django_capture_on_commit_callbacks(execute=True):
        asking.cancel_import(import_id=job.pk, actor="alice", at=read_at())

    job.refresh_from_db()
    assert (job.status, job.upload) == ("CANCELLED", "")
    assert not list((tmp_path / "imports").iterdir())
    with pytest.raises(Conflict):
        asking.cancel_import(import_id=job.pk, actor="alice", at=read_at())


def test_an_import_that_is_being_read_ends_at_its_next_block(world, monkeypatch):
    job = stage(world, text_of())
    asking.confirm_upload(import_id=job.pk, actor="alice", symbol="EURUSD")
    read = importing.read_source

    def cancelled_meanwhile(claimed, on_progress):
        asking.cancel_import(import_id=claimed.pk, actor="alice", at=read_at())
        return read(claimed, on_progress)

    monkeypatch.setattr(importing, "read_source", cancelled_meanwhile)

    assert importing.run_import(import_id=job.pk, at=read_at()) == "CANCELLED"
    assert not Dataset.objects.exists()


def test_a_second_worker_leaves_a_claimed_import_alone(world):
    job = imported(world)

    assert importing.run_import(import_id=job.pk, at=read_at()) == "DONE"
    assert DatasetImport.objects.get().attempt == 1


def test_what_a_killed_worker_left_is_queued_again_and_given_up_after_three(world):
    job = stage(world, text_of())
    asking.confirm_upload(import_id=job.pk, actor="alice", symbol="EURUSD")
    for attempt in (1, 2, 3):
        DatasetImport.objects.update(status="READING", attempt=attempt, seen_at=read_at() - timedelta(minutes=5))
        assert importing.requeue_silent(at=read_at()) == 1

    job.refresh_from_db()
    assert (job.status, job.problem["code"]) == ("FAILED", "IMPORT_INTERRUPTED")


def test_a_worker_that_lives_keeps_its_import(world):
    stage(world, text_of())
    DatasetImport.objects.update(status="READING", attempt=1, seen_at=read_at() - timedelta(minutes=1))

    assert importing.requeue_silent(at=read_at()) == 0


def test_no_more_than_five_imports_are_under_way(world):
    DatasetImport.objects.bulk_create(
        DatasetImport(team=world.team, source="UPLOAD", status="QUEUED") for _ in range(asking.MOST_LIVE_IMPORTS)
    )

    with pytest.raises(Conflict, match="5 imports"):
        stage(world, text_of())


def test_a_file_beyond_the_limit_is_refused_unread(world):
    with pytest.raises(Impossible) as refused:
        asking.stage_upload(
            team_id=world.team.pk, actor="a", file=io.BytesIO(), file_name="x", size_bytes=asking.MOST_UPLOAD_BYTES + 1
        )

    assert refused.value.code == "DATA_TOO_LARGE"


def test_bars_that_agents_sent_become_a_dataset(world):
    account = fleet.make_account(world.team)
    Bar.objects.bulk_create(
        Bar(
            account=account, symbol="EURUSD", timeframe="M5", opens_at=START + timedelta(minutes=5 * i),
            open=Decimal("1.10001"), high=Decimal("1.2"), low=1, close=Decimal("1.1"), volume=i, spread_points=7,
        )
        for i in range(50)
    )  # fmt: skip

    with pytest.raises(Impossible) as refused:
        asking.ask_from_terminal(account=account, actor="alice", symbol="GBPUSD", timeframe="M5")
    job = asking.ask_from_terminal(account=account, actor="alice", symbol="EURUSD", timeframe="M5")
    importing.run_import(import_id=job.pk, at=read_at())
    job.refresh_from_db()

    bars = load_bars(job.dataset)
    assert refused.value.code == "NO_BARS"
    assert (len(bars), bars.open[0], bars.spread_points[0], bars.volume[-1]) == (50, 1.10001, 7, 49)
    assert job.dataset.source == "TERMINAL"


@pytest.mark.parametrize(("source", "queue"), [("UPLOAD", "compute"), ("EXCHANGE", "default")])
def test_files_are_read_beside_backtests_and_exchanges_are_waited_for_elsewhere(source, queue):
    from config.celery import app

    assert app.amqp.router.route({}, asking.TASKS[source])["queue"].name == queue


def test_a_task_reads_the_import_it_is_told_of(world):
    from apps.market import tasks

    job = stage(world, text_of())
    asking.confirm_upload(import_id=job.pk, actor="alice", symbol="EURUSD")

    assert tasks.import_dataset(import_id=str(job.pk), something_new=1) == "DONE"
    assert tasks.fetch_dataset(import_id=str(job.pk)) == "DONE"
    assert tasks.requeue_imports() == 0
