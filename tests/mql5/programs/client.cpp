// Commands on stdin, one answer line each: the include as an EA would call it, and the offline judge for shared vectors.
#include "Client.hpp"
#include "world.hpp"

static SSymbolTerms read_terms(std::istringstream &in) {
  SSymbolTerms t;
  int converts;
  t.name = "EURUSD";
  in >> t.point >> t.tick_size >> t.tick_value_loss >> t.contract_size >> t.volume_min >> t.volume_max >> t.volume_step >> t.volume_limit >> t.volume_open >> t.stops_level_points >> t.trade_mode >> t.profit_rate >> converts >> t.margin_per_lot >> t.commission_per_lot >> t.bid >> t.ask;
  t.converts_at_stop = converts != 0;
  return t;
}

int main(int, char **argv) {
  begin_world(argv[1], 10007, "RiskMind-Demo");
  std::string line, command;
  while (std::getline(std::cin, line)) {
    std::istringstream in(line);
    in >> command;
    if (command == "init") { std::string bot, key, url; int magic, timeout; in >> bot >> magic >> key >> url >> timeout; g_client = CRiskMindClient(); g_client.SetKey(key); g_client.SetTimeout(timeout); g_client.Init(bot, magic, url); say("ok"); }
    else if (command == "tester") { in >> world.tester; SOfflineLimits l = {0.05, 0.10, 0.005, 2, 0.95, DAY_BASE_HIGHER, false}; g_client.SetOfflineLimits(l, 0); say("ok"); }
    else if (command == "account") { in >> world.account_numbers[ACCOUNT_BALANCE] >> world.account_numbers[ACCOUNT_EQUITY]; say("ok"); }
    else if (command == "later") { long ms; in >> ms; world.ticks_ms += ms; world.seconds += ms / 1000; say("ok"); }
    else if (command == "approve") {
      std::string symbol, side, e, s, t, l;
      in >> symbol >> side >> e >> s >> t >> l;
      double lots = -1;
      string error;
      bool yes = g_client.RequestTradeApproval(symbol, side == "BUY" ? POSITION_TYPE_BUY : POSITION_TYPE_SELL, atof(e.c_str()), atof(s.c_str()), atof(t.c_str()), atof(l.c_str()), lots, error);
      say(StringFormat("%s|%.4f|%s|%s|%s|%d|%.2f|%s", yes ? string("YES") : string("NO"), lots, g_client.ReasonCode(), g_client.Tag(), g_client.RequestId(), (int)g_client.IsStillValid(), g_client.RiskAmount(), error).u8());
    }
    else if (command == "trailing") say(StringFormat("%.8f", g_client.TrailingStopFraction()).u8());
    else if (command == "trailed") { double fraction, entry, stop, price, tick; int side; in >> fraction >> side >> entry >> stop >> price >> tick; say(StringFormat("%.8f", TrailedStop(fraction, side, entry, stop, price, tick)).u8()); }
    else if (command == "position") { Row row; row.ticket = 0; double lots, entry, stop; in >> row.ticket >> lots >> entry >> stop; row.numbers = {{POSITION_VOLUME, lots}, {POSITION_PRICE_OPEN, entry}, {POSITION_PRICE_CURRENT, entry}, {POSITION_SL, stop}}; row.integers = {{POSITION_TYPE, 0}}; row.texts = {{POSITION_SYMBOL, "EURUSD"}, {POSITION_COMMENT, g_client.Tag().u8()}}; world.positions.push_back(row); say("ok"); }
    else if (command == "opened") { ulong ticket; double lots, entry; in >> ticket >> lots >> entry; g_client.ReportTradeOpened(ticket, lots, entry); say(std::to_string(g_client.WaitingReports())); }
    else if (command == "closed") { ulong ticket; std::string why; in >> ticket >> why; g_client.ReportTradeClosed(ticket, why); say(std::to_string(g_client.WaitingReports())); }
    else if (command == "flush") say(std::to_string(g_client.Flush()));
    else if (command == "action") { string action("none"); ulong ticket = 0; double lots = 0; g_client.NextAction(action, ticket, lots); say(StringFormat("%s|%I64u|%.2f", action, ticket, lots).u8()); }
    else if (command == "json") { std::string key, text; in >> key; std::getline(in, text); string value; bool found = JsonGet(text.substr(1), key, value); say(found ? "+" + value.u8() : "-"); }
    else if (command == "judge") {
      SOfflineLimits l; SOfflineAccount a; int base, of_reference, side; double entry, stop, target, lots;
      in >> l.daily_loss_fraction >> l.total_drawdown_fraction >> l.max_risk_per_trade_fraction >> l.max_positions >> l.halted_fraction >> base >> of_reference >> l.max_position_fraction >> l.max_stop_fraction >> l.max_open_risk_fraction;
      l.day_base = (ENUM_DAY_BASE)base;
      l.daily_of_reference = of_reference != 0;
      in >> a.initial_balance >> a.day_balance >> a.day_equity >> a.balance >> a.equity >> a.free_margin >> a.committed >> a.positions;
      SSymbolTerms t = read_terms(in);
      in >> side >> entry >> stop >> target >> lots;
      if (!in) { say("UNREADABLE"); continue; }
      SOfflineVerdict v = JudgeOffline(l, a, t, side, entry, stop, target, lots);
      say(StringFormat("%s|%.8f|%.8f", v.code, v.lots, v.risk_amount).u8());
    }
    else say("UNKNOWN COMMAND");
  }
}
