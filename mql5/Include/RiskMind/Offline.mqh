//+------------------------------------------------------------------+
//| RiskMind\Offline.mqh: the limits that can be judged without the  |
//| server, for the Strategy Tester, where WebRequest does not run.  |
//| Live trading never uses it: no answer there is no trade.         |
//+------------------------------------------------------------------+
#ifndef RISKMIND_OFFLINE_MQH
#define RISKMIND_OFFLINE_MQH
#include "Sizing.mqh"

enum ENUM_DAY_BASE { DAY_BASE_BALANCE, DAY_BASE_EQUITY, DAY_BASE_HIGHER };

//--- fractions of 1: 0.05 is 5 %. Zero is no limit for max_positions and for the last four: begin with ZeroMemory.
struct SOfflineLimits
  {
   double            daily_loss_fraction;
   double            total_drawdown_fraction;
   double            max_risk_per_trade_fraction;
   int               max_positions;
   double            halted_fraction;
   ENUM_DAY_BASE     day_base;
   bool              daily_of_reference; // false: of the initial balance
   double            max_position_fraction;  // margin of one position, of the risk base; shrinks lots
   double            max_stop_fraction;      // distance of a stop, of the entry price
   double            max_open_risk_fraction; // everything open to its stops, of the lower of initial balance and risk base
   double            trailing_stop_fraction; // no check: how far behind the price the stop follows, of the entry price
  };

//--- the account at this moment, and at the beginning of its day; money in its currency
struct SOfflineAccount
  {
   double            initial_balance;
   double            day_balance;
   double            day_equity;
   double            balance;
   double            equity;
   double            free_margin;
   double            committed; // what open positions may still lose at their stops; below zero: unknown
   int               positions;
  };

struct SOfflineVerdict
  {
   bool              approved;
   string            code;
   double            lots;
   double            risk_amount;
  };

//--- the server's checks in the server's order: numbers, size, day, drawdown, trade, positions
SOfflineVerdict JudgeOffline(const SOfflineLimits &limits,const SOfflineAccount &account,const SSymbolTerms &terms,
                             const int side,const double entry,const double stop,const double target,const double requested_lots)
  {
   SOfflineVerdict verdict;
   verdict.approved=false;
   verdict.lots=0.0;
   verdict.risk_amount=0.0;
   verdict.code=CheckAsked(terms,side,entry,stop,target,requested_lots);
   if(verdict.code=="" && limits.max_stop_fraction!=0.0 && !(MathAbs(entry-stop)<=limits.max_stop_fraction*entry*(1.0+1e-12)))
      verdict.code="STOP_TOO_FAR";
   if(verdict.code=="" && account.committed<0.0)
      verdict.code="EXPOSURE_UNKNOWN";
   if(verdict.code!="")
      return(verdict);
   double base=MathMin(account.balance,account.equity);
   SSizing sized=SizePosition(terms,side,entry,stop,limits.max_risk_per_trade_fraction*base,requested_lots,
                              MathMax(account.free_margin,0.0),0.0,PositionMargin(limits,base));
   verdict.code=sized.code;
   if(verdict.code=="")
      verdict.code=CheckLosses(limits,account,sized.risk_at_lots);
   if(verdict.code=="" && limits.max_open_risk_fraction!=0.0
      && !(account.committed+sized.risk_at_lots<=limits.max_open_risk_fraction*MathMin(account.initial_balance,base)*(1.0+1e-9)))
      verdict.code="OPEN_RISK_LIMIT";
   if(verdict.code=="" && limits.max_positions>0 && account.positions+1>limits.max_positions)
      verdict.code="MAX_POSITIONS";
   if(verdict.code!="")
      return(verdict);
   verdict.approved=true;
   verdict.code="APPROVED";
   verdict.lots=sized.lots;
   verdict.risk_amount=sized.risk_at_lots;
   return(verdict);
  }

//--- below zero: no limit
double PositionMargin(const SOfflineLimits &limits,const double base)
  {
   return(limits.max_position_fraction==0.0 ? -1.0 : MathMax(limits.max_position_fraction*base,0.0));
  }

//--- the stop that a position's trailing stop asks for now; 0.0 where it stays. It begins once it is no worse than the entry.
double TrailedStop(const double fraction,const int side,const double entry,const double stop,const double price,
                   const double tick_size)
  {
   if(!(fraction>0.0 && fraction<=1.0 && entry>0.0 && price>0.0 && tick_size>0.0))
      return(0.0);
   double distance=MathFloor(fraction*entry/tick_size+1e-6)*tick_size;
   double wanted=MathRound((price-side*distance)/tick_size)*tick_size;
   double half=tick_size*0.5;
   if(distance<half || (wanted-entry)*side<-half || (stop>0.0 && (wanted-stop)*side<half))
      return(0.0);
   return(wanted);
  }

string CheckAsked(const SSymbolTerms &terms,const int side,const double entry,const double stop,const double target,
                  const double requested_lots)
  {
   string code=CheckTradable(terms,side);
   if(code=="")
      code=CheckTerms(terms);
   if(code!="")
      return(code);
   if(!IsAbove(entry) || !IsAbove(requested_lots) || !IsAbove(stop) || !MathIsValidNumber(target) || target<0.0
      || entry>=1e9 || requested_lots>=1e9 || stop>=1e9 || target>=1e9)
      return("BAD_REQUEST");
   code=CheckStop(terms,side,entry,stop);
   if(code=="" && target>0.0 && (target-entry)*side<=0.0)
      code="TP_WRONG_SIDE";
   double market=(side>0 ? terms.ask : terms.bid);
   if(code=="" && market>0.0 && MathAbs(entry-market)>MathAbs(entry-stop)+terms.tick_size*1e-6)
      code="PRICE_OFF_MARKET";
   return(code);
  }

double DayReference(const SOfflineLimits &limits,const SOfflineAccount &account)
  {
   if(limits.day_base==DAY_BASE_EQUITY)
      return(account.day_equity);
   if(limits.day_base==DAY_BASE_HIGHER)
      return(MathMax(account.day_balance,account.day_equity));
   return(account.day_balance);
  }

//--- the comparisons say what must hold, so that what is not a number denies
string CheckLosses(const SOfflineLimits &limits,const SOfflineAccount &account,const double risk)
  {
   double reference=DayReference(limits,account);
   double limit=limits.daily_loss_fraction*(limits.daily_of_reference ? reference : account.initial_balance);
   double lost=reference-account.equity,slack=limit*1e-9;
   if(!(MathMax(lost,0.0)<limits.halted_fraction*limit && lost+account.committed+risk<=limit+slack))
      return("DAILY_LOSS_LIMIT");
   double allowance=limits.total_drawdown_fraction*account.initial_balance;
   double fallen=account.initial_balance-account.equity;
   if(!(MathMax(fallen,0.0)<limits.halted_fraction*allowance && fallen+account.committed+risk<=allowance+slack))
      return("DRAWDOWN_LIMIT");
   return("");
  }
#endif
