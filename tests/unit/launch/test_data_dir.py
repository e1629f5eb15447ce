import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from config.launch import data_dir
from config.launch.data_dir import DataDir
from config.launch.errors import DataDirectoryBusy, LaunchError


@pytest.fixture
def data(tmp_path):
    return DataDir.open(tmp_path / "data")


def test_a_secret_is_made_once_and_readable_by_its_owner_only(data):
    first = data.secret("api_secret_key")

    assert data.secret("api_secret_key") == first
    assert DataDir.open(data.root).secret("api_secret_key") == first
    assert data.secret("key_pepper") != first
    assert (data.root / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_every_installation_has_its_own_secrets(data, tmp_path):
    other = DataDir.open(tmp_path / "other")

    assert data.secret("api_secret_key") != other.secret("api_secret_key")


def test_a_port_is_remembered_while_it_is_free(data):
    port = data.port("postgres")

    assert data.port("postgres") == port
    assert data.port("valkey") != port


def test_a_port_that_somebody_took_is_replaced(data):
    port = data.port("postgres")
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()

        assert data.port("postgres") != port


def test_a_private_file_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "secret"
    path.write_text("older and longer")
    path.chmod(0o644)

    data_dir.write_private(path, "new")

    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["secret"]


def test_a_file_that_is_no_json_is_named(data):
    (data.root / "ports.json").write_text("{torn")

    with pytest.raises(LaunchError, match=r"ports\.json"):
        data.port("postgres")


def test_a_data_directory_is_given_to_one_launcher_only(data):
    with data_dir.lock(data), pytest.raises(DataDirectoryBusy, match="--data-dir"):
        data_dir.lock(data)

    data_dir.lock(data).close()


def test_a_killed_launcher_gives_its_data_directory_back(data):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(data.root)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert holder.stdout.readline() == b"locked\n"
    with pytest.raises(DataDirectoryBusy):
        data_dir.lock(data)

    holder.send_signal(signal.SIGKILL)
    holder.communicate()

    data_dir.lock(data).close()


HOLD = """
import sys, time
from pathlib import Path
from config.launch import data_dir
data = data_dir.DataDir.open(Path(sys.argv[1]))
held = data_dir.lock(data)
print("locked", flush=True)
time.sleep(60)
"""


def test_a_folder_that_cannot_be_written_is_said_so(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(LaunchError, match="cannot be used"):
        DataDir.open(Path(tmp_path / "file" / "data"))
