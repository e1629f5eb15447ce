import pytest

from config.launch.data_dir import DataDir
from config.launch.errors import LaunchError
from config.launch.market import recording


@pytest.fixture
def data(tmp_path):
    return DataDir.open(tmp_path / "data")


@pytest.fixture
def bars(tmp_path):
    path = tmp_path / "EURUSD_M1.csv"
    path.write_text("time,open,high,low,close,volume\n")
    return path


def test_without_a_recording_the_market_is_the_seeded_one(data):
    assert recording(None, data) is None


def test_a_recording_is_kept_for_later_starts_even_without_its_original(data, bars):
    kept = recording(bars, data)
    text = bars.read_text()
    assert kept.name == bars.name  # the symbol is read from the name
    assert recording(bars, data) == kept

    bars.unlink()

    assert recording(None, data) == kept
    assert kept.read_text() == text


def test_another_recording_in_the_same_data_directory_is_refused(data, bars, tmp_path):
    kept = recording(bars, data)
    bars.write_text("time,open,high,low,close,volume\n2026-01-05 00:00:00,1,1,1,1,1\n")

    with pytest.raises(LaunchError, match="its own with --data-dir"):
        recording(bars, data)

    assert recording(None, data) == kept
