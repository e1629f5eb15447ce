//+------------------------------------------------------------------+
//| RiskMind\Terminal.mqh: what this terminal says of its symbols    |
//| and of what is open.                                             |
//+------------------------------------------------------------------+
#ifndef RISKMIND_TERMINAL_MQH
#define RISKMIND_TERMINAL_MQH
#include "Sizing.mqh"

string Iso(const datetime moment)
  {
   string text=TimeToString(moment,TIME_DATE|TIME_SECONDS);
   StringReplace(text,".","-");
   StringReplace(text," ","T");
   return(text+"Z");
  }

//--- the terminal's own arithmetic at the stop is the second way of sizing; where it is silent, so is profit_rate
bool ReadTerms(const string symbol,SSymbolTerms &terms)
  {
   terms.name=symbol;
   terms.point=SymbolInfoDouble(symbol,SYMBOL_POINT);
   terms.tick_size=SymbolInfoDouble(symbol,SYMBOL_TRADE_TICK_SIZE);
   terms.tick_value_loss=SymbolInfoDouble(symbol,SYMBOL_TRADE_TICK_VALUE_LOSS);
   terms.contract_size=SymbolInfoDouble(symbol,SYMBOL_TRADE_CONTRACT_SIZE);
   terms.volume_min=SymbolInfoDouble(symbol,SYMBOL_VOLUME_MIN);
   terms.volume_max=SymbolInfoDouble(symbol,SYMBOL_VOLUME_MAX);
   terms.volume_step=SymbolInfoDouble(symbol,SYMBOL_VOLUME_STEP);
   terms.volume_limit=SymbolInfoDouble(symbol,SYMBOL_VOLUME_LIMIT);
   terms.volume_open=OpenVolume(symbol);
   terms.stops_level_points=(int)SymbolInfoInteger(symbol,SYMBOL_TRADE_STOPS_LEVEL);
   terms.trade_mode=(int)SymbolInfoInteger(symbol,SYMBOL_TRADE_MODE);
   terms.bid=SymbolInfoDouble(symbol,SYMBOL_BID);
   terms.ask=SymbolInfoDouble(symbol,SYMBOL_ASK);
   terms.commission_per_lot=0.0;
   terms.converts_at_stop=(SymbolInfoString(symbol,SYMBOL_CURRENCY_BASE)==AccountInfoString(ACCOUNT_CURRENCY)
                           && SymbolInfoString(symbol,SYMBOL_CURRENCY_PROFIT)!=AccountInfoString(ACCOUNT_CURRENCY));
   terms.profit_rate=ProfitRate(terms);
   terms.margin_per_lot=0.0;
   double margin=0.0;
   if(terms.ask>0.0 && OrderCalcMargin(ORDER_TYPE_BUY,symbol,1.0,terms.ask,margin))
      terms.margin_per_lot=margin;
   return(terms.point>0.0 && terms.bid>0.0 && terms.ask>=terms.bid);
  }

double ProfitRate(const SSymbolTerms &terms)
  {
   double profit=0.0,far=terms.bid-1000.0*terms.tick_size;
   if(!IsAbove(terms.contract_size) || !IsAbove(terms.tick_size) || far<=0.0)
      return(0.0);
   if(!OrderCalcProfit(ORDER_TYPE_BUY,terms.name,1.0,terms.bid,far,profit))
      return(0.0);
   return(-profit/(1000.0*terms.tick_size*terms.contract_size));
  }

double OpenVolume(const string symbol)
  {
   double lots=0.0;
   for(int i=PositionsTotal()-1;i>=0;i--)
      if(PositionGetTicket(i)>0 && PositionGetString(POSITION_SYMBOL)==symbol)
         lots+=PositionGetDouble(POSITION_VOLUME);
   return(lots);
  }

//--- what all open positions may still lose at their stops; below zero where a position has none or nobody can say
double CommittedLoss(void)
  {
   double total=0.0;
   for(int i=PositionsTotal()-1;i>=0;i--)
     {
      if(PositionGetTicket(i)==0)
         return(-1.0);
      int side=(PositionGetInteger(POSITION_TYPE)==POSITION_TYPE_BUY ? 1 : -1);
      double stop=PositionGetDouble(POSITION_SL),price=PositionGetDouble(POSITION_PRICE_CURRENT),loss=0.0;
      SSymbolTerms terms;
      if(stop<=0.0 || !ReadTerms(PositionGetString(POSITION_SYMBOL),terms))
         return(-1.0);
      if((price-stop)*side<=0.0)
         continue;
      if(LossPerLot(terms,price,stop,0.0,loss)!="")
         return(-1.0);
      total+=loss*PositionGetDouble(POSITION_VOLUME);
     }
   return(total);
  }
#endif
