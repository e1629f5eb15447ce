"""From a name and parameters to a running strategy. Its module is imported here, and nowhere before."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from trading.model.instrument import Instrument
from trading.model.timeframe import Timeframe
from trading.strategies.base import BaseStrategy
from trading.strategies.catalogue import UnusableStrategy, get_spec


def load_class(name: str) -> type[BaseStrategy]:
    """
    Return the class behind the strategy ``name``.

    :raises UnknownStrategy: where there is none of that name.
    :raises UnusableStrategy: where its module cannot be imported, or holds no `BaseStrategy` of that name.
    """
    spec = get_spec(name)
    module, _, attribute = spec.implementation.partition(":")
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise UnusableStrategy(f"{spec.implementation} cannot be imported: {error}", field="entry.name") from error
    if not (isinstance(found, type) and issubclass(found, BaseStrategy) and found.spec is spec):
        message = f"{spec.implementation} must be a BaseStrategy whose spec is the one registered as {name}"
        raise UnusableStrategy(message, field="entry.name")
    return found


def build(name: str, parameters: Mapping[str, Any], instrument: Instrument, timeframe: Timeframe) -> BaseStrategy:
    """
    Return the strategy ``name`` on one instrument and timeframe, at its beginning.

    :raises UnknownStrategy: where there is none of that name.
    :raises UnusableStrategy: where its code cannot be loaded.
    :raises InvalidRules: where the parameters are wrong, or it does not run on that timeframe.
    """
    return load_class(name)(parameters, instrument, timeframe)
