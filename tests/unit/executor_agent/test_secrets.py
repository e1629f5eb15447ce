"""Secrets come from a keyring, a file that only we may read, or the configuration; anything else is refused in words."""

from __future__ import annotations

import getpass
import os

import keyring
import keyring.backend
import keyring.errors
import pytest

from executor_agent.__main__ import main
from executor_agent.config import read_config
from executor_agent.errors import ConfigError

CONFIG = """
[server]
url = "https://mikrobot.example"
api_key = "exe_1"
{secret}
executor_id = "exr_1"

[terminal]
login = 5000001
password = "p"
server = "Broker-Demo"

[agent]
data_dir = "data"
"""


class Drawer(keyring.backend.KeyringBackend):
    """A keyring in memory, behind the real library."""

    priority = 1

    def __init__(self):
        self.kept = {}

    def get_password(self, service, username):
        return self.kept.get((service, username))

    def set_password(self, service, username, password):
        self.kept[service, username] = password

    def delete_password(self, service, username):
        del self.kept[service, username]


class Locked(Drawer):
    def get_password(self, service, username):
        raise keyring.errors.KeyringLocked("the keyring is locked")


@pytest.fixture
def drawer():
    before = keyring.get_keyring()
    drawer = Drawer()
    keyring.set_keyring(drawer)
    yield drawer
    keyring.set_keyring(before)


def write(tmp_path, secret):
    path = tmp_path / "agent.toml"
    path.write_text(CONFIG.format(secret=secret), "utf-8")
    return path


def test_a_secret_that_was_kept_is_read_from_the_keyring(tmp_path, drawer, monkeypatch, capsys):
    path = write(tmp_path, "api_secret_keyring = true")
    monkeypatch.setattr(getpass, "getpass", lambda prompt: "very secret")

    assert main(["keep", "--config", str(path)]) == 0

    assert read_config(path).server.api_secret == "very secret"
    assert "very secret" not in capsys.readouterr().out
    assert drawer.kept == {("mikrobot-agent", "api_secret of exr_1"): "very secret"}


def test_a_keyring_without_the_secret_says_how_to_keep_it(tmp_path, drawer):
    with pytest.raises(ConfigError, match="mikrobot-agent keep"):
        read_config(write(tmp_path, "api_secret_keyring = true"))


def test_a_locked_keyring_is_said(tmp_path, drawer):
    keyring.set_keyring(Locked())

    with pytest.raises(ConfigError, match="the keyring is locked"):
        read_config(write(tmp_path, "api_secret_keyring = true"))


@pytest.mark.skipif(os.name != "posix", reason="Windows keeps who may read a file elsewhere")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_secret_file_that_others_may_read_is_refused(tmp_path, mode):
    (tmp_path / "secret.txt").write_text("very secret\n", "utf-8")
    (tmp_path / "secret.txt").chmod(mode)
    path = write(tmp_path, 'api_secret_file = "secret.txt"')

    with pytest.raises(ConfigError, match="chmod 600"):
        read_config(path)

    (tmp_path / "secret.txt").chmod(0o600)
    assert read_config(path).server.api_secret == "very secret"


def test_nothing_to_keep_is_said(tmp_path, capsys):
    assert main(["keep", "--config", str(write(tmp_path, 'api_secret = "s"'))]) == 2
    assert "nothing to keep" in capsys.readouterr().err
