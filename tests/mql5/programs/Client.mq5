// What the test of the include compiles: the client alone.
#include <RiskMind\RiskMind.mqh>
CRiskMindClient g_client;
