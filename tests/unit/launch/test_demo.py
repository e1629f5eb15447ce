import tomllib
from pathlib import Path

import pytest

from config.launch.demo import point_agent
from config.launch.errors import LaunchError

LOG = Path("data") / "logs" / "agent.log"
CONFIG = """
[server]
url = "http://127.0.0.1:8000"
api_key = "exe_one"
[terminal]
module = "simulator.mt5"
path = "sim://127.0.0.1:1"   # path = "not this"
login = 5000001
[agent]
log_file = "elsewhere.log"
[other]
url = "kept"
path = "kept"
"""


def test_the_agent_is_pointed_to_this_starts_addresses(tmp_path):
    config = tmp_path / "agent.toml"
    config.write_text(CONFIG)

    point_agent(config, server_url="http://127.0.0.1:8123", terminal_path="sim://127.0.0.1:4567", log_file=LOG)

    found = tomllib.loads(config.read_text())
    assert found["server"] == {"url": "http://127.0.0.1:8123", "api_key": "exe_one"}
    assert found["terminal"] == {"module": "simulator.mt5", "path": "sim://127.0.0.1:4567", "login": 5000001}
    assert found["agent"] == {"log_file": str(LOG)}
    assert found["other"] == {"url": "kept", "path": "kept"}
    assert config.stat().st_mode & 0o777 == 0o600


def test_a_configuration_without_the_line_is_refused_and_kept(tmp_path):
    config = tmp_path / "agent.toml"
    text = CONFIG.replace('url = "http', '# url = "http')
    config.write_text(text)

    with pytest.raises(LaunchError, match=r"\[server\] url"):
        point_agent(config, server_url="http://127.0.0.1:8123", terminal_path="sim://127.0.0.1:4567", log_file=LOG)

    assert config.read_text() == text
