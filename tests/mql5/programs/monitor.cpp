// RiskMindMonitor as the terminal would run it; commands on stdin, one answer line each.
#include "RiskMindMonitor.hpp"
#include "world.hpp"

int main(int, char **argv) {
  begin_world(argv[1], atol(argv[2]), argv[3]);
  world.server_offset_s = 10800;
  std::string line, command;
  while (std::getline(std::cin, line)) {
    std::istringstream in(line);
    in >> command;
    if (command == "init") { std::string url, key, secret; in >> url >> key >> secret; InpServer = url; InpKey = key; InpSecret = secret; InpSymbols = "EURUSD"; InpTimeout = 30000; say(std::to_string(OnInit())); }
    else if (command == "timer") { OnTimer(); say(world.labels["RiskMindPanel0"] + "|" + world.labels["RiskMindPanel1"] + "|" + world.labels["RiskMindPanel2"]); }
    else if (command == "position") {
      Row row; double lots, entry, stop; long magic;
      in >> row.ticket >> lots >> entry >> stop >> magic;
      row.numbers = {{POSITION_VOLUME, lots}, {POSITION_PRICE_OPEN, entry}, {POSITION_PRICE_CURRENT, entry}, {POSITION_SL, stop}};
      row.integers = {{POSITION_TYPE, 0}, {POSITION_MAGIC, magic}, {POSITION_IDENTIFIER, (long)row.ticket}, {POSITION_TIME, TimeTradeServer()}};
      row.texts = {{POSITION_SYMBOL, "EURUSD"}, {POSITION_COMMENT, "by \"hand\" \xC3\xA9"}};
      world.positions.push_back(row);
      Row deal;
      deal.ticket = row.ticket + 1;
      deal.numbers = {{DEAL_VOLUME, lots}, {DEAL_PRICE, entry}};
      deal.integers = {{DEAL_TIME_MSC, TimeTradeServer() * 1000}, {DEAL_ORDER, (long)row.ticket}, {DEAL_POSITION_ID, (long)row.ticket}, {DEAL_MAGIC, magic}};
      deal.texts = {{DEAL_SYMBOL, "EURUSD"}};
      world.deals.push_back(deal);
      OnTrade();
      say("ok");
    }
    else if (command == "end") { OnDeinit(0); say(std::to_string(world.labels.size())); }
    else say("UNKNOWN COMMAND");
  }
}
