"""Reports of the laboratory as plain JSON values."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any

import numpy as np


def as_plain(value: Any) -> Any:
    """
    Return objects as dicts, enums as their text, Decimals as numbers, dates as ISO text, arrays and tuples as lists.

    Keys become text, as JSON would make them.

    >>> as_plain({5: (Decimal("1.50"), date(2026, 1, 5))})
    {'5': [1.5, '2026-01-05']}
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return as_plain(value._asdict())
    if isinstance(value, dict):
        return {str(as_plain(name)): as_plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, date) else value
