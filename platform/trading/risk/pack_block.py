"""One object of a rule pack's document, read field by field; every refusal names its path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from trading.risk.packs import Allowance, InvalidPack

MOST_DAYS: Final = 3_660
_LARGEST: Final = Decimal("1e12")


class Block:
    """
    One object of the document, read by name.

    :param known: the names it may have.
    :raises InvalidPack: if ``value`` is no object or has an unknown name. So do all readers, for values that can never be right.
    """

    def __init__(self, path: str, value: Any, known: frozenset[str]) -> None:
        self.path = path
        if not isinstance(value, Mapping):
            raise InvalidPack(f"{path or 'a rule pack'} must be an object, was {value!r}", field=path or None)
        for name in value:
            if name not in known:
                raise InvalidPack(
                    f"{self.at(str(name))} is not a field of a rule pack",
                    field=self.at(str(name)),
                    extra={"allowed": sorted(known)},
                )
        self._value = value

    def __contains__(self, name: str) -> bool:
        return self._value.get(name) is not None

    def at(self, name: str) -> str:
        """Return the path of one of its fields."""
        return f"{self.path}.{name}" if self.path else name

    def block(self, name: str, known: frozenset[str]) -> Block | None:
        """Return an object inside it, None where it is absent or null."""
        return Block(self.at(name), self._value[name], known) if name in self else None

    def items(self, name: str) -> list[tuple[str, Any]]:
        """Return the items of a list with their paths."""
        value = self._value.get(name) or []
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise InvalidPack(f"{self.at(name)} must be a list, was {value!r}", field=self.at(name))
        return [(f"{self.at(name)}.{number}", item) for number, item in enumerate(value)]

    def text(self, name: str, *, required: bool = False) -> str:
        """Return a text, empty where it is absent."""
        value = self._value.get(name, "")
        if not isinstance(value, str) or (required and not value.strip()):
            raise InvalidPack(f"{self.at(name)} must be text, was {value!r}", field=self.at(name))
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of names."""
        found = tuple(item for _, item in self.items(name))
        if not all(isinstance(item, str) for item in found):
            raise InvalidPack(f"{self.at(name)} must be a list of names", field=self.at(name))
        return found

    def choice(self, name: str, allowed: Mapping[str, str], default: str | None = None) -> str:
        """Return what ``allowed`` says for one of its words."""
        value = self._value.get(name, default)
        if not isinstance(value, str) or value.lower() not in allowed:
            raise InvalidPack(
                f"{self.at(name)} must be one of {', '.join(allowed)}, was {value!r}",
                field=self.at(name),
                extra={"allowed": list(allowed)},
            )
        return allowed[value.lower()]

    def flag(self, name: str) -> bool:
        """Return true or false; false where it is absent."""
        value = self._value.get(name, False)
        if not isinstance(value, bool):
            raise InvalidPack(f"{self.at(name)} must be true or false, was {value!r}", field=self.at(name))
        return value

    def flag_or_none(self, *names: str) -> bool | None:
        """Return the first of these flags that is present."""
        return next((self.flag(name) for name in names if name in self), None)

    def count(self, name: str, most: int) -> int | None:
        """Return a whole number from 0 to ``most``."""
        value = self._value.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
            raise InvalidPack(
                f"{self.at(name)} must be a whole number from 0 to {most}, was {value!r}", field=self.at(name)
            )
        return value

    def days(self, name: str) -> int | None:
        """Return a number of days, at least one."""
        value = self.count(name, MOST_DAYS)
        if value == 0:
            raise InvalidPack(f"{self.at(name)} must be at least 1, or null for no limit", field=self.at(name))
        return value

    def percent(self, name: str, most: int = 100) -> Decimal | None:
        """Return a percentage as a fraction."""
        value = self._value.get(name)
        if value is None:
            return None
        number = read_number(value)
        if number is None or not 0 < number <= most:
            raise InvalidPack(
                f"{self.at(name)} must be percent above 0 and at most {most}, was {value!r}", field=self.at(name)
            )
        return number / 100

    def table(self, name: str) -> tuple[tuple[Decimal, Decimal], ...]:
        """Return a table of money by account size, smallest account first."""
        block = self._value.get(name)
        if block is None:
            return ()
        if not isinstance(block, Mapping) or not block:
            raise InvalidPack(f"{self.at(name)} must be an object of account sizes and money", field=self.at(name))
        rows = [(read_number(size), read_number(money)) for size, money in block.items()]
        pairs = tuple((size, money) for size, money in rows if size and money and 0 < money <= size)
        if len(pairs) < len(rows):
            raise InvalidPack(
                f"{self.at(name)} must map account sizes to money above 0 and at most that size", field=self.at(name)
            )
        return tuple(sorted(pairs))

    def allowance(self, percent: str, table: str) -> Allowance | None:
        """Return a percentage or a table of money, None where neither is given."""
        fraction, by_size = self.percent(percent), self.table(table)
        if fraction is not None and by_size:
            raise InvalidPack(
                f"give {self.at(percent)} or {self.at(table)}, not both: two limits cannot hold at once",
                field=self.at(table),
            )
        return Allowance(fraction=fraction, by_size=by_size) if fraction is not None or by_size else None


def read_number(value: Any) -> Decimal | None:
    try:
        number = Decimal(str(value)) if not isinstance(value, bool) else None
    except InvalidOperation:
        return None
    return number if number is not None and number.is_finite() and abs(number) <= _LARGEST else None
