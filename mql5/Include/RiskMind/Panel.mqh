//+------------------------------------------------------------------+
//| RiskMind\Panel.mqh: a few lines on the chart: is the server      |
//| there, how old is what it knows, and may new risk be taken.      |
//| Words first; the colour only repeats them.                       |
//+------------------------------------------------------------------+
#ifndef RISKMIND_PANEL_MQH
#define RISKMIND_PANEL_MQH

class CRiskMindPanel
  {
private:
   string            m_prefix;
   int               m_lines;
public:
                     CRiskMindPanel(void) : m_prefix("RiskMindPanel"),m_lines(0) {}

   void              Show(const string &lines[],const color &colors[])
     {
      int count=ArraySize(lines);
      for(int i=0;i<count;i++)
        {
         string name=m_prefix+IntegerToString(i);
         if(ObjectFind(0,name)<0)
           {
            ObjectCreate(0,name,OBJ_LABEL,0,0,0);
            ObjectSetInteger(0,name,OBJPROP_CORNER,CORNER_LEFT_UPPER);
            ObjectSetInteger(0,name,OBJPROP_XDISTANCE,12);
            ObjectSetInteger(0,name,OBJPROP_YDISTANCE,20+18*i);
            ObjectSetInteger(0,name,OBJPROP_FONTSIZE,10);
            ObjectSetInteger(0,name,OBJPROP_SELECTABLE,0);
            ObjectSetString(0,name,OBJPROP_FONT,"Segoe UI");
           }
         ObjectSetString(0,name,OBJPROP_TEXT,lines[i]);
         ObjectSetInteger(0,name,OBJPROP_COLOR,colors[i]);
        }
      for(int i=count;i<m_lines;i++)
         ObjectDelete(0,m_prefix+IntegerToString(i));
      m_lines=count;
      ChartRedraw(0);
     }
   void              Remove(void)
     {
      for(int i=0;i<m_lines;i++)
         ObjectDelete(0,m_prefix+IntegerToString(i));
      m_lines=0;
     }
  };
#endif
