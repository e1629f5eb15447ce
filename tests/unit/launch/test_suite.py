"""How `go.py test` divides the tests between its lanes."""

from config.launch.suite import JOURNEYS, other_journeys


def test_the_lane_of_journeys_is_told_every_file_that_has_one():
    assert JOURNEYS[-1] == "tests/journeys"
    assert "tests/parity/test_restarted_agent.py" in other_journeys()
    assert not [name for name in other_journeys() if name.startswith("tests/journeys/")]
