//+------------------------------------------------------------------+
//| RiskMind\Offline.mqh: the limits that can be judged without the  |
//| server, for the Strategy Tester, where WebRequest does not run.  |
//| Live trading never uses it: no answer there is no trade.         |
//+------------------------------------------------------------------+
#ifndef RISKMIND_OFFLINE_MQH
#define RISKMIND_OFFLINE_MQH
#include "Sizing.mqh"

enum ENUM_DAY_BASE { DAY_BASE_BALANCE, DAY_BASE_EQUITY, DAY_BASE_HIGHER };

//--- fractions of 1: 0.05 is 5 %. max_positions 0: no limit.
struct SOfflineLimits
  {
   double            daily_loss_fraction;
   double            total_drawdown_fraction;
   double            max_risk_per_trade_fraction;
   int               max_positions;
   double            halted_fraction;
   ENUM_DAY_BASE     day_base;
   bool              daily_of_reference; // false: of the initial balance
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
   if(verdict.code=="" && account.committed<0.0)
      verdict.code="EXPOSURE_UNKNOWN";
   if(verdict.code!="")
      return(verdict);
   double base=MathMin(account.balance,account.equity);
   SSizing sized=SizePosition(terms,side,entry,stop,limits.max_risk_per_trade_fraction*base,requested_lots,
                              MathMax(account.free_margin,0.0),0.0);
   verdict.code=sized.code;
   if(verdict.code=="")
      verdict.code=CheckLosses(limits,account,sized.risk_at_lots);
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
