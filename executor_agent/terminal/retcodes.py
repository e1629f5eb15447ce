"""What the terminal's return codes mean for us. Whatever is not known to be final is unresolved."""

from __future__ import annotations

from enum import StrEnum

from executor_agent.terminal.ports import OrderAnswer

PLACED, DONE, DONE_PARTIAL = 10008, 10009, 10010
INVALID_STOPS, INVALID_FILL, POSITION_CLOSED, NO_CHANGES = 10016, 10030, 10036, 10025
MARKET_CLOSED, TOO_MANY_REQUESTS, LOCKED, FROZEN = 10018, 10024, 10028, 10029
# The request is right, the moment is not: it may go through later, unchanged.
LATER = frozenset({MARKET_CLOSED, TOO_MANY_REQUESTS, LOCKED, FROZEN})
_ASK_AGAIN = frozenset({10004, 10020, 10021})
_REFUSED = frozenset(
    {10006, 10007, 10013, 10014, 10015, 10016, 10017, 10018, 10019, 10022, 10024, 10025, 10026, 10027, 10028, 10029}
    | {10030, 10032, 10033, 10034, 10035, 10036, 10038, 10039, 10040, 10041, 10042, 10043, 10044, 10045, 10046}
)
_TRADING_OFF = frozenset({10017, 10026, 10027, 10032})
# The package itself refused before anything left the machine: wrong arguments, trading by Python switched off.
_NEVER_SENT = frozenset({-2, -8})


class Verdict(StrEnum):
    """What became of a trade request."""

    DONE = "DONE"
    PARTIAL = "PARTIAL"
    REQUOTED = "REQUOTED"
    REJECTED = "REJECTED"
    UNRESOLVED = "UNRESOLVED"


def judge_answer(answer: OrderAnswer) -> Verdict:
    """
    Return what an answer to a market order means.

    >>> judge_answer(OrderAnswer(retcode=10009)), judge_answer(OrderAnswer(retcode=None)), judge_answer(OrderAnswer(retcode=10012))
    (<Verdict.DONE: 'DONE'>, <Verdict.UNRESOLVED: 'UNRESOLVED'>, <Verdict.UNRESOLVED: 'UNRESOLVED'>)
    """
    if answer.retcode == DONE:
        return Verdict.DONE
    if answer.retcode == DONE_PARTIAL:
        return Verdict.PARTIAL
    if answer.retcode in _ASK_AGAIN:
        return Verdict.REQUOTED
    if answer.retcode in _REFUSED or (answer.retcode is None and answer.error_number in _NEVER_SENT):
        return Verdict.REJECTED
    return Verdict.UNRESOLVED


def is_trading_off(answer: OrderAnswer) -> bool:
    """Say whether account or terminal do not trade at all: a person has to act."""
    return answer.retcode in _TRADING_OFF or answer.error_number == -8
