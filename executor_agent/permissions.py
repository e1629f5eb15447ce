"""Who else on this machine may read a file: by mode where there are modes, by access list on Windows."""

from __future__ import annotations

import getpass
import stat
import sys
from pathlib import Path

# What reading the data is called: the bit itself, generic read, generic all, each also by its letters.
_READING = 0x1 | 0x80000000 | 0x10000000
_READING_LETTERS = frozenset({"CC", "FA", "FR", "GA", "GR"})
# Groups a person never is alone in: everyone, anonymous, guests, users, signed-in, interactive, network, the domain's users.
_GROUPS = frozenset({"WD", "AN", "BG", "BU", "AU", "IU", "NU", "LG", "DU", "DG"})
_GROUPS |= {"S-1-1-0", "S-1-5-7", "S-1-5-11", "S-1-5-4", "S-1-5-2", "S-1-5-32-545", "S-1-5-32-546"}
_DOMAIN_USERS = ("-513", "-514")


def remedy_for(path: Path) -> str:
    """
    Return the command that closes a file to others, or nothing where it is closed.

    :raises OSError: where the file is not there, or nobody can say who may read it.
    """
    if sys.platform == "win32":
        return f'icacls "{path}" /inheritance:r /grant:r "{getpass.getuser()}:R"' if is_open(read_sddl(path)) else ""
    return f"chmod 600 {path}" if stat.S_IMODE(path.stat().st_mode) & 0o077 else ""


def is_open(sddl: str) -> bool:
    """
    Say whether an access list, in Windows' text form, lets one of the large groups read. No list at all lets everybody.

    >>> is_open("D:PAI(A;;FA;;;S-1-5-21-1-2-3-1001)(A;;FA;;;SY)"), is_open("D:AI(A;ID;0x1200a9;;;BU)"), is_open("D:NO_ACCESS_CONTROL")
    (False, True, True)
    """
    if not sddl.startswith("D:") or "NO_ACCESS_CONTROL" in sddl:
        return True
    return any(_lets_a_group_read(entry.split(")")[0]) for entry in sddl.split("(")[1:])


def _lets_a_group_read(entry: str) -> bool:
    kind, flags, rights, _, _, who = (entry.split(";") + [""] * 6)[:6]
    if kind not in ("A", "XA", "OA") or "IO" in [flags[at : at + 2] for at in range(0, len(flags), 2)]:
        return False  # denied, or meant for files below only
    is_group = who in _GROUPS or (who.startswith("S-1-5-21-") and who.endswith(_DOMAIN_USERS))
    return is_group and _is_reading(rights)


def _is_reading(rights: str) -> bool:
    if rights[:2].lower() == "0x":
        return bool(int(rights, 16) & _READING)
    return any(rights[at : at + 2] in _READING_LETTERS for at in range(0, len(rights), 2))


def read_sddl(path: Path) -> str:
    """
    Return a file's access list in text form. Windows only.

    :raises OSError: where Windows does not give it.
    """
    import ctypes
    from ctypes import wintypes

    load = getattr(ctypes, "WinDLL")  # noqa: B009  (exists on Windows only)
    api, kernel = load("advapi32", use_last_error=True), load("kernel32")
    kernel.LocalFree.argtypes, kernel.LocalFree.restype = [ctypes.c_void_p], ctypes.c_void_p
    api.ConvertSecurityDescriptorToStringSecurityDescriptorW.argtypes = [
        *(ctypes.c_void_p, wintypes.DWORD, wintypes.DWORD),
        *(ctypes.POINTER(ctypes.c_void_p), ctypes.c_void_p),
    ]
    api.GetNamedSecurityInfoW.argtypes = [wintypes.LPCWSTR, ctypes.c_int, wintypes.DWORD, *[ctypes.c_void_p] * 5]
    file_object, access_list, revision = 1, 4, 1
    found, text = ctypes.c_void_p(), ctypes.c_void_p()
    failed = api.GetNamedSecurityInfoW(str(path), file_object, access_list, *[None] * 4, ctypes.byref(found))
    if failed:
        raise OSError(failed, f"Windows does not say who may read it (error {failed})", str(path))
    try:
        convert = api.ConvertSecurityDescriptorToStringSecurityDescriptorW
        if not convert(found, revision, access_list, ctypes.byref(text), None):
            raise OSError(0, "Windows does not say who may read it", str(path))
        return ctypes.wstring_at(text.value or 0)
    finally:
        kernel.LocalFree(text)
        kernel.LocalFree(found)
