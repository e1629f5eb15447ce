// The world of every program here: one EURUSD account, its numbers taken from the command line's commands.
#pragma once
#include <iostream>
#include <sstream>
World world;
int _LastError = 0;
string _Symbol("EURUSD");
int _Digits = 5, _Period = 1;
double _Point = 0.00001;

inline void begin_world(const std::string &folder, long login, const std::string &server) {
  world.folder = folder;
  SymbolRow row;
  row.numbers = {{SYMBOL_POINT, 1e-5}, {SYMBOL_TRADE_TICK_SIZE, 1e-5}, {SYMBOL_TRADE_TICK_VALUE, 1.0}, {SYMBOL_TRADE_TICK_VALUE_PROFIT, 1.0}, {SYMBOL_TRADE_TICK_VALUE_LOSS, 1.0}, {SYMBOL_TRADE_CONTRACT_SIZE, 100000.0}, {SYMBOL_VOLUME_MIN, 0.01}, {SYMBOL_VOLUME_MAX, 50.0}, {SYMBOL_VOLUME_STEP, 0.01}, {SYMBOL_VOLUME_LIMIT, 0.0}, {SYMBOL_BID, 1.10000}, {SYMBOL_ASK, 1.10010}};
  row.integers = {{SYMBOL_DIGITS, 5}, {SYMBOL_TRADE_STOPS_LEVEL, 0}, {SYMBOL_TRADE_FREEZE_LEVEL, 0}, {SYMBOL_TRADE_MODE, SYMBOL_TRADE_MODE_FULL}, {SYMBOL_FILLING_MODE, 3}, {SYMBOL_TRADE_CALC_MODE, 0}, {SYMBOL_TRADE_EXEMODE, 2}};
  row.texts = {{SYMBOL_CURRENCY_BASE, "EUR"}, {SYMBOL_CURRENCY_PROFIT, "USD"}, {SYMBOL_CURRENCY_MARGIN, "EUR"}};
  row.rate = 1.0;
  row.margin = 1100.0;
  world.symbols["EURUSD"] = row;
  world.account_numbers = {{ACCOUNT_BALANCE, 100000.0}, {ACCOUNT_EQUITY, 100000.0}, {ACCOUNT_MARGIN, 0.0}, {ACCOUNT_MARGIN_FREE, 100000.0}};
  world.account_integers = {{ACCOUNT_LOGIN, login}, {ACCOUNT_LEVERAGE, 100}, {ACCOUNT_MARGIN_MODE, ACCOUNT_MARGIN_MODE_RETAIL_HEDGING}, {ACCOUNT_TRADE_MODE, ACCOUNT_TRADE_MODE_DEMO}, {ACCOUNT_TRADE_ALLOWED, 1}, {ACCOUNT_TRADE_EXPERT, 1}};
  world.account_texts = {{ACCOUNT_SERVER, server}, {ACCOUNT_CURRENCY, "USD"}};
}
inline void say(const std::string &line) { std::cout << line << std::endl; }
