"""How a function of the surface asks the terminal, and what it leaves in the last error."""

from collections.abc import Callable
from typing import Any

import numpy as np

from simulator.terminal import arguments as given
from simulator.terminal.arguments import InvalidArgument
from simulator.terminal.link import SUCCESS, CallFailed, TerminalLink
from simulator.terminal.surface import read_struct

link = TerminalLink()

INVALID = -2


def attempt(work: Callable[[], Any], on_failure: Any = None, *, function: str = "", on_refusal: Any = ...) -> Any:
    """
    Return what ``work`` returns; on a refusal or failure ``on_failure``, its reason in the last error.

    :param function: the name in the SystemError of an argument that surprises the package.
    :param on_refusal: what is returned for wrong arguments, where that is not ``on_failure``.
    :raises SystemError: as CPython does where the package leaves an exception behind.
    """
    # Every call begins with a clean error and leaves its own behind.
    link.last_error = SUCCESS
    try:
        return work()
    except InvalidArgument as refusal:
        link.last_error = (INVALID, str(refusal))
        if refusal.is_surprise:
            raise given.pending_exception(function) from None
        return on_failure if on_refusal is ... else on_refusal
    except CallFailed as failure:
        link.last_error = failure.error
    return on_failure


def ask(method: str, call_arguments: Any = None) -> Any:
    """Return the terminal's plain answer."""
    return link.call(method, call_arguments)[0]


def ask_struct(name: str, method: str, call_arguments: Any = None) -> Any:
    """Return the terminal's answer as one result type."""
    return read_struct(name, ask(method, call_arguments))


def ask_structs(name: str, method: str, call_arguments: Any = None) -> Any:
    """Return the terminal's answer as a tuple of result types."""
    return tuple(read_struct(name, values) for values in ask(method, call_arguments))


def ask_array(dtype: np.dtype, method: str, call_arguments: Any) -> Any:
    """Return the binary part of the terminal's answer."""
    # a copy, because the array over the frame's bytes could not be written to
    return np.frombuffer(link.call(method, call_arguments)[1], dtype=dtype).copy()


def take(values: tuple[Any, ...], *readers: Callable[[Any], Any]) -> list[Any]:
    """
    Return positional arguments, each read by its reader.

    :raises InvalidArgument: for a wrong number of them, and what the readers refuse.
    """
    if len(values) != len(readers):
        raise InvalidArgument(given.WRONG)
    return [reader(value) for reader, value in zip(readers, values, strict=True)]


def ask_with_dates(function: str, dates: tuple[Any, ...], work: Callable[[], Any]) -> Any:
    """
    Return what `attempt` does.

    :raises SystemError: after the call, where one of the dates is an integer beyond a C long.
    """
    answer = attempt(work, function=function)
    if link.last_error[0] != INVALID and any(given.is_too_late(date) for date in dates):
        raise given.pending_exception(function)
    return answer
