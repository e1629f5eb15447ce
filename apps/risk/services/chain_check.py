"""The chain of a log by itself: each line after the one before it, the head where it should be, what was signed in its place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from apps.risk.models import Decision
from apps.risk.services.decision_log import hash_line
from apps.risk.services.signing import Anchor


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and with which line (0: with none, such as a log that ends too early)."""

    number: int
    code: str
    message: str

    def __str__(self) -> str:
        return self.message


class ChainCheck:
    """
    Looks at lines once, in order.

    :param first: the number the first line must have, after a line whose hash is `previous`.
    :param anchors: signed heads in the order of their lines; those before `first` are not looked at.
    """

    def __init__(self, *, first: int = 1, previous: str = "", anchors: Iterable[Anchor]) -> None:
        self.first, self.previous, self.count, self.is_broken, self.anchored = first, previous, 0, False, 0
        self._anchors = (anchor for anchor in anchors if anchor.number >= first)
        self._signed = next(self._anchors, None)

    def follow(self, lines: Iterable[Decision], head: tuple[int, str]) -> Iterator[Fault]:
        """Look at the next lines; a hole ends it, since all lines after it would be at fault."""
        for line in lines:
            expected = self.first + self.count
            if line.number != expected:
                self.is_broken = True
                yield Fault(expected, "LINE_MISSING", f"line {expected} is missing, found {line.number}")
                return
            self.count += 1
            yield from self._check(line, head)
            self.previous = line.hash

    def end(self, before: tuple[int, str], after: tuple[int, str]) -> Iterator[Fault]:
        """Say what is wrong with the end of the log: `before` and `after` are the heads before and after it was read."""
        last = self.first + self.count - 1
        if not before[0] <= last <= after[0]:
            yield Fault(0, "LENGTH_DIFFERS", f"the log has {last} lines, the account says {after[0]}")
        elif last == 0 and after[1]:
            yield Fault(0, "HEAD_DIFFERS", "the last line is not the one the account knows")
        while self._signed is not None:
            yield from self._pass_by()

    def _check(self, line: Decision, head: tuple[int, str]) -> Iterator[Fault]:
        number = line.number
        if line.previous_hash != self.previous:
            yield Fault(number, "LINE_MOVED", f"line {number} does not follow the line before it")
        if line.hash != hash_line(line.previous_hash, line.body):
            yield Fault(number, "LINE_CHANGED", f"line {number} was changed")
        if number == head[0] and line.hash != head[1]:
            yield Fault(number, "HEAD_DIFFERS", "the last line is not the one the account knows")
        while self._signed is not None and self._signed.number < number:
            yield from self._pass_by()
        while self._signed is not None and self._signed.number == number:
            yield from self._hold_against(line, self._signed)
            self._signed = next(self._anchors, None)

    def _hold_against(self, line: Decision, anchor: Anchor) -> Iterator[Fault]:
        self.anchored += 1
        if anchor.problem:
            yield Fault(line.number, "ANCHOR_INVALID", f"the anchor of line {line.number}: {anchor.problem}")
        elif anchor.head != line.hash:
            message = f"line {line.number} is not the one that was signed at {anchor.at}"
            yield Fault(line.number, "ANCHOR_DIFFERS", message)

    def _pass_by(self) -> Iterator[Fault]:
        signed, self._signed = self._signed, next(self._anchors, None)
        if signed is not None:
            message = f"line {signed.number} was anchored at {signed.at} and is not there"
            yield Fault(signed.number, "ANCHOR_WITHOUT_LINE", message)
