"""What the kernel takes away from running processes: room on the disk, memory."""

from __future__ import annotations

import contextlib
import os
import resource
import threading
from collections.abc import Callable, Iterator

import psutil

from tests.faults.rig import Rig

NONE = resource.RLIM_INFINITY
A_LITTLE = 256 * 1024


@contextlib.contextmanager
def full_disk(pids_of: Callable[[], list[int]], largest: int) -> Iterator[None]:
    """
    Let the processes write no file beyond a size, as on a disk without room: the kernel refuses the write (EFBIG).

    :param pids_of: called again and again: who is started meanwhile has a full disk too.
    """

    def limit(most: int) -> None:
        _limit(resource.RLIMIT_FSIZE, dict.fromkeys(pids_of(), most))

    stop = threading.Event()
    thread = threading.Thread(target=lambda: [limit(largest) for _ in iter(lambda: stop.wait(0.1), True)])
    limit(largest)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10)
        limit(NONE)


@contextlib.contextmanager
def no_memory(pids: list[int]) -> Iterator[None]:
    """Let the processes have no memory but what they hold already: every further allocation of some size is refused."""
    held = {}
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            held[pid] = psutil.Process(pid).memory_info().vms + A_LITTLE
    _limit(resource.RLIMIT_AS, held)
    try:
        yield
    finally:
        _limit(resource.RLIMIT_AS, dict.fromkeys(held, NONE))


def family_of(rig: Rig, name: str) -> list[int]:
    """Return one of the platform's processes and its children; nothing while it is away."""
    with contextlib.suppress(psutil.Error, KeyError, OSError):
        pid = rig.pid_of(name)
        return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    return []


def _limit(kind: int, most: dict[int, int]) -> None:
    """
    Set limits, as whoever owns the processes: root of a container may not limit others' (PostgreSQL has an account of its own).

    :raises AssertionError: where it is not allowed.
    """
    child = os.fork()
    if child == 0:
        os._exit(_limit_each(kind, most))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, "processes cannot be limited here"


def _limit_each(kind: int, most: dict[int, int]) -> int:
    try:
        for pid, value in most.items():
            with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError, FileNotFoundError):
                owner = os.stat(f"/proc/{pid}")
                if owner.st_uid != os.geteuid():
                    os.setgroups([])
                    os.setresgid(owner.st_gid, owner.st_gid, owner.st_gid)
                    os.setresuid(owner.st_uid, owner.st_uid, owner.st_uid)
                resource.prlimit(pid, kind, (value, resource.prlimit(pid, kind)[1]))
    except BaseException:
        return 1
    return 0
