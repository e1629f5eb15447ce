"""None, (), False and Success: what a call answers when there is nothing to answer, and which error it leaves."""

from datetime import UTC, datetime

import numpy as np
import pytest

from tests.contracts.terminal.conftest import Terminal

SUCCESS = (1, "Success")


def test_every_call_resets_the_error(terminal: Terminal) -> None:
    terminal.mt5.positions_get(terminal.symbol)
    assert terminal.mt5.last_error() == (-2, "Unnamed arguments not allowed")
    assert terminal.mt5.last_error() == (-2, "Unnamed arguments not allowed")

    terminal.mt5.account_info()

    assert terminal.mt5.last_error() == SUCCESS


def test_nothing_open_is_an_empty_tuple(terminal: Terminal) -> None:
    for found in (terminal.mt5.positions_get(), terminal.mt5.orders_get(), terminal.mt5.positions_get(ticket=2**60)):
        assert found == ()
        assert terminal.mt5.last_error() == SUCCESS
    assert terminal.mt5.positions_total() == 0


def test_positions_take_names_only(terminal: Terminal) -> None:
    assert terminal.mt5.positions_get(terminal.symbol) is None
    assert terminal.mt5.last_error() == (-2, "Unnamed arguments not allowed")
    assert terminal.mt5.orders_get(5) is None
    assert terminal.mt5.last_error() == (-2, "Unnamed arguments not allowed")


def test_an_unknown_symbol_is_not_found(terminal: Terminal) -> None:
    mt5 = terminal.mt5
    for answer in (mt5.symbol_info("NOSUCH"), mt5.symbol_info_tick("NOSUCH"), mt5.copy_ticks_from("NOSUCH", 0, 1, -1)):
        assert answer is None
        assert mt5.last_error() == (-4, "Terminal: Not found")
    assert mt5.copy_rates_from_pos("NOSUCH", mt5.TIMEFRAME_M1, 0, 1) is None
    assert mt5.last_error() == (-1, "Terminal: Call failed")
    assert mt5.symbol_select("NOSUCH") is False


def test_more_bars_than_the_terminal_keeps_fail(terminal: Terminal) -> None:
    mt5 = terminal.mt5
    assert mt5.copy_rates_from_pos(terminal.symbol, mt5.TIMEFRAME_M1, 0, mt5.terminal_info().maxbars + 1) is None
    assert mt5.last_error()[0] == -1


def test_an_empty_window_of_ticks_is_an_empty_array(terminal: Terminal) -> None:
    ticks = terminal.mt5.copy_ticks_range(terminal.symbol, 2**31 - 10, 2**31 - 5, terminal.mt5.COPY_TICKS_ALL)

    assert len(ticks) == 0
    assert terminal.mt5.last_error() == SUCCESS


def test_history_needs_dates_or_a_number(terminal: Terminal) -> None:
    mt5 = terminal.mt5
    assert mt5.history_deals_get() is None
    assert mt5.last_error() == (-2, "Invalid arguments")
    assert mt5.history_orders_get(0) is None
    assert mt5.last_error() == (-2, "Invalid arguments")
    assert mt5.history_deals_get(position=2**60) == ()
    assert mt5.last_error() == SUCCESS


def test_dates_are_numbers_or_datetimes_of_32_bits(terminal: Terminal) -> None:
    mt5, end = terminal.mt5, datetime(2037, 1, 1, tzinfo=UTC)
    assert mt5.history_deals_total(0.5, end) == mt5.history_deals_total(0, end.timestamp())
    with pytest.raises(SystemError):
        mt5.history_deals_get(0, 2**31)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("volume", 1),
        ("price", 1),
        ("sl", 0),
        ("tp", "1.1"),
        ("magic", 7.0),
        ("magic", np.int64(7)),
        ("type", None),
        ("expiration", datetime(2030, 1, 1, tzinfo=UTC)),
        ("comment", "x" * 30),
        ("comment", 5),
        ("symbol", "y" * 30),
    ],
)
def test_a_request_field_of_the_wrong_type_is_refused_by_the_package(
    terminal: Terminal, field: str, value: object
) -> None:
    assert terminal.buy(**{field: value}) is None
    assert terminal.mt5.last_error() == (-2, f'Invalid "{field}" argument')
    assert terminal.mt5.positions_total() == 0


def test_a_comment_of_29_characters_and_a_numpy_float_pass(terminal: Terminal) -> None:
    result = terminal.buy(comment="c" * 29, volume=np.float64(0.1), magic=2**53)

    assert result.retcode == terminal.mt5.TRADE_RETCODE_DONE
    position = terminal.mt5.positions_get(ticket=result.order)[0]
    assert (position.comment[:27], position.magic) == ("c" * 27, 2**53)


def test_numbers_that_do_not_fit_are_system_errors(terminal: Terminal) -> None:
    with pytest.raises(SystemError):
        terminal.buy(magic=-1)
    with pytest.raises(SystemError):
        terminal.buy(magic=2**64)
    assert terminal.mt5.positions_total() == 0


def test_a_request_is_a_dict_or_keywords(terminal: Terminal) -> None:
    mt5 = terminal.mt5
    assert mt5.order_send([("action", 1)]) is None
    assert mt5.last_error() == (-2, "Invalid arguments")

    request = {"action": mt5.TRADE_ACTION_DEAL, "symbol": terminal.symbol, "volume": 0.1}
    as_keyword = mt5.order_check(request=request)
    as_keywords = mt5.order_check(**request)

    assert (as_keyword.request.action, as_keyword.retcode) == (0, mt5.TRADE_RETCODE_INVALID)
    assert (as_keywords.request.action, as_keywords.retcode) == (1, 0)


def test_unknown_keys_are_ignored_and_missing_ones_zero(terminal: Terminal) -> None:
    result = terminal.buy(no_such_field=object())

    assert result.retcode == terminal.mt5.TRADE_RETCODE_DONE
    assert (result.request.type_filling, result.request.type_time, result.request.sl) == (0, 0, 0.0)


def test_without_a_connection_every_call_says_so(terminal: Terminal) -> None:
    mt5 = terminal.mt5
    assert mt5.shutdown() is True

    for answer in (mt5.account_info(), mt5.positions_get(), mt5.symbol_info(terminal.symbol)):
        assert answer is None
        assert mt5.last_error() == (-10004, "No IPC connection")
    assert mt5.symbol_select(terminal.symbol) is False
    assert mt5.order_send({"action": 1, "symbol": terminal.symbol, "volume": 0.1}) is None
    assert mt5.last_error()[0] == -10004
    assert mt5.initialize(**terminal.reconnect)
