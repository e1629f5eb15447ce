//+------------------------------------------------------------------+
//| RiskMind\Observer.mqh: tells the server what the account is,     |
//| every five seconds: the door our own agents use (protocol v1),   |
//| with an executor's key. It opens nothing and closes nothing by   |
//| itself.                                                          |
//+------------------------------------------------------------------+
#ifndef RISKMIND_OBSERVER_MQH
#define RISKMIND_OBSERVER_MQH
#include "Json.mqh"
#include "Http.mqh"
#include "Terminal.mqh"

#define RISKMIND_PROTOCOL 1
#define RISKMIND_OVERLAP_S 120

class CRiskMindObserver
  {
private:
   CRiskMindHttp     m_http;
   string            m_headers;
   string            m_instance;
   string            m_symbols[];
   string            m_specs[];
   string            m_problem;
   string            m_answer;
   long              m_fence;
   long              m_seq;
   long              m_deals_since_ms;
   ulong             m_started_ms;
   ulong             m_seen_ms;
   bool              m_greeted;
public:
                     CRiskMindObserver(void) : m_headers(""),m_instance(""),m_problem("not started"),m_answer(""),m_fence(0),
                     m_seq(0),m_deals_since_ms(0),m_started_ms(0),m_seen_ms(0),m_greeted(false) {}

   //--- symbols: those whose quotes and specifications the server needs, separated by commas
   bool              Init(const string server,const string key,const string secret,const string symbols,const int timeout_ms)
     {
      m_headers="X-API-Key: "+key+"\r\nX-API-Secret: "+secret+"\r\n";
      m_started_ms=GetTickCount64();
      m_instance=StringFormat("monitor-%I64d-%I64u",AccountInfoInteger(ACCOUNT_LOGIN),GetMicrosecondCount());
      int count=StringSplit(symbols,',',m_symbols);
      for(int i=0;i<count;i++)
        {
         StringTrimLeft(m_symbols[i]);
         StringTrimRight(m_symbols[i]);
         SymbolSelect(m_symbols[i],true);
        }
      ArrayResize(m_specs,ArraySize(m_symbols));
      return(m_http.Init(server,timeout_ms) && count>0);
     }
   string            Problem(void) const { return(m_problem); }
   string            Answer(void) const  { return(m_answer); }
   //--- milliseconds since the server last took a snapshot; -1 before the first
   long              AgeMs(void) const   { return(m_seen_ms==0 ? -1 : (long)(GetTickCount64()-m_seen_ms)); }

   //--- call it from OnTimer every five seconds, and from OnTrade
   bool              Observe(const string reason)
     {
      if(!m_greeted && !Greet())
         return(false);
      TellSymbols();
      SHttpAnswer answer=m_http.Send("POST","/api/v1/executor/snapshot",m_headers,Snapshot(reason));
      if(answer.status==200)
        {
         double since=0.0;
         m_answer=answer.body;
         m_problem="";
         m_seen_ms=GetTickCount64();
         if(JsonGetNumber(answer.body,"deals_since_ms",since))
            m_deals_since_ms=(long)since;
         return(true);
        }
      // Another holds the account, or our lease has ended: say hello again before the next snapshot.
      if(answer.status==409 || answer.status==401)
         m_greeted=false;
      m_problem=(answer.status==0 ? answer.problem : StringFormat("HTTP %d: %s",answer.status,StringSubstr(answer.body,0,160)));
      return(false);
     }

private:
   bool              Greet(void)
     {
      CJsonWriter json;
      json.Integer("protocol_version",RISKMIND_PROTOCOL);
      json.Text("agent_version","riskmind-monitor-1.0");
      json.Text("core_version","mql5");
      json.Text("instance_id",m_instance);
      json.Text("host",TerminalInfoString(TERMINAL_NAME));
      json.Integer("login",AccountInfoInteger(ACCOUNT_LOGIN));
      json.Text("broker_server",AccountInfoString(ACCOUNT_SERVER));
      json.Text("currency",AccountInfoString(ACCOUNT_CURRENCY));
      json.Integer("leverage",AccountInfoInteger(ACCOUNT_LEVERAGE));
      json.Text("margin_mode",AccountInfoInteger(ACCOUNT_MARGIN_MODE)==ACCOUNT_MARGIN_MODE_RETAIL_HEDGING ? "HEDGING" : "NETTING");
      json.Text("trade_mode",TradeMode());
      json.Flag("trade_allowed",IsTradeAllowed());
      json.Text("at",Iso(TimeGMT()));
      SHttpAnswer answer=m_http.Send("POST","/api/v1/executor/hello",m_headers,json.Object());
      string lease="";
      double number=0.0;
      if(answer.status!=200)
        {
         m_problem=(answer.status==0 ? answer.problem : StringFormat("HTTP %d: %s",answer.status,StringSubstr(answer.body,0,160)));
         return(false);
        }
      if(!JsonGet(answer.body,"lease",lease) || !JsonGetNumber(lease,"fence",number))
        {
         m_problem="another executor watches this account";
         return(false);
        }
      m_fence=(long)number;
      if(JsonGetNumber(answer.body,"deals_since_ms",number))
         m_deals_since_ms=(long)number;
      for(int i=0;i<ArraySize(m_specs);i++)
         m_specs[i]="";
      m_greeted=true;
      return(true);
     }
   string            TradeMode(void)
     {
      long mode=AccountInfoInteger(ACCOUNT_TRADE_MODE);
      if(mode==ACCOUNT_TRADE_MODE_REAL)
         return("REAL");
      return(mode==ACCOUNT_TRADE_MODE_CONTEST ? "CONTEST" : "DEMO");
     }
   bool              IsTradeAllowed(void)
     {
      return(TerminalInfoInteger(TERMINAL_TRADE_ALLOWED)!=0 && AccountInfoInteger(ACCOUNT_TRADE_ALLOWED)!=0
             && AccountInfoInteger(ACCOUNT_TRADE_EXPERT)!=0);
     }

   //--- specifications are told at the start and where one has changed
   void              TellSymbols(void)
     {
      string changed="";
      string fresh[];
      ArrayResize(fresh,ArraySize(m_symbols));
      for(int i=0;i<ArraySize(m_symbols);i++)
        {
         fresh[i]=Spec(m_symbols[i]);
         if(fresh[i]!="" && fresh[i]!=m_specs[i])
            changed+=(changed=="" ? "" : ",")+fresh[i];
        }
      if(changed=="")
         return;
      SHttpAnswer answer=m_http.Send("POST","/api/v1/executor/symbols",m_headers,"{\"symbols\":["+changed+"]}");
      if(answer.status!=200 && answer.status!=204)
        {
         Print("RiskMind: specifications were not taken: ",answer.status," ",answer.body,answer.problem);
         return;
        }
      for(int i=0;i<ArraySize(m_symbols);i++)
         m_specs[i]=fresh[i];
     }
   string            Spec(const string symbol)
     {
      SSymbolTerms terms;
      if(!ReadTerms(symbol,terms))
         return("");
      CJsonWriter json;
      json.Text("name",symbol);
      json.Text("broker_symbol",symbol);
      json.Integer("digits",SymbolInfoInteger(symbol,SYMBOL_DIGITS));
      json.Number("point",terms.point,10);
      json.Number("tick_size",terms.tick_size,10);
      json.Number("tick_value",SymbolInfoDouble(symbol,SYMBOL_TRADE_TICK_VALUE),8);
      json.Number("tick_value_profit",SymbolInfoDouble(symbol,SYMBOL_TRADE_TICK_VALUE_PROFIT),8);
      json.Number("tick_value_loss",terms.tick_value_loss,8);
      json.Number("contract_size",terms.contract_size,4);
      json.Number("volume_min",terms.volume_min,8);
      json.Number("volume_max",terms.volume_max,8);
      json.Number("volume_step",terms.volume_step,8);
      json.Number("volume_limit",terms.volume_limit,8);
      json.Integer("stops_level_points",terms.stops_level_points);
      json.Integer("freeze_level_points",SymbolInfoInteger(symbol,SYMBOL_TRADE_FREEZE_LEVEL));
      json.Integer("filling_mode",SymbolInfoInteger(symbol,SYMBOL_FILLING_MODE));
      json.Integer("trade_mode",terms.trade_mode);
      json.Integer("calc_mode",SymbolInfoInteger(symbol,SYMBOL_TRADE_CALC_MODE));
      json.Integer("execution_mode",SymbolInfoInteger(symbol,SYMBOL_TRADE_EXEMODE));
      json.Text("currency_base",SymbolInfoString(symbol,SYMBOL_CURRENCY_BASE));
      json.Text("currency_profit",SymbolInfoString(symbol,SYMBOL_CURRENCY_PROFIT));
      json.Text("currency_margin",SymbolInfoString(symbol,SYMBOL_CURRENCY_MARGIN));
      if(terms.margin_per_lot>0.0)
         json.Number("margin_per_lot",terms.margin_per_lot,2);
      if(terms.profit_rate>0.0)
         json.Number("loss_per_lot_check",terms.profit_rate*1000.0*terms.tick_size*terms.contract_size,8);
      return(json.IsSane() ? json.Object() : "");
     }

   string            Snapshot(const string reason)
     {
      bool complete=true;
      m_seq++;
      ulong began_ms=GetTickCount64();
      CJsonWriter json;
      json.Integer("seq",m_seq);
      json.Text("instance_id",m_instance);
      json.Integer("fence",m_fence);
      json.Text("taken_at",Iso(TimeGMT()));
      json.Text("reason",reason);
      json.Raw("market",Market());
      json.Raw("account",Account());
      json.Flag("trade_allowed",IsTradeAllowed());
      json.Raw("positions",Positions(complete));
      json.Raw("orders",Orders(complete));
      json.Raw("deals",Deals(complete));
      json.Integer("deals_since_ms",m_deals_since_ms);
      json.Raw("quotes",Quotes());
      json.Raw("assignments","[]");
      json.Raw("health",Health());
      json.Integer("desired_version",0);
      json.Flag("complete",complete && TerminalInfoInteger(TERMINAL_CONNECTED)!=0);
      json.Integer("age_ms",(long)(GetTickCount64()-began_ms));
      return(json.Object());
     }
   //--- the broker's clock is ahead of UTC by this, to the nearest quarter of an hour
   long              OffsetS(void)
     {
      return((long)MathRound((double)(TimeTradeServer()-TimeGMT())/900.0)*900);
     }
   string            Market(void)
     {
      CJsonWriter json;
      json.Text("market_at",Iso(TimeGMT()));
      json.Integer("server_offset_s",OffsetS());
      return(json.Object());
     }
   string            Account(void)
     {
      CJsonWriter json;
      json.Number("balance",AccountInfoDouble(ACCOUNT_BALANCE),2);
      json.Number("equity",AccountInfoDouble(ACCOUNT_EQUITY),2);
      json.Number("margin",AccountInfoDouble(ACCOUNT_MARGIN),2);
      json.Number("free_margin",AccountInfoDouble(ACCOUNT_MARGIN_FREE),2);
      json.Number("credit",AccountInfoDouble(ACCOUNT_CREDIT),2);
      json.Number("profit",AccountInfoDouble(ACCOUNT_PROFIT),2);
      return(json.Object());
     }
   string            Positions(bool &complete)
     {
      string rows="";
      int count=PositionsTotal();
      for(int i=0;i<count;i++)
        {
         ulong ticket=PositionGetTicket(i);
         if(ticket==0)
           {
            complete=false; // it may have been closed between the count and the look: the next snapshot knows
            continue;
           }
         string symbol=PositionGetString(POSITION_SYMBOL);
         int digits=(int)SymbolInfoInteger(symbol,SYMBOL_DIGITS);
         CJsonWriter json;
         json.Integer("ticket",(long)ticket);
         json.Integer("position_id",PositionGetInteger(POSITION_IDENTIFIER));
         json.Integer("magic",PositionGetInteger(POSITION_MAGIC));
         json.Text("symbol",symbol);
         json.Text("side",PositionGetInteger(POSITION_TYPE)==POSITION_TYPE_BUY ? "BUY" : "SELL");
         json.Number("volume_lots",PositionGetDouble(POSITION_VOLUME),8);
         json.Number("entry_price",PositionGetDouble(POSITION_PRICE_OPEN),digits);
         json.Price("stop_loss",PositionGetDouble(POSITION_SL),digits);
         json.Price("take_profit",PositionGetDouble(POSITION_TP),digits);
         json.Number("current_price",PositionGetDouble(POSITION_PRICE_CURRENT),digits);
         json.Number("profit",PositionGetDouble(POSITION_PROFIT),2);
         json.Number("swap",PositionGetDouble(POSITION_SWAP),2);
         json.Text("comment",PositionGetString(POSITION_COMMENT));
         json.Text("opened_at",Iso((datetime)(PositionGetInteger(POSITION_TIME)-OffsetS())));
         rows+=(rows=="" ? "" : ",")+json.Object();
        }
      return("["+rows+"]");
     }
   string            Orders(bool &complete)
     {
      string rows="";
      int count=OrdersTotal();
      for(int i=0;i<count;i++)
        {
         ulong ticket=OrderGetTicket(i);
         if(ticket==0)
           {
            complete=false;
            continue;
           }
         string symbol=OrderGetString(ORDER_SYMBOL),kind=EnumToString((ENUM_ORDER_TYPE)OrderGetInteger(ORDER_TYPE));
         int digits=(int)SymbolInfoInteger(symbol,SYMBOL_DIGITS);
         CJsonWriter json;
         StringReplace(kind,"ORDER_TYPE_","");
         json.Integer("ticket",(long)ticket);
         json.Integer("magic",OrderGetInteger(ORDER_MAGIC));
         json.Text("symbol",symbol);
         json.Text("order_type",kind);
         json.Number("volume_lots",OrderGetDouble(ORDER_VOLUME_CURRENT),8);
         json.Number("price",OrderGetDouble(ORDER_PRICE_OPEN),digits);
         json.Price("stop_loss",OrderGetDouble(ORDER_SL),digits);
         json.Price("take_profit",OrderGetDouble(ORDER_TP),digits);
         json.Text("comment",OrderGetString(ORDER_COMMENT));
         json.Text("placed_at",Iso((datetime)(OrderGetInteger(ORDER_TIME_SETUP)-OffsetS())));
         rows+=(rows=="" ? "" : ",")+json.Object();
        }
      return("["+rows+"]");
     }
   //--- all deals since the server's cursor, with an overlap: it counts each once
   string            Deals(bool &complete)
     {
      string rows="";
      datetime since=(datetime)(m_deals_since_ms/1000-RISKMIND_OVERLAP_S);
      if(!HistorySelect(since<0 ? 0 : since,TimeTradeServer()+86400))
        {
         complete=false;
         return("[]");
        }
      for(int i=0;i<HistoryDealsTotal();i++)
        {
         ulong ticket=HistoryDealGetTicket(i);
         if(ticket==0)
           {
            complete=false;
            continue;
           }
         long raw_ms=HistoryDealGetInteger(ticket,DEAL_TIME_MSC);
         CJsonWriter json;
         json.Integer("ticket",(long)ticket);
         json.Integer("order_ticket",HistoryDealGetInteger(ticket,DEAL_ORDER));
         json.Integer("position_id",HistoryDealGetInteger(ticket,DEAL_POSITION_ID));
         json.Integer("deal_type",HistoryDealGetInteger(ticket,DEAL_TYPE));
         json.Integer("entry",HistoryDealGetInteger(ticket,DEAL_ENTRY));
         json.Integer("reason",HistoryDealGetInteger(ticket,DEAL_REASON));
         json.Text("symbol",HistoryDealGetString(ticket,DEAL_SYMBOL));
         json.Integer("magic",HistoryDealGetInteger(ticket,DEAL_MAGIC));
         json.Number("volume_lots",HistoryDealGetDouble(ticket,DEAL_VOLUME),8);
         json.Number("price",HistoryDealGetDouble(ticket,DEAL_PRICE),8);
         json.Number("profit",HistoryDealGetDouble(ticket,DEAL_PROFIT),2);
         json.Number("commission",HistoryDealGetDouble(ticket,DEAL_COMMISSION),2);
         json.Number("swap",HistoryDealGetDouble(ticket,DEAL_SWAP),2);
         json.Number("fee",HistoryDealGetDouble(ticket,DEAL_FEE),2);
         json.Text("comment",HistoryDealGetString(ticket,DEAL_COMMENT));
         json.Integer("time_raw_ms",raw_ms);
         json.Text("market_at",Iso((datetime)(raw_ms/1000-OffsetS())));
         rows+=(rows=="" ? "" : ",")+json.Object();
        }
      return("["+rows+"]");
     }
   string            Quotes(void)
     {
      string rows="";
      for(int i=0;i<ArraySize(m_symbols);i++)
        {
         MqlTick tick;
         if(!SymbolInfoTick(m_symbols[i],tick) || tick.bid<=0.0 || tick.ask<tick.bid)
            continue;
         int digits=(int)SymbolInfoInteger(m_symbols[i],SYMBOL_DIGITS);
         CJsonWriter json;
         json.Text("symbol",m_symbols[i]);
         json.Number("bid",tick.bid,digits);
         json.Number("ask",tick.ask,digits);
         json.Text("market_at",Iso((datetime)(tick.time-OffsetS())));
         rows+=(rows=="" ? "" : ",")+json.Object();
        }
      return("["+rows+"]");
     }
   string            Health(void)
     {
      CJsonWriter json;
      json.Integer("rss_bytes",(long)TerminalInfoInteger(TERMINAL_MEMORY_USED)*1048576);
      json.Integer("threads",1);
      json.Integer("spool_reports",0);
      json.Integer("journal_bytes",0);
      json.Number("uptime_s",(double)(GetTickCount64()-m_started_ms)/1000.0,3);
      json.Text("last_error",StringSubstr(m_problem,0,200));
      return(json.Object());
     }
  };
#endif
