"""What planners of studies share: reading settings by name, and the parts that come of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from apps.backtests.models import ChunkStage
from apps.common.codes import Code
from apps.common.errors import Impossible
from apps.common.wire import to_plain
from trading.model.instrument import to_decimal


@dataclass(frozen=True, slots=True)
class Part:
    """A chunk to be: what stage, what work, and whether it can begin at once."""

    stage: ChunkStage = ChunkStage.GATHER
    number: int = 0
    work: dict[str, Any] = field(default_factory=dict)
    is_ready: bool = True


@dataclass(frozen=True, slots=True)
class StudyPlan:
    """Settings with every default written out, the parts, and how many units of work they are together."""

    settings: dict[str, Any]
    parts: list[Part]
    total: int = 1


class Settings:
    """Reads settings by name; what is unknown or out of range is refused with what would be right."""

    def __init__(self, given: Mapping[str, Any], known: tuple[str, ...]) -> None:
        self._given = given
        for name in given:
            if name not in known:
                raise _wrong(name, f"There is no setting {name!r}: use {', '.join(known)}.", list(known))

    def text(self, name: str, default: str) -> str:
        """Return a text."""
        value = self._given.get(name, default)
        if not isinstance(value, str) or len(value) > 200:
            raise _wrong(name, "A text is needed.")
        return value

    def flag(self, name: str, default: bool) -> bool:
        """Return true or false."""
        value = self._given.get(name, default)
        if not isinstance(value, bool):
            raise _wrong(name, "true or false is needed.")
        return value

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        """Return one of the words allowed."""
        value = self._given.get(name, default)
        if value not in allowed:
            raise _wrong(name, f"Use one of {', '.join(allowed)}.", list(allowed))
        return str(value)

    def number(self, name: str, default: Any, *, least: Any, most: Any) -> Decimal:
        """Return a number within bounds, both included."""
        value = self._given.get(name)
        number = Decimal(default) if value is None else to_decimal(value, field=name)
        if not Decimal(least) <= number <= Decimal(most):
            raise _wrong(name, f"A number from {least} to {most} is needed.")
        return number

    def whole(self, name: str, default: int, *, least: int, most: int) -> int:
        """Return a whole number within bounds, both included."""
        number = self.number(name, Decimal(default), least=least, most=most)
        if number != number.to_integral_value():
            raise _wrong(name, "A whole number is needed.")
        return int(number)

    def texts(self, name: str, *, most: int) -> list[str]:
        """Return a list of at least one text, each once."""
        value = self._given.get(name)
        if not isinstance(value, list) or not 1 <= len(value) <= most:
            raise _wrong(name, f"A list of 1 to {most} is needed.")
        if any(not isinstance(each, str) or len(each) > 80 for each in value) or len(set(value)) < len(value):
            raise _wrong(name, "A list of texts is needed, each once.")
        return value

    def mapping(self, name: str) -> dict[str, Any]:
        """Return an object, empty if absent."""
        value = self._given.get(name, {})
        if not isinstance(value, dict):
            raise _wrong(name, "An object is needed.")
        plain: dict[str, Any] = to_plain(value)
        return plain

    def items(self, name: str) -> list[Any]:
        """Return a list, empty if absent."""
        value = self._given.get(name) or []
        if not isinstance(value, list):
            raise _wrong(name, "A list is needed.")
        plain: list[Any] = to_plain(value)
        return plain


def _wrong(name: str, message: str, allowed: list[str] | None = None) -> Impossible:
    extra = {"allowed": allowed} if allowed else None
    return Impossible(Code.FIELD_INVALID, message, f"settings.{name}", extra)
