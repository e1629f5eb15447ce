"""What a study consists of: its settings as the core reads them, and its parts. Each kind has a planner."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from apps.backtests.limits import Allowance
from apps.backtests.models import ChunkStage, Run, StudyKind
from apps.common.codes import Code
from apps.common.errors import Impossible
from trading.errors import TradingError
from trading.model.instrument import to_decimal
from trading.risk.presets import preset


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


Planner = Callable[[Run, Mapping[str, Any], Allowance], StudyPlan]


def make_plan(kind: str, run: Run, settings: Mapping[str, Any], allowance: Allowance) -> StudyPlan:
    """
    Return what a study consists of.

    :raises Impossible: where the settings cannot be, or ask for more than the team's tier allows; with the field.
    """
    try:
        return PLANNERS[StudyKind(kind)](run, settings, allowance)
    except TradingError as error:
        path = f"settings.{error.field}" if error.field else "settings"
        raise Impossible(error.code, error.message, path, error.extra) from error


def plan_challenge(run: Run, settings: Mapping[str, Any], allowance: Allowance) -> StudyPlan:
    """Read `pack`, `size`, `compounding`, `paths`, `days`, `by` (day or trade), `seed`."""
    read = Settings(settings, ("pack", "size", "compounding", "optional_rules", "paths", "days", "by", "seed"))
    pack = preset(read.text("pack", "ftmo_2step"))
    pack.require_complete()
    size = read.number("size", run.balance, least=1, most=10**9)
    for phase in pack.phases:  # a firm sells accounts of certain sizes: said now, not by the worker
        for rule in (pack.max_loss_in(phase), pack.daily_loss_in(phase)):
            if rule is not None:
                rule.allowance.of(size, size=size)
    given = {
        "pack": pack.pack_id,
        "pack_hash": pack.content_hash,
        "size": f"{size.normalize():f}",
        "compounding": read.flag("compounding", is_sized_by_risk(run.document)),
        "optional_rules": read.flag("optional_rules", True),
        "paths": read.whole("paths", min(5_000, allowance.paths), least=50, most=allowance.paths),
        "days": read.whole("days", 250, least=5, most=1000),
        "by": read.choice("by", "day", ("day", "trade")),
        "seed": read.whole("seed", 0, least=0, most=2**31 - 1),
    }
    return StudyPlan(given, [Part()])


def is_sized_by_risk(document: Mapping[str, Any]) -> bool:
    """
    Tell whether positions follow the balance; those of a fixed lot size do not.

    >>> is_sized_by_risk({"risk": {"maxRisk": 1}}), is_sized_by_risk({"risk": {"lotSize": 0.1}})
    (True, False)
    """
    risk = document.get("risk", {})
    return isinstance(risk, Mapping) and risk.get("maxRisk") is not None and risk.get("lotSize") is None


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

    def number(self, name: str, default: Decimal, *, least: Any, most: Any) -> Decimal:
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

    def mapping(self, name: str) -> dict[str, Any]:
        """Return an object, empty if absent."""
        value = self._given.get(name, {})
        if not isinstance(value, dict):
            raise _wrong(name, "An object is needed.")
        return value


def _wrong(name: str, message: str, allowed: list[str] | None = None) -> Impossible:
    extra = {"allowed": allowed} if allowed else None
    return Impossible(Code.FIELD_INVALID, message, f"settings.{name}", extra)


PLANNERS: dict[StudyKind, Planner] = {StudyKind.CHALLENGE: plan_challenge}
