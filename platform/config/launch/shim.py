"""
Become another program, bound to the life of the process that started this one.

Run by path as `python -I -S shim.py PARENT DEATH_SIGNAL UID GID SEARCH COMMAND ...`, standard library only. Linux sends
DEATH_SIGNAL to the program when the launcher ends in whatever way, `kill -9` included. This is a program of its own
and no `preexec_fn`, since Python code between fork and exec may deadlock.
"""

import contextlib
import ctypes
import os
import signal
import struct
import sys

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAPABILITY_VERSION_3 = 0x20080522
CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2


def main(argv: list[str]) -> None:
    """Drop to the account asked for, bind to the parent, and exec."""
    parent, death_signal, uid, gid, search = (int(part) for part in argv[:5])
    if uid >= 0:
        drop_to(uid, gid, keep_search=bool(search))
    if sys.platform == "linux":
        # After the change of account, which would clear it.
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent:  # the launcher ended before the line above
            sys.exit(128 + signal.SIGTERM)
    os.execv(argv[5], argv[5:])  # noqa: S606 - becoming the program is the purpose


def drop_to(uid: int, gid: int, *, keep_search: bool) -> None:
    """
    Give up root for an existing account.

    With `keep_search` the program may still pass folders that only root may enter (a checkout below /root): it keeps
    one capability instead of having permissions of the machine changed for it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if keep_search:
        libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    if keep_search and not (keep(libc, CAP_DAC_READ_SEARCH) or keep(libc, CAP_DAC_OVERRIDE)):
        sys.exit("this root may not pass on the right to enter its own folders")


def keep(libc: ctypes.CDLL, capability: int) -> bool:
    """Keep one capability over exec; containers withhold some, so tell whether it worked."""
    header = struct.pack("<Ii", CAPABILITY_VERSION_3, 0)
    bit = 1 << capability
    wanted = struct.pack("<6I", bit, bit, bit, 0, 0, 0)  # effective, permitted, inheritable
    is_kept = libc.capset(header, wanted) == 0
    return bool(is_kept and libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) == 0)


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        main(sys.argv[1:])
