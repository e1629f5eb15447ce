"""What the process itself uses, without a library."""

from __future__ import annotations

import os
import sys
import threading


def read_rss_bytes() -> int:
    """Return the memory this process holds [bytes]; its largest so far where the system tells no more; 0 where it does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return _read_peak_bytes()


def _read_peak_bytes() -> int:
    if sys.platform == "win32":
        return _read_windows_bytes()
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024


def _read_windows_bytes() -> int:
    import ctypes

    class Counters(ctypes.Structure):
        _fields_ = [
            ("cb", ctypes.c_ulong),
            ("faults", ctypes.c_ulong),
            *((name, ctypes.c_size_t) for name in "abcdefgh"),
        ]

    counters = Counters()
    counters.cb = ctypes.sizeof(counters)
    load = getattr(ctypes, "WinDLL")  # noqa: B009  (exists on Windows only)
    windows, kernel = load("psapi"), load("kernel32")
    kernel.GetCurrentProcess.restype = ctypes.c_void_p  # a handle is as wide as a pointer
    windows.GetProcessMemoryInfo.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_ulong]
    if not windows.GetProcessMemoryInfo(kernel.GetCurrentProcess(), ctypes.byref(counters), counters.cb):
        return 0
    return int(counters.b)


def count_threads() -> int:
    """Return the threads of this process that Python knows."""
    return threading.active_count()
