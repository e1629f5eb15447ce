//+------------------------------------------------------------------+
//| RiskMindMonitor: the account's observer. Put it on one chart of  |
//| a terminal whose trades are placed by EAs or by hand. It sends   |
//| snapshots and shows the risk on the chart; it never trades.      |
//+------------------------------------------------------------------+
#property copyright "Mikrobot"
#property version   "1.00"
#property strict
#include <RiskMind\Observer.mqh>
#include <RiskMind\Panel.mqh>

input group "Server"
input string InpServer   = "http://localhost:8000"; // address (also under Tools > Options > Expert Advisors)
input string InpKey      = "";                      // executor key, begins with exe_
input string InpSecret   = "";                      // its secret, shown once
input int    InpTimeout  = 3000;                    // milliseconds to wait for an answer
input group "What is watched"
input string InpSymbols  = "EURUSD,GBPUSD,USDJPY";  // symbols in use, separated by commas

CRiskMindObserver g_observer;
CRiskMindPanel    g_panel;

int OnInit()
  {
   if(StringFind(InpKey,"exe_")!=0 || StringLen(InpSecret)==0)
     {
      Alert("RiskMindMonitor: give the executor's key and secret");
      return(INIT_PARAMETERS_INCORRECT);
     }
   if(!g_observer.Init(InpServer,InpKey,InpSecret,InpSymbols,InpTimeout))
     {
      Alert("RiskMindMonitor: the address or the list of symbols cannot be used");
      return(INIT_PARAMETERS_INCORRECT);
     }
   EventSetTimer(5);
   OnTimer();
   return(INIT_SUCCEEDED);
  }

void OnDeinit(const int reason)
  {
   EventKillTimer();
   g_panel.Remove();
  }

void OnTimer()
  {
   g_observer.Observe("INTERVAL");
   ShowState();
  }

void OnTrade()
  {
   g_observer.Observe("CHANGE");
   ShowState();
  }

void ShowState()
  {
   string lines[];
   color  colors[];
   ArrayResize(lines,3);
   ArrayResize(colors,3);
   long age_ms=g_observer.AgeMs();
   bool fresh=(age_ms>=0 && age_ms<15000 && g_observer.Problem()=="");
   lines[0]=(fresh ? "RiskMind: the server knows this account" : "RiskMind: NO CONTACT - no trade will be approved");
   colors[0]=(fresh ? clrSeaGreen : clrFireBrick);
   lines[1]=(age_ms<0 ? "nothing told yet" : StringFormat("last told %.1f s ago",(double)age_ms/1000.0));
   colors[1]=clrDimGray;
   lines[2]=(g_observer.Problem()=="" ? HaltWords(g_observer.Answer()) : g_observer.Problem());
   colors[2]=(g_observer.Problem()=="" ? clrDimGray : clrFireBrick);
   g_panel.Show(lines,colors);
  }

string HaltWords(const string answer)
  {
   string halt="",halted="",reason="";
   if(!JsonGet(answer,"halt",halt) || !JsonGet(halt,"halted",halted))
      return("halt: unknown");
   JsonGet(halt,"reason",reason);
   return(halted=="true" ? "HALTED: "+reason : "new trades are judged one by one");
  }
