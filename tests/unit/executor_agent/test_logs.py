"""What is written for people holds no secret, whatever goes wrong."""

import json
import logging

from executor_agent.logs import configure_logs, get_log


def test_no_secret_in_a_line_and_no_local_variable_in_a_traceback(tmp_path):
    path = tmp_path / "agent.log"
    configure_logs(path)

    def fail(local_secret: str) -> None:
        raise ValueError("broken")

    try:
        fail("hunter2-in-a-local")
    except ValueError:
        get_log().exception("STEP_FAILED", api_secret="hunter2", password="hunter2", part="feed")
    logging.getLogger("executor_agent").handlers[-1].flush()

    line = json.loads(path.read_text())
    assert (line["event"], line["part"], line["api_secret"]) == ("STEP_FAILED", "feed", "(hidden)")
    assert "broken" in path.read_text()
    assert "hunter2" not in path.read_text()
