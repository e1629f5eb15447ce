// The part of MetaTrader's CTrade our experts use: it writes down what was sent and opens the position in the world.
class CTrade
  {
private:
   ulong m_magic,m_order;
   bool Open(const int side,const double lots,const string symbol,const double price,const double sl,const double tp,const string comment)
     {
      m_order=world.next_ticket++;
      Row row;
      row.ticket=m_order;
      row.numbers[POSITION_VOLUME]=lots;
      row.numbers[POSITION_PRICE_OPEN]=price;
      row.numbers[POSITION_PRICE_CURRENT]=price;
      row.numbers[POSITION_SL]=sl;
      row.numbers[POSITION_TP]=tp;
      row.integers[POSITION_TYPE]=side>0 ? 0 : 1;
      row.integers[POSITION_MAGIC]=(long)m_magic;
      row.integers[POSITION_IDENTIFIER]=(long)m_order;
      row.integers[POSITION_TIME]=TimeTradeServer();
      row.texts[POSITION_SYMBOL]=symbol.u8();
      row.texts[POSITION_COMMENT]=comment.u8();
      world.positions.push_back(row);
      world.sent.push_back(StringFormat("%s %.2f %s",side>0 ? string("BUY") : string("SELL"),lots,comment).u8());
      return(true);
     }
public:
   CTrade(void) : m_magic(0),m_order(0) {}
   void SetExpertMagicNumber(const ulong magic) { m_magic=magic; }
   ulong ResultOrder(void) const { return(m_order); }
   bool Buy(const double lots,const string symbol,const double price,const double sl,const double tp,const string comment) { return(Open(1,lots,symbol,price,sl,tp,comment)); }
   bool Sell(const double lots,const string symbol,const double price,const double sl,const double tp,const string comment) { return(Open(-1,lots,symbol,price,sl,tp,comment)); }
   bool PositionClose(const ulong ticket) { world.sent.push_back(StringFormat("CLOSE %I64u",ticket).u8()); return(true); }
   bool PositionModify(const ulong ticket,const double sl,const double tp) { world.sent.push_back(StringFormat("MODIFY %I64u %.5f %.5f",ticket,sl,tp).u8()); return(true); }
   bool PositionClosePartial(const ulong ticket,const double lots) { world.sent.push_back(StringFormat("REDUCE %I64u %.2f",ticket,lots).u8()); return(true); }
  };
