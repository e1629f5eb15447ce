import pytest

from config.launch.options import parse


def test_the_defaults_show_the_demo_on_port_8000():
    options = parse([])

    assert (options.port, options.demo, options.json, options.speed, options.replay) == (8000, True, False, None, None)
    assert options.data_dir.name == ".data"


def test_options_arrive(tmp_path):
    bars = tmp_path / "EURUSD_M1.csv"
    bars.write_text("time,open,high,low,close,volume\n")

    options = parse(["--port", "8123", "--speed", "600", "--replay", str(bars), "--data-dir", str(tmp_path), "--json"])

    assert (options.port, options.speed, options.replay, options.json) == (8123, "600", bars, True)


@pytest.mark.parametrize(
    "words",
    [
        ["--port", "70000"],
        ["--port", "-1"],
        ["--port", "http"],
        ["--speed", "0"],
        ["--speed", "nan"],
        ["--speed", "inf"],
        ["--speed", "-5"],
        ["--speed", "fast"],
        ["--replay", "no-such-file.csv"],
        ["--no-demo", "--speed", "60"],
        ["--unknown"],
    ],
)
def test_impossible_options_are_refused_with_code_2(words, capsys):
    with pytest.raises(SystemExit) as refusal:
        parse(words)

    assert refusal.value.code == 2
    assert "error:" in capsys.readouterr().err
