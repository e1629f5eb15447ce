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


def attempt(work: Callable[[], Any], on_failure: Any = None) -> Any:
    """Return what ``work`` returns; on a refusal or failure ``on_failure``, its reason in the last error."""
    # Every call begins with a clean error and leaves its own behind.
    link.last_error = SUCCESS
    try:
        return work()
    except InvalidArgument as refusal:
        link.last_error = (INVALID, str(refusal))
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


def take(function: str, values: tuple[Any, ...], keywords: dict[str, Any], *kinds: type | tuple[type, ...]) -> None:
    """Let positional arguments of these types pass; a wrong count or type is a SystemError, as from a C function."""
    # What PyArg_ParseTuple would do: a wrong count or type surfaces as SystemError.
    given.refuse_keywords(function, keywords)
    if len(values) != len(kinds) or not all(isinstance(v, k) for v, k in zip(values, kinds, strict=True)):
        raise given.pending_exception(function)
