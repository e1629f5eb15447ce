"""Text files as people's editors leave them: Notepad and PowerShell mark UTF-8, and older PowerShells write UTF-16."""

from __future__ import annotations

import codecs
from pathlib import Path

_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_text(path: Path) -> str:
    """
    Return the text of a UTF-8 file, marked or not, or of a marked UTF-16 one.

    :raises OSError: where it cannot be read.
    :raises UnicodeDecodeError: where it is neither.
    """
    data = path.read_bytes()
    return data.decode("utf-16" if data.startswith(_UTF16_MARKS) else "utf-8-sig")
