//+------------------------------------------------------------------+
//| RiskMindExample: a moving-average cross that asks before it      |
//| trades. It shows the wiring, not a way to make money.            |
//+------------------------------------------------------------------+
#property copyright "Mikrobot"
#property version   "1.00"
#property strict
#include <Trade\Trade.mqh>
#include <RiskMind\RiskMind.mqh>

input group "RiskMind"
input string InpServer    = "http://localhost:8000"; // address (also under Tools > Options > Expert Advisors)
input string InpKey       = "";                      // API key with the scope bots:session
input string InpBot       = "example-ea";            // bot id, registered on the dashboard
input int    InpMagic     = 10007;                   // its magic number
input group "Rule"
input int    InpFast      = 20;                      // fast average [bars]
input int    InpSlow      = 50;                      // slow average [bars]
input int    InpStop      = 200;                     // stop [points]
input int    InpTarget    = 400;                     // target [points]
input double InpLots      = 0.10;                    // asked for; the answer may be less
input group "Strategy Tester only"
input double InpDailyLoss = 0.05;                    // daily loss, fraction
input double InpDrawdown  = 0.10;                    // total drawdown, fraction
input double InpPerTrade  = 0.005;                   // risk per trade, fraction
input double InpPosition  = 0.10;                    // margin of one position, fraction
input double InpFarthest  = 0.05;                    // farthest stop, fraction of the price
input double InpTrailing  = 0.03;                    // trailing stop, fraction of the price; 0: none

CRiskMindClient g_risk;
CTrade          g_trade;
int             g_fast=INVALID_HANDLE,g_slow=INVALID_HANDLE;
datetime        g_bar=0;
double          g_trailing=0.0; // what the last approval asked for

int OnInit()
  {
   g_risk.SetKey(InpKey);
   g_risk.Init(InpBot,InpMagic,InpServer);
   SOfflineLimits limits;
   ZeroMemory(limits);
   limits.daily_loss_fraction=InpDailyLoss;
   limits.total_drawdown_fraction=InpDrawdown;
   limits.max_risk_per_trade_fraction=InpPerTrade;
   limits.max_positions=1;
   limits.halted_fraction=0.95;
   limits.day_base=DAY_BASE_HIGHER;
   limits.daily_of_reference=false;
   limits.max_position_fraction=InpPosition;
   limits.max_stop_fraction=InpFarthest;
   limits.trailing_stop_fraction=InpTrailing;
   g_risk.SetOfflineLimits(limits,0);
   g_trade.SetExpertMagicNumber((ulong)InpMagic);
   g_fast=iMA(_Symbol,_Period,InpFast,0,MODE_EMA,PRICE_CLOSE);
   g_slow=iMA(_Symbol,_Period,InpSlow,0,MODE_EMA,PRICE_CLOSE);
   if(g_fast==INVALID_HANDLE || g_slow==INVALID_HANDLE)
      return(INIT_FAILED);
   EventSetTimer(5);
   return(INIT_SUCCEEDED);
  }

void OnDeinit(const int reason) { EventKillTimer(); }

void OnTimer()
  {
   g_risk.Flush();
   ObeyServer();
  }

void OnTick()
  {
   g_risk.RollDay();
   datetime opened=iTime(_Symbol,_Period,0);
   if(opened==g_bar)
      return;
   g_bar=opened;
   Trail();
   int side=Signal();
   if(side!=0 && !HasPosition())
      Enter(side);
  }

//--- +1, -1 or 0 at the close of the last finished bar
int Signal()
  {
   double fast[],slow[];
   if(CopyBuffer(g_fast,0,1,2,fast)!=2 || CopyBuffer(g_slow,0,1,2,slow)!=2)
      return(0);
   if(fast[0]<=slow[0] && fast[1]>slow[1])
      return(1);
   return(fast[0]>=slow[0] && fast[1]<slow[1] ? -1 : 0);
  }

bool HasPosition()
  {
   for(int i=PositionsTotal()-1;i>=0;i--)
      if(PositionGetTicket(i)>0 && PositionGetInteger(POSITION_MAGIC)==InpMagic && PositionGetString(POSITION_SYMBOL)==_Symbol)
         return(true);
   return(false);
  }

//--- the stop follows the price where the approval asked for it
void Trail(void)
  {
   for(int i=PositionsTotal()-1;i>=0;i--)
     {
      ulong ticket=PositionGetTicket(i);
      if(ticket==0 || PositionGetInteger(POSITION_MAGIC)!=InpMagic || PositionGetString(POSITION_SYMBOL)!=_Symbol)
         continue;
      double stop=g_risk.NextStop(g_trailing);
      if(stop>0.0 && !g_trade.PositionModify(ticket,NormalizeDouble(stop,_Digits),PositionGetDouble(POSITION_TP)))
         Print("RiskMind: the stop of position ",ticket," stays; tried again at the next bar");
     }
  }

void Enter(const int side)
  {
   MqlTick tick;
   if(!SymbolInfoTick(_Symbol,tick))
      return;
   double entry=(side>0 ? tick.ask : tick.bid);
   double stop=NormalizeDouble(entry-side*InpStop*_Point,_Digits),target=NormalizeDouble(entry+side*InpTarget*_Point,_Digits);
   double lots=0.0;
   string error="";
   if(!g_risk.RequestTradeApproval(_Symbol,side>0 ? POSITION_TYPE_BUY : POSITION_TYPE_SELL,entry,stop,target,InpLots,lots,error))
     {
      Print("RiskMind says no: ",error);
      return;
     }
   if(!g_risk.IsStillValid())
      return;
   g_trailing=g_risk.TrailingStopFraction();
   bool sent=(side>0 ? g_trade.Buy(lots,_Symbol,entry,stop,target,g_risk.Tag())
                     : g_trade.Sell(lots,_Symbol,entry,stop,target,g_risk.Tag()));
   ulong ticket=g_trade.ResultOrder();
   if(sent && ticket>0 && PositionSelectByTicket(ticket))
      g_risk.ReportTradeOpened(ticket,PositionGetDouble(POSITION_VOLUME),PositionGetDouble(POSITION_PRICE_OPEN));
   ObeyServer();
  }

//--- slippage beyond what was planned: the server says close or reduce
void ObeyServer()
  {
   string action="";
   ulong ticket=0;
   double lots=0.0;
   while(g_risk.NextAction(action,ticket,lots))
     {
      if(!PositionSelectByTicket(ticket))
         continue;
      bool done=(action=="reduce" ? g_trade.PositionClosePartial(ticket,lots) : g_trade.PositionClose(ticket));
      if(!done)
         Print("RiskMind: ",action," of position ",ticket," failed; do it by hand");
     }
  }

void OnTradeTransaction(const MqlTradeTransaction &change,const MqlTradeRequest &request,const MqlTradeResult &result)
  {
   if(change.type!=TRADE_TRANSACTION_DEAL_ADD || !HistoryDealSelect(change.deal))
      return;
   if(HistoryDealGetInteger(change.deal,DEAL_MAGIC)!=InpMagic || HistoryDealGetInteger(change.deal,DEAL_ENTRY)==DEAL_ENTRY_IN)
      return;
   long reason=HistoryDealGetInteger(change.deal,DEAL_REASON);
   string words=(reason==DEAL_REASON_SL ? "STOP_LOSS" : (reason==DEAL_REASON_TP ? "TAKE_PROFIT" : "UNKNOWN"));
   g_risk.ReportTradeClosed((ulong)change.position,words);
  }
