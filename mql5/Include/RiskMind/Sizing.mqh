//+------------------------------------------------------------------+
//| RiskMind\Sizing.mqh: the largest volume whose loss at the stop   |
//| stays within the money at risk. The same rules, in the same      |
//| order and with the same codes, as the server's `size_position`;  |
//| shared vectors hold the two against each other.                  |
//+------------------------------------------------------------------+
#ifndef RISKMIND_SIZING_MQH
#define RISKMIND_SIZING_MQH

//--- What the broker says of a symbol; money in the account's currency, per lot.
//--- profit_rate: account currency for one unit of the profit currency, 0 where unknown.
struct SSymbolTerms
  {
   string            name;
   double            point;
   double            tick_size;
   double            tick_value_loss;
   double            contract_size;
   double            volume_min;
   double            volume_max;
   double            volume_step;
   double            volume_limit;
   double            volume_open;
   int               stops_level_points;
   int               trade_mode;
   double            profit_rate;
   bool              converts_at_stop;
   double            margin_per_lot;
   double            commission_per_lot;
   double            bid;
   double            ask;
  };

struct SSizing
  {
   string            code; // "" where lots can be answered for
   double            lots;
   double            loss_per_lot;
   double            risk_at_lots;
  };

//--- whole steps in `lots`, rounded down; a quotient may miss a whole step by a millionth
double FloorToStep(const double lots,const double step)
  {
   return(MathFloor(lots/step+0.000001)*step);
  }

bool IsOnTick(const double price,const double tick_size)
  {
   double ticks=price/tick_size;
   return(MathAbs(ticks-MathRound(ticks))<1e-6);
  }

//--- "" or why this side of the symbol cannot be opened
string CheckTradable(const SSymbolTerms &terms,const int side)
  {
   if(terms.trade_mode==SYMBOL_TRADE_MODE_CLOSEONLY)
      return("SYMBOL_CLOSE_ONLY");
   if(terms.trade_mode==SYMBOL_TRADE_MODE_LONGONLY && side<0)
      return("SYMBOL_LONG_ONLY");
   if(terms.trade_mode==SYMBOL_TRADE_MODE_SHORTONLY && side>0)
      return("SYMBOL_SHORT_ONLY");
   if(terms.trade_mode==SYMBOL_TRADE_MODE_DISABLED)
      return("SYMBOL_DISABLED");
   return("");
  }

bool IsAbove(const double number) { return(MathIsValidNumber(number) && number>0.0); }

//--- "" or why nothing can be worked out from these terms
string CheckTerms(const SSymbolTerms &terms)
  {
   if(!IsAbove(terms.point) || !IsAbove(terms.tick_size) || !IsAbove(terms.contract_size) || !IsAbove(terms.volume_min)
      || !IsAbove(terms.volume_max) || !IsAbove(terms.volume_step) || terms.volume_min>terms.volume_max)
      return("BAD_SYMBOL_SPEC");
   return(IsAbove(terms.tick_value_loss) ? "" : "NO_TICK_VALUE");
  }

//--- "" or why the stop cannot stand
string CheckStop(const SSymbolTerms &terms,const int side,const double entry,const double stop)
  {
   if(!IsAbove(stop))
      return("SL_MISSING");
   if(!IsAbove(entry))
      return("BAD_REQUEST");
   if((entry-stop)*side<=0.0)
      return("SL_WRONG_SIDE");
   if(!IsOnTick(stop,terms.tick_size) || !IsOnTick(entry,terms.tick_size))
      return("PRICE_NOT_ON_TICK");
   double market=(side>0 ? terms.bid : terms.ask);
   if(market<=0.0)
      market=entry;
   double nearest=terms.stops_level_points*terms.point;
   return((market-stop)*side<nearest-terms.tick_size*1e-6 ? "SL_TOO_CLOSE" : "");
  }

//--- what one lot loses at the stop, worked out in two ways that must agree within 2 %
string LossPerLot(const SSymbolTerms &terms,const double entry,const double stop,const double slippage,double &loss)
  {
   double distance=MathAbs(entry-stop),rate=(terms.converts_at_stop ? 1.0/stop : terms.profit_rate);
   if(!IsAbove(rate))
      return("NO_CONVERSION_RATE");
   double by_tick=distance/terms.tick_size*terms.tick_value_loss,by_rate=distance*terms.contract_size*rate;
   double worse=MathMax(by_tick,by_rate);
   if(MathAbs(by_tick-by_rate)>0.02*worse)
      return("TICK_VALUE_MISMATCH");
   loss=worse+slippage/distance*worse+terms.commission_per_lot;
   return("");
  }

//--- free_margin and position_margin (what one position may bind): below zero where it does not matter
SSizing SizePosition(const SSymbolTerms &terms,const int side,const double entry,const double stop,const double risk_money,
                     const double requested_lots,const double free_margin,const double slippage,const double position_margin=-1.0)
  {
   SSizing sized;
   sized.lots=0.0;
   sized.loss_per_lot=0.0;
   sized.risk_at_lots=0.0;
   sized.code=CheckTradable(terms,side);
   if(sized.code=="")
      sized.code=CheckTerms(terms);
   if(sized.code=="")
      sized.code=CheckStop(terms,side,entry,stop);
   if(sized.code=="")
      sized.code=LossPerLot(terms,entry,stop,slippage,sized.loss_per_lot);
   if(sized.code=="" && !IsAbove(risk_money))
      sized.code="RISK_NOT_POSITIVE";
   if(sized.code!="")
      return(sized);
   double lots=FloorToStep(risk_money/sized.loss_per_lot,terms.volume_step);
   if(terms.margin_per_lot>0.0 && position_margin>=0.0)
      sized.code=CapLots(terms,"POSITION_SIZE",position_margin/terms.margin_per_lot,lots);
   if(sized.code=="" && terms.margin_per_lot>0.0 && free_margin>=0.0)
      sized.code=CapLots(terms,"NO_MARGIN",free_margin/terms.margin_per_lot,lots);
   if(sized.code=="" && terms.volume_limit>0.0)
      sized.code=CapLots(terms,"VOLUME_LIMIT",MathMax(terms.volume_limit-terms.volume_open,0.0),lots);
   if(sized.code=="")
      sized.code=CapLots(terms,"VOLUME_MAX",terms.volume_max,lots);
   if(sized.code=="")
      sized.code=CapLots(terms,"BELOW_MIN_LOT",requested_lots,lots);
   if(sized.code=="" && lots<terms.volume_min-terms.volume_step*1e-6)
      sized.code="BELOW_MIN_LOT";
   if(sized.code!="")
      return(sized);
   sized.lots=lots;
   sized.risk_at_lots=lots*sized.loss_per_lot;
   return(sized);
  }

string CapLots(const SSymbolTerms &terms,const string code,const double most,double &lots)
  {
   if(!(most<lots-terms.volume_step*1e-6))
      return("");
   lots=FloorToStep(most,terms.volume_step);
   return(lots<terms.volume_min-terms.volume_step*1e-6 ? code : "");
  }
#endif
