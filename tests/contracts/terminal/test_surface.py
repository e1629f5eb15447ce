"""The surface of the package, name by name."""

import inspect
from typing import Any

import numpy as np
import pytest

from tests.contracts.terminal.conftest import API, HAS_REAL, Terminal


def test_the_real_package_is_held_to_this_suite_too() -> None:
    if not HAS_REAL:
        pytest.skip("the MetaTrader5 package is not installed here: the suite runs on the simulated terminal only")


def test_every_constant_has_its_value(package: Any) -> None:
    found = {name: getattr(package, name, None) for name in API["constants"]}

    assert found == API["constants"]
    assert len(found) == 223


def test_every_function_is_there(package: Any) -> None:
    missing = [name for name in API["functions"] if not callable(getattr(package, name, None))]

    assert missing == []
    assert len(API["functions"]) == 36


@pytest.mark.parametrize("name", sorted(API["structs"]))
def test_result_types_have_their_members_in_order(package: Any, name: str) -> None:
    struct = getattr(package, name)
    fields = [field for field, _ in API["structs"][name]]

    value = struct(range(len(fields)))

    assert isinstance(value, tuple)
    assert (struct.n_fields, struct.n_sequence_fields, struct.n_unnamed_fields) == (len(fields), len(fields), 0)
    assert list(struct.__match_args__) == fields
    assert [getattr(value, field) for field in fields] == list(range(len(fields)))
    assert value._asdict() == dict(zip(fields, range(len(fields)), strict=True))
    assert repr(value).startswith(f"{name}({fields[0]}=0, {fields[1]}=1")
    assert not any(hasattr(value, absent) for absent in ("_fields", "_replace", "_make"))
    assert value == tuple(range(len(fields)))


@pytest.mark.parametrize("name", sorted(API["structs"]))
def test_result_types_take_one_sequence_of_the_right_length(package: Any, name: str) -> None:
    struct = getattr(package, name)

    with pytest.raises(TypeError):
        struct([1])
    with pytest.raises(AttributeError):
        struct(range(struct.n_fields)).no_such_member = 1


def test_members_have_their_python_types(terminal: Terminal) -> None:
    mt5 = terminal.mt5
    terminal.buy()
    samples = {
        "AccountInfo": mt5.account_info(),
        "TerminalInfo": mt5.terminal_info(),
        "SymbolInfo": mt5.symbol_info(terminal.symbol),
        "Tick": terminal.tick(),
        "TradePosition": mt5.positions_get(symbol=terminal.symbol)[0],
        "TradeDeal": mt5.history_deals_get(0, 2**31 - 1)[-1],
        "TradeOrder": mt5.history_orders_get(0, 2**31 - 1)[-1],
        "OrderSendResult": terminal.buy(),
    }

    for name, sample in samples.items():
        kinds = [(field, type(value).__name__) for field, value in sample._asdict().items()]
        assert kinds == [tuple(field) for field in API["structs"][name]], name


def test_arrays_are_packed(terminal: Terminal) -> None:
    mt5 = terminal.mt5
    rates = mt5.copy_rates_from_pos(terminal.symbol, mt5.TIMEFRAME_M1, 0, 10)
    ticks = mt5.copy_ticks_from(terminal.symbol, terminal.tick().time - 600, 10, mt5.COPY_TICKS_ALL)

    for array, layout in ((rates, API["dtypes"]["rates"]), (ticks, API["dtypes"]["ticks"])):
        assert array.dtype.itemsize == layout["itemsize"] == 60
        fields = [[name, array.dtype[name].str, array.dtype.fields[name][1]] for name in array.dtype.names]
        assert fields == layout["fields"]
        assert len(array) == 10
        assert (np.diff(array["time"]) >= 0).all()
        array["time"][0] = 0  # the caller owns it


def test_functions_without_arguments_take_none(package: Any) -> None:
    names = [name for name, rule in API["functions"].items() if rule["calling"].startswith("no arguments")]

    assert len(names) == 8
    for name in names:
        with pytest.raises(TypeError):
            getattr(package, name)(1)


def test_positional_functions_refuse_keywords(package: Any) -> None:
    names = [name for name, rule in API["functions"].items() if rule["calling"].startswith("positional only")]

    assert len(names) == 15
    for name in names:
        with pytest.raises(TypeError):
            getattr(package, name)(symbol="EURUSD")


def test_the_helpers_are_python_functions(package: Any) -> None:
    parameters = inspect.signature(package.Buy).parameters

    assert list(parameters) == ["symbol", "volume", "price", "comment", "ticket"]
    assert parameters["comment"].kind is inspect.Parameter.KEYWORD_ONLY


def test_the_helpers_buy_and_close(terminal: Terminal) -> None:
    bought = terminal.mt5.Buy(terminal.symbol, 0.1)
    sold = terminal.mt5.Sell(terminal.symbol, 0.1)

    assert (bought.retcode, sold.retcode) == (10009, 10009)
    assert terminal.mt5.Close(terminal.symbol) is True
    assert terminal.mt5.positions_get(symbol=terminal.symbol) == ()
    assert terminal.mt5.Close(terminal.symbol) is False
