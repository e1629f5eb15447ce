"""Which account runs PostgreSQL: it refuses root, so root lends it an existing unprivileged one."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from config.launch.data_dir import is_root
from config.launch.errors import LaunchError

UNPRIVILEGED = ("nobody", "daemon")


@dataclass(frozen=True)
class ServerAccount:
    """An account of this machine, and whether it needs help to reach its own files."""

    name: str
    uid: int
    gid: int
    keep_search: bool = False


def choose_account(data: Path, binaries: Path) -> ServerAccount | None:
    """
    Return the account for PostgreSQL, or None to run it as the current user.

    The owner of an existing database folder stays its owner. `data` is made here and given to the account.

    :raises LaunchError: if no account fits, or if it could not reach its files on this system.
    """
    if sys.platform == "win32" or not is_root():
        if data.exists() and sys.platform != "win32" and data.stat().st_uid != os.geteuid():
            raise LaunchError(f"{data} belongs to another account; run as the user who made it.")
        return None
    data.mkdir(exist_ok=True, mode=0o700)
    account = _existing_owner(data) or _named_account()
    os.chown(data, account.uid, account.gid)
    if _reaches(account, [data, binaries]):
        return account
    if sys.platform != "linux":
        raise LaunchError(
            f"PostgreSQL may not run as root, and the account {account.name!r} cannot reach {data} or {binaries}. "
            "Run as an ordinary user, or put the checkout and --data-dir where others may pass."
        )
    return ServerAccount(account.name, account.uid, account.gid, keep_search=True)


def _existing_owner(data: Path) -> ServerAccount | None:
    import pwd

    owner = data.stat()
    if owner.st_uid == 0:
        return None
    try:
        name = pwd.getpwuid(owner.st_uid).pw_name
    except KeyError:
        name = str(owner.st_uid)
    return ServerAccount(name, owner.st_uid, owner.st_gid)


def _named_account() -> ServerAccount:
    import pwd

    for name in UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid > 0:
            return ServerAccount(name, entry.pw_uid, entry.pw_gid)
    raise LaunchError(
        "PostgreSQL may not run as root, and this machine has neither of the accounts nobody and daemon. "
        "Run as an ordinary user, or set DATABASE_URL."
    )


def _reaches(account: ServerAccount, paths: Sequence[Path]) -> bool:
    # Asked of the kernel by a child in that account: modes alone would miss access lists and mount options.
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(account.gid)
            os.setuid(account.uid)
            os._exit(0 if all(os.access(path, os.R_OK | os.X_OK) for path in paths) else 1)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
