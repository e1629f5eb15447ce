//+------------------------------------------------------------------+
//| RiskMind\RiskMind.mqh: asks the server before every trade.       |
//|                                                                  |
//|   CRiskMindClient risk;                                          |
//|   risk.SetKey(InpKey);           // scope bots:session           |
//|   risk.Init("my-bot",10007,"https://risk.example.com");          |
//|   if(risk.RequestTradeApproval(_Symbol,POSITION_TYPE_BUY,Ask,sl, |
//|                                tp,0.10,lots,error))              |
//|      trade.Buy(lots,_Symbol,Ask,sl,tp,risk.Tag());               |
//|                                                                  |
//| Whatever is not a well-formed approval that is still valid is no |
//| trade. In the Strategy Tester, where no request can leave the    |
//| terminal, the offline limits decide (SetOfflineLimits).          |
//+------------------------------------------------------------------+
#ifndef RISKMIND_RISKMIND_MQH
#define RISKMIND_RISKMIND_MQH
#include "Json.mqh"
#include "Http.mqh"
#include "Store.mqh"
#include "Terminal.mqh"
#include "Offline.mqh"

#define RISKMIND_MOST_REPORTS 1000
#define RISKMIND_ATTEMPT_S    60

class CRiskMindClient
  {
private:
   string            m_server_url;
   string            m_session_token;
   string            m_bot_id;
   int               m_magic_number;
   string            m_key;
   int               m_timeout_ms;
   ulong             m_token_until_ms;
   bool              m_ready;
   CRiskMindHttp     m_http;
   CRiskMindStore    m_store;
   string            m_reports[];      // "path<TAB>body", oldest first; kept until acknowledged
   string            m_reason_code;
   string            m_tag;
   string            m_request_id;
   double            m_risk_amount;
   double            m_trailing;
   ulong             m_valid_until_ms;
   bool              m_offline_set;
   SOfflineLimits    m_limits;
   int               m_day_offset_s;
   datetime          m_day;
   double            m_initial_balance,m_day_balance,m_day_equity;

   //--- one POST; "" where no usable answer came, and m_reason_code says why
   string            SendPostRequest(string endpoint,string json_data)
     {
      return(Post(endpoint,json_data,"").body);
     }

public:
                     CRiskMindClient(void) : m_server_url(""),m_session_token(""),m_bot_id(""),m_magic_number(0),m_key(""),
                     m_timeout_ms(3000),m_token_until_ms(0),m_ready(false),m_reason_code(""),m_tag(""),m_request_id(""),
                     m_risk_amount(0.0),m_trailing(0.0),m_valid_until_ms(0),m_offline_set(false),m_day_offset_s(0),m_day(0),
                     m_initial_balance(0.0),m_day_balance(0.0),m_day_equity(0.0) {}

   void              Init(string bot_id,int magic,string server="http://localhost:8000")
     {
      m_bot_id=bot_id;
      m_magic_number=magic;
      m_server_url=server;
      m_session_token="";
      m_ready=m_http.Init(server,m_timeout_ms) && StringLen(bot_id)>0;
      m_store.Init(bot_id+"-"+IntegerToString(AccountInfoInteger(ACCOUNT_LOGIN)));
      m_store.Load(".reports",m_reports);
     }
   //--- an API key with the scope bots:session; it is exchanged for a token of one hour and sent nowhere else
   void              SetKey(string key) { m_key=key; m_session_token=""; }
   void              SetTimeout(int milliseconds) { m_timeout_ms=milliseconds; m_http.Init(m_server_url,milliseconds); }
   //--- for the Strategy Tester; day_offset_s: when the account's day begins, in seconds after the broker's midnight
   void              SetOfflineLimits(const SOfflineLimits &limits,const int day_offset_s)
     {
      m_limits=limits;
      m_day_offset_s=day_offset_s;
      m_offline_set=true;
      m_day=0;
      m_initial_balance=AccountInfoDouble(ACCOUNT_BALANCE);
     }

   string            ReasonCode(void) const { return(m_reason_code); }
   string            Tag(void) const        { return(m_tag); }       // goes into the order's comment
   string            RequestId(void) const  { return(m_request_id); }
   double            RiskAmount(void) const { return(m_risk_amount); }
   //--- how far behind the price the stop is to follow, as a share of the entry price; 0: the approval asks for none. An expert
   //--- with a trailing stop of its own needs no other. Keep it with the position: each keeps what its own approval said.
   double            TrailingStopFraction(void) const { return(m_trailing); }
   //--- the stop that share asks for the selected position, 0.0 where it stays; call it when a bar has closed
   double            NextStop(const double fraction) const
     {
      string symbol=PositionGetString(POSITION_SYMBOL);
      int side=(PositionGetInteger(POSITION_TYPE)==POSITION_TYPE_SELL ? -1 : 1);
      return(TrailedStop(fraction,side,PositionGetDouble(POSITION_PRICE_OPEN),PositionGetDouble(POSITION_SL),
                         PositionGetDouble(POSITION_PRICE_CURRENT),SymbolInfoDouble(symbol,SYMBOL_TRADE_TICK_SIZE)));
     }
   int               MagicNumber(void) const { return(m_magic_number); }
   int               WaitingReports(void) const { return(ArraySize(m_reports)); }
   //--- an approval must be used before its time is over, counted from when it was asked for
   bool              IsStillValid(void) const { return(GetTickCount64()<m_valid_until_ms); }

   bool              RequestTradeApproval(string symbol,ENUM_POSITION_TYPE direction,double entry_price,double sl,double tp,
                                          double requested_lots,double &approved_lots,string &error_msg)
     {
      approved_lots=0.0;
      error_msg="";
      Forget();
      if(MQLInfoInteger(MQL_TESTER)!=0)
         return(DecideOffline(symbol,direction,entry_price,sl,tp,requested_lots,approved_lots,error_msg));
      if(!m_ready)
         return(Refuse("NOT_INITIALISED","Init needs a bot id and an address that begins with http:// or https://",error_msg));
      string body=Request(symbol,direction,entry_price,sl,tp,requested_lots);
      if(body=="")
         return(Refuse("BAD_REQUEST","a price or a volume is not a number",error_msg));
      ulong asked_ms=0;
      string key=AttemptKey(body,asked_ms);
      if(key=="")
         return(Refuse("NOT_STORED","the attempt could not be written to disk, so it is not made",error_msg));
      SHttpAnswer answer=Post("/api/v1/trades/approve",body,"Idempotency-Key: "+key+"\r\n");
      return(Read(answer,asked_ms,requested_lots,approved_lots,error_msg));
     }

   void              ReportTradeOpened(ulong ticket,double actual_lots,double actual_entry)
     {
      if(MQLInfoInteger(MQL_TESTER)!=0)
         return;
      CJsonWriter json;
      json.Text("bot_id",m_bot_id);
      json.Integer("ticket",(long)ticket);
      string symbol=(PositionSelectByTicket(ticket) ? PositionGetString(POSITION_SYMBOL) : _Symbol);
      int digits=(int)SymbolInfoInteger(symbol,SYMBOL_DIGITS);
      json.Text("symbol",symbol);
      json.Text("direction",PositionGetInteger(POSITION_TYPE)==POSITION_TYPE_SELL ? "SELL" : "BUY");
      json.Number("actual_lots",actual_lots,8);
      json.Number("actual_entry",actual_entry,digits);
      json.Price("stop_loss",PositionGetDouble(POSITION_SL),digits);
      json.Price("take_profit",PositionGetDouble(POSITION_TP),digits);
      json.Text("request_id",m_request_id);
      json.Text("comment",PositionGetString(POSITION_COMMENT));
      json.Text("report_id",Uuid());
      Keep("/api/v1/trades/opened",json.Object());
      Flush();
     }
   void              ReportTradeClosed(ulong ticket,string exit_reason="UNKNOWN")
     {
      if(MQLInfoInteger(MQL_TESTER)!=0)
         return;
      CJsonWriter json;
      json.Text("bot_id",m_bot_id);
      json.Integer("ticket",(long)ticket);
      json.Text("exit_reason",exit_reason);
      json.Text("report_id",Uuid());
      Keep("/api/v1/trades/closed",json.Object());
      Flush();
     }
   //--- sends what has not been acknowledged yet; call it from OnTimer. Returns how many reports are left.
   int               Flush(void)
     {
      while(ArraySize(m_reports)>0)
        {
         int tab=StringFind(m_reports[0],"\t");
         SHttpAnswer answer=Post(StringSubstr(m_reports[0],0,tab),StringSubstr(m_reports[0],tab+1),"");
         bool again=(answer.status==0 || answer.status==401 || answer.status==403 || answer.status==408 || answer.status==429
                     || answer.status>=500);
         if(again)
            break;
         if(answer.status>=400)
            Print("RiskMind: the server does not take a report: ",answer.body);
         else
            Obey(answer.body);
         DropFirst();
        }
      return(ArraySize(m_reports));
     }
   //--- what the server wants done with a position: "close" or "reduce"; false where nothing is waiting
   bool              NextAction(string &action,ulong &ticket,double &lots)
     {
      int count=ArraySize(m_actions);
      if(count==0)
         return(false);
      double number=0.0;
      JsonGet(m_actions[0],"action",action);
      ticket=(JsonGetNumber(m_actions[0],"ticket",number) ? (ulong)number : 0);
      lots=(JsonGetNumber(m_actions[0],"lots",number) ? number : 0.0);
      for(int i=1;i<count;i++)
         m_actions[i-1]=m_actions[i];
      ArrayResize(m_actions,count-1);
      return(ticket>0);
     }

private:
   string            m_actions[];

   void              Forget(void)
     {
      m_reason_code="";
      m_tag="";
      m_request_id="";
      m_risk_amount=0.0;
      m_trailing=0.0;
      m_valid_until_ms=0;
     }
   bool              Refuse(const string code,const string message,string &error_msg)
     {
      m_reason_code=code;
      error_msg=code+": "+message;
      return(false);
     }

   string            Request(const string symbol,const ENUM_POSITION_TYPE direction,const double entry,const double sl,
                             const double tp,const double lots)
     {
      int digits=(int)SymbolInfoInteger(symbol,SYMBOL_DIGITS);
      CJsonWriter json;
      json.Text("bot_id",m_bot_id);
      json.Text("symbol",symbol);
      json.Text("direction",direction==POSITION_TYPE_SELL ? "SELL" : "BUY");
      json.Number("entry_price",entry,digits);
      json.Number("stop_loss",sl,digits);
      json.Price("take_profit",tp,digits);
      json.Number("requested_lots",lots,8);
      return(json.IsSane() ? json.Object() : "");
     }

   //--- The key of this attempt, on disk before it is used. Where no answer came to the last attempt and the same is asked
   //--- again within a minute, it is the same attempt: the server then answers the same verdict and reserves nothing twice.
   string            AttemptKey(const string body,ulong &asked_ms)
     {
      string kept[];
      datetime now=TimeLocal();
      asked_ms=GetTickCount64();
      if(m_store.Load(".attempt",kept)==4 && kept[1]==body && now-(datetime)StringToInteger(kept[2])<RISKMIND_ATTEMPT_S
         && (ulong)StringToInteger(kept[3])<=asked_ms)
        {
         asked_ms=(ulong)StringToInteger(kept[3]);
         return(kept[0]);
        }
      ArrayResize(kept,4);
      kept[0]=Uuid();
      kept[1]=body;
      kept[2]=IntegerToString((long)now);
      kept[3]=IntegerToString((long)asked_ms);
      return(m_store.Save(".attempt",kept) ? kept[0] : "");
     }
   void              EndAttempt(void)
     {
      string nothing[];
      m_store.Save(".attempt",nothing);
     }

   bool              Read(const SHttpAnswer &answer,const ulong asked_ms,const double requested_lots,double &approved_lots,
                          string &error_msg)
     {
      if(answer.status==0)
         return(Refuse("NO_ANSWER",answer.problem,error_msg));
      string code="",text="",approved="";
      double lots=0.0,valid_ms=0.0,risk=0.0;
      if(answer.status>=500 || answer.status==401 || answer.status==429)
         return(Refuse("NOT_JUDGED",StringFormat("HTTP %d",answer.status),error_msg));
      EndAttempt();
      if(answer.status!=200)
        {
         if(!JsonGet(answer.body,"code",code))
            code=StringFormat("HTTP_%d",answer.status);
         JsonGet(answer.body,"message",text);
         return(Refuse(code,text,error_msg));
        }
      JsonGet(answer.body,"request_id",m_request_id);
      if(!JsonGet(answer.body,"approved",approved) || !JsonGet(answer.body,"reason_code",code))
         return(Refuse("BAD_ANSWER","the answer cannot be read",error_msg));
      if(approved!="true")
        {
         JsonGet(answer.body,"rejection_reason",text);
         return(Refuse(code,text,error_msg));
        }
      if(!JsonGetNumber(answer.body,"adjusted_lots",lots) || !JsonGetNumber(answer.body,"valid_for_ms",valid_ms)
         || !JsonGetNumber(answer.body,"risk_amount",risk) || !JsonGet(answer.body,"tag",m_tag) || lots<=0.0
         || lots>requested_lots*(1.0+1e-9) || valid_ms<=0.0 || valid_ms>60000.0)
         return(Refuse("BAD_ANSWER","the approval cannot be read",error_msg));
      m_valid_until_ms=asked_ms+(ulong)valid_ms;
      if(!IsStillValid())
         return(Refuse("APPROVAL_EXPIRED","the approval came too late to be used",error_msg));
      double trailing=0.0;
      m_trailing=(JsonGetNumber(answer.body,"trailing_stop_fraction",trailing) && trailing>0.0 && trailing<=1.0 ? trailing : 0.0);
      m_risk_amount=risk;
      m_reason_code=code;
      approved_lots=lots;
      return(true);
     }

   //--- a POST with the session's token; a token the server no longer knows is renewed once
   SHttpAnswer       Post(const string path,const string body,const string headers)
     {
      SHttpAnswer answer=WithToken(path,body,headers);
      if(answer.status!=401 || m_key=="")
         return(answer);
      m_session_token="";
      return(WithToken(path,body,headers));
     }
   SHttpAnswer       WithToken(const string path,const string body,const string headers)
     {
      if(m_session_token=="" || GetTickCount64()>=m_token_until_ms)
        {
         SHttpAnswer session=m_http.Send("POST","/api/v1/bots/"+m_bot_id+"/session","Authorization: Bearer "+m_key+"\r\n","{}");
         if(session.status!=201 || !JsonGet(session.body,"session_token",m_session_token))
           {
            m_session_token="";
            return(session.status==201 || session.status==200 ? Unusable(session) : session);
           }
         m_token_until_ms=GetTickCount64()+3300000; // five minutes before its hour is over
        }
      return(m_http.Send("POST",path,"Authorization: Bearer "+m_session_token+"\r\n"+headers,body));
     }
   SHttpAnswer       Unusable(const SHttpAnswer &answer)
     {
      SHttpAnswer none=answer;
      none.status=0;
      none.problem="the server's session cannot be read";
      return(none);
     }

   void              Keep(const string path,const string body)
     {
      int count=ArraySize(m_reports);
      if(count>=RISKMIND_MOST_REPORTS)
        {
         Print("RiskMind: too many reports are waiting; the oldest is given up: ",m_reports[0]);
         DropFirst();
         count--;
        }
      ArrayResize(m_reports,count+1);
      m_reports[count]=path+"\t"+body;
      if(!m_store.Save(".reports",m_reports))
         Print("RiskMind: a report could not be written to disk; it is kept in memory only");
     }
   void              DropFirst(void)
     {
      int count=ArraySize(m_reports);
      for(int i=1;i<count;i++)
         m_reports[i-1]=m_reports[i];
      ArrayResize(m_reports,count-1);
      m_store.Save(".reports",m_reports);
     }
   void              Obey(const string body)
     {
      string action="";
      if(!JsonGet(body,"action",action) || action=="none")
         return;
      int count=ArraySize(m_actions);
      ArrayResize(m_actions,count+1);
      m_actions[count]=body;
     }

   bool              DecideOffline(const string symbol,const ENUM_POSITION_TYPE direction,const double entry,const double sl,
                                   const double tp,const double requested_lots,double &approved_lots,string &error_msg)
     {
      if(!m_offline_set)
         return(Refuse("NO_OFFLINE_LIMITS","call SetOfflineLimits before testing",error_msg));
      SSymbolTerms terms;
      if(!ReadTerms(symbol,terms))
         return(Refuse("SYMBOL_UNKNOWN","the terminal has no price of "+symbol,error_msg));
      RollDay();
      SOfflineAccount account;
      account.initial_balance=m_initial_balance;
      account.day_balance=m_day_balance;
      account.day_equity=m_day_equity;
      account.balance=AccountInfoDouble(ACCOUNT_BALANCE);
      account.equity=AccountInfoDouble(ACCOUNT_EQUITY);
      account.free_margin=AccountInfoDouble(ACCOUNT_MARGIN_FREE);
      account.committed=CommittedLoss();
      account.positions=PositionsTotal();
      SOfflineVerdict verdict=JudgeOffline(m_limits,account,terms,direction==POSITION_TYPE_SELL ? -1 : 1,entry,sl,tp,requested_lots);
      if(!verdict.approved)
         return(Refuse(verdict.code,"denied by the offline limits",error_msg));
      approved_lots=verdict.lots;
      m_risk_amount=verdict.risk_amount;
      m_trailing=m_limits.trailing_stop_fraction;
      m_reason_code=verdict.code;
      m_valid_until_ms=GetTickCount64()+5000;
      return(true);
     }
public:
   //--- call it on every tick in the tester, so that a day begins with the equity it really began with
   void              RollDay(void)
     {
      datetime today=(TimeTradeServer()-m_day_offset_s)/86400;
      if(today==m_day)
         return;
      m_day=today;
      m_day_balance=AccountInfoDouble(ACCOUNT_BALANCE);
      m_day_equity=AccountInfoDouble(ACCOUNT_EQUITY);
     }
private:
   string            Uuid(void)
     {
      string out="",letters="0123456789abcdef";
      uint mixed=(uint)GetMicrosecondCount()^(uint)TimeLocal();
      for(int i=0;i<32;i++)
        {
         mixed=mixed*1664525+1013904223;
         int nibble=(int)(((mixed>>16)^(uint)MathRand())&15);
         if(i==12)
            nibble=4;
         if(i==16)
            nibble=8|(nibble&3);
         if(i==8 || i==12 || i==16 || i==20)
            out+="-";
         out+=StringSubstr(letters,nibble,1);
        }
      return(out);
     }
  };
#endif
