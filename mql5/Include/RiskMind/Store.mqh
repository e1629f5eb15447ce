//+------------------------------------------------------------------+
//| RiskMind\Store.mqh: what must survive a restart of the terminal. |
//| One small file a bot under MQL5\Files\RiskMind, written whole to |
//| a second file and then renamed, so that it is never half there.  |
//+------------------------------------------------------------------+
#ifndef RISKMIND_STORE_MQH
#define RISKMIND_STORE_MQH

class CRiskMindStore
  {
private:
   string            m_name;
public:
                     CRiskMindStore(void) : m_name("") {}
   void              Init(const string owner) { m_name="RiskMind\\"+Clean(owner); }

   //--- lines that are still to be told, oldest first
   bool              Save(const string suffix,const string &lines[])
     {
      int file=FileOpen(m_name+suffix+".new",FILE_WRITE|FILE_TXT|FILE_UNICODE);
      if(file==INVALID_HANDLE)
         return(false);
      bool whole=true;
      for(int i=0;i<ArraySize(lines);i++)
        {
         string line=lines[i]+"\r\n";
         if(FileWriteString(file,line)==0)
            whole=false;
        }
      FileFlush(file);
      FileClose(file);
      return(whole && FileMove(m_name+suffix+".new",0,m_name+suffix,FILE_REWRITE));
     }

   int               Load(const string suffix,string &lines[])
     {
      ArrayResize(lines,0);
      int file=FileOpen(m_name+suffix,FILE_READ|FILE_TXT|FILE_UNICODE);
      if(file==INVALID_HANDLE)
         return(0);
      while(!FileIsEnding(file))
        {
         string line=FileReadString(file);
         if(StringLen(line)==0)
            continue;
         int count=ArraySize(lines);
         ArrayResize(lines,count+1);
         lines[count]=line;
        }
      FileClose(file);
      return(ArraySize(lines));
     }

private:
   //--- a file name of letters the file system takes everywhere
   string            Clean(const string text)
     {
      string out="";
      for(int i=0;i<StringLen(text);i++)
        {
         string letter=StringSubstr(text,i,1);
         out+=(StringFind("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_",letter)<0 ? "_" : letter);
        }
      return(out);
     }
  };
#endif
