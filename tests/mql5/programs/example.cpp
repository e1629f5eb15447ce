// RiskMindExample as the terminal would run it: crossing averages come from the test.
#include "RiskMindExample.hpp"
#include "world.hpp"

int main(int, char **argv) {
  begin_world(argv[1], 10007, "RiskMind-Demo");
  std::string line, command;
  while (std::getline(std::cin, line)) {
    std::istringstream in(line);
    in >> command;
    if (command == "init") { std::string url, key, bot; in >> url >> key >> bot >> world.tester; InpServer = url; InpKey = key; InpBot = bot; int ready = OnInit(); g_risk.SetTimeout(30000); say(std::to_string(ready)); }
    else if (command == "tick") {
      int side;
      in >> side;
      world.buffers[20].assign({1.0, 1.0 + side * 0.1});
      world.buffers[50].assign({1.0, 1.0});
      world.seconds += 60;
      size_t before = world.sent.size();
      OnTick();
      OnTimer();
      std::string out;
      for (size_t i = before; i < world.sent.size(); i++) out += (out.empty() ? "" : ";") + world.sent[i];
      say(out.empty() ? "nothing" : out);
    }
    else if (command == "flat") { world.positions.clear(); say("ok"); }
    else say("UNKNOWN COMMAND");
  }
}
