"""The data directory: its layout, its lock, its secrets and the ports it remembers."""

from __future__ import annotations

import json
import os
import secrets
import socket
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from config.launch.errors import DataDirectoryBusy, LaunchError


@dataclass(frozen=True)
class DataDir:
    """One installation's data, below one folder that only its owner may read."""

    root: Path

    @classmethod
    def open(cls, root: Path) -> DataDir:
        """
        Make the folders that are missing.

        :raises LaunchError: if the folder cannot be written.
        """
        data = cls(root.expanduser().resolve())
        try:
            # 0711 for root: the account PostgreSQL drops to must pass through to its own folder, and see no more.
            data.root.mkdir(parents=True, exist_ok=True, mode=0o711 if is_root() else 0o700)
            for folder in (data.logs, data.run):
                folder.mkdir(exist_ok=True, mode=0o700)
        except OSError as problem:
            raise LaunchError(f"The data directory {data.root} cannot be used: {problem}") from problem
        return data

    @property
    def logs(self) -> Path:
        """One log file per process."""
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """What is running now: one small file per process."""
        return self.root / "run"

    def log_of(self, process: str) -> Path:
        """Return the log of a process: JSON lines, each with an `event`."""
        return self.logs / f"{process}.log"

    def output_of(self, process: str) -> Path:
        """Return the file for whatever else a process prints: banners, warnings, another program's own log."""
        return self.logs / f"{process}.out"

    def secret(self, name: str) -> str:
        """Return a secret of this installation, made at first use and kept in a file of mode 0600."""
        return str(self._remember("secrets.json", name, lambda: secrets.token_urlsafe(32)))

    def port(self, name: str) -> int:
        """Return a free loopback port for a service: the one it had last time, or a new one if that is taken."""
        known = self.read("ports.json")
        port = known.get(name)
        if not isinstance(port, int) or not is_free(port):
            port = free_port(avoid=(other for other in known.values() if isinstance(other, int)))
            self.write("ports.json", known | {name: port})
        return port

    def read(self, name: str) -> dict[str, Any]:
        """Return a JSON object kept here, or an empty one."""
        try:
            found = json.loads((self.root / name).read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except ValueError as problem:
            raise LaunchError(f"{self.root / name} is not readable JSON: {problem}") from problem
        return found if isinstance(found, dict) else {}

    def write(self, name: str, content: dict[str, Any]) -> None:
        """Keep a JSON object here, readable by the owner only; a kill leaves the old or the new one."""
        write_private(self.root / name, json.dumps(content, indent=1) + "\n")

    def _remember(self, file: str, name: str, make: Any) -> Any:
        known = self.read(file)
        if name not in known:
            known[name] = make()
            self.write(file, known)
        return known[name]


def write_private(path: Path, text: str) -> None:
    """Replace a file as a whole by one of mode 0600."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def lock(data: DataDir) -> IO[bytes]:
    """
    Take the data directory for this process; the lock goes with the returned file, also after `kill -9`.

    :raises DataDirectoryBusy: if another launcher has it.
    """
    file = (data.root / "launcher.lock").open("a+b")
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        owner = data.read("run/launcher.json").get("pid", "unknown")
        file.close()
        raise DataDirectoryBusy(
            f"The data directory {data.root} is in use by another run (process {owner}). "
            "Stop that one, or give this one its own with --data-dir and --port."
        ) from None
    return file


def is_root() -> bool:
    """Tell whether this is root on a POSIX system."""
    return sys.platform != "win32" and os.geteuid() == 0


def is_free(port: int) -> bool:
    """Tell whether a loopback port can be bound now."""
    with socket.socket() as probe:
        if sys.platform != "win32":  # there the option would let two programs share the port
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port(avoid: Iterable[int] = ()) -> int:
    """Return a loopback port that nobody uses and that is none of `avoid`."""
    taken = set(avoid)
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port not in taken:
            return port
