import os
import subprocess
import sys
import time
from dataclasses import replace

import psutil
import pytest

from config.launch import data_dir, postgres
from config.launch.data_dir import DataDir
from config.launch.errors import LaunchError
from config.launch.journal import LaunchJournal
from config.launch.supervisor import Supervisor
from config.launch.testing import EMBEDDED_REDIS, redis_of_worker


@pytest.fixture
def data(tmp_path):
    return DataDir.open(tmp_path)


def test_a_cluster_that_was_interrupted_half_way_is_made_anew(data):
    half = data.root / "postgres-home" / "cluster"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("1")
    files = postgres.locate(data)

    assert postgres.create_cluster(data, files)

    assert (files.cluster / "PG_VERSION").read_text().strip() != "1"
    assert not (data.root / "postgres-home").exists()
    assert not postgres.create_cluster(data, files)


def test_data_of_a_version_that_is_not_here_are_refused_by_name(data):
    cluster = data.root / "postgres"
    cluster.mkdir()
    (cluster / "PG_VERSION").write_text("9\n")

    with pytest.raises(LaunchError, match="made by PostgreSQL 9"):
        postgres.locate(data)


def test_a_pid_file_that_names_another_program_is_removed_and_the_program_spared(data):
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        files = postgres.PostgresFiles(postgres.find_binaries(), data.root / "postgres", None)
        files.cluster.mkdir()
        (files.cluster / "postmaster.pid").write_text(f"{stranger.pid}\n{files.cluster}\n")

        postgres.stop_leftover(files)

        assert stranger.poll() is None
        assert not (files.cluster / "postmaster.pid").exists()
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root lends an account")
def test_root_lends_postgresql_an_unprivileged_account(data):
    files = postgres.locate(data)

    assert files.account is not None
    assert files.account.uid > 0


def test_every_test_worker_gets_its_own_queue_database():
    shared = {EMBEDDED_REDIS: "redis://:word@127.0.0.1:6379/0"}

    assert redis_of_worker(shared) is None
    assert redis_of_worker(shared | {"PYTEST_XDIST_WORKER": "gw0"}) == "redis://:word@127.0.0.1:6379/1"
    assert redis_of_worker(shared | {"PYTEST_XDIST_WORKER": "gw1"}) == "redis://:word@127.0.0.1:6379/2"


def test_the_way_of_windows_serves_is_watched_and_ends_in_order(data):
    """Run on any system: a wrapper that lives as long as the server that pg_ctl starts."""
    files = postgres.locate(data)
    if files.account:  # the wrapper's Python may lie where the account may not go
        files = replace(files, account=replace(files.account, keep_search=True))
    postgres.create_cluster(data, files)
    port = data_dir.free_port()
    settings = ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
    spec = replace(postgres.server(files, port), argv=postgres.by_pg_ctl(files, port, settings))
    spec = replace(spec, env={"PYTHONPATH": os.pathsep.join(sys.path)})
    journal = LaunchJournal(data.log_of("launcher"))
    supervisor = Supervisor(data, journal)
    try:
        child = supervisor.start(spec)
        supervisor.wait_until(lambda: postgres.is_ready(files), of=child)
        postgres.create_database(data, port)
        server = psutil.Process(int((files.cluster / "postmaster.pid").read_text().split()[0]))

        child.ask_to_stop()

        assert child.wait_or_kill(time.monotonic() + 15)
        assert child.exit_code == 0
        assert not server.is_running() or server.status() == psutil.STATUS_ZOMBIE
        assert not (files.cluster / "postmaster.pid").exists()
    finally:
        supervisor.stop_all([])
        journal.close()
