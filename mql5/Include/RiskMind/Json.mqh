//+------------------------------------------------------------------+
//| RiskMind\Json.mqh: JSON written and read without a library.      |
//| The reader finds keys of the top level only, and says false for  |
//| anything it does not understand: the caller then does not trade. |
//+------------------------------------------------------------------+
#ifndef RISKMIND_JSON_MQH
#define RISKMIND_JSON_MQH

string JsonEscape(const string text)
  {
   string out="";
   int length=StringLen(text);
   for(int i=0;i<length;i++)
     {
      ushort letter=StringGetCharacter(text,i);
      if(letter=='"')
         out+="\\\"";
      else
         if(letter=='\\')
            out+="\\\\";
         else
            if(letter<32)
               out+=StringFormat("\\u%04x",(int)letter);
            else
               out+=ShortToString(letter);
     }
   return(out);
  }

class CJsonWriter
  {
private:
   string            m_body;
   bool              m_sane;
   void              Key(const string name)
     {
      if(StringLen(m_body)>0)
         m_body+=",";
      m_body+="\""+JsonEscape(name)+"\":";
     }
public:
                     CJsonWriter(void) : m_body(""),m_sane(true) {}
   void              Text(const string name,const string value) { Key(name); m_body+="\""+JsonEscape(value)+"\""; }
   void              Integer(const string name,const long value) { Key(name); m_body+=IntegerToString(value); }
   void              Flag(const string name,const bool value) { Key(name); m_body+=(value ? "true" : "false"); }
   void              Null(const string name) { Key(name); m_body+="null"; }
   void              Raw(const string name,const string json) { Key(name); m_body+=json; }
   //--- what is not a number makes the whole object unusable: see IsSane
   void              Number(const string name,const double value,const int digits)
     {
      if(!MathIsValidNumber(value))
         m_sane=false;
      Key(name);
      m_body+=DoubleToString(value,digits);
     }
   //--- 0.0 is how the terminal says "none" for stops and targets
   void              Price(const string name,const double value,const int digits)
     {
      if(value==0.0)
         Null(name);
      else
         Number(name,value,digits);
     }
   bool              IsSane(void) const { return(m_sane); }
   string            Object(void) const { return("{"+m_body+"}"); }
  };

//--- skips white space; returns the position of the next letter
int JsonSkip(const string json,int at)
  {
   int length=StringLen(json);
   while(at<length && StringGetCharacter(json,at)<=' ')
      at++;
   return(at);
  }

//--- reads the string that begins at the quote `at`; returns the position after it, or -1
int JsonReadText(const string json,int at,string &text)
  {
   text="";
   int length=StringLen(json);
   for(at++;at<length;at++)
     {
      ushort letter=StringGetCharacter(json,at);
      if(letter=='"')
         return(at+1);
      if(letter!='\\')
        {
         text+=ShortToString(letter);
         continue;
        }
      at++;
      if(at>=length)
         return(-1);
      letter=StringGetCharacter(json,at);
      if(letter=='u')
        {
         if(at+4>=length)
            return(-1);
         text+=ShortToString(JsonHex(StringSubstr(json,at+1,4)));
         at+=4;
         continue;
        }
      if(letter=='n')
         letter='\n';
      else
         if(letter=='t')
            letter='\t';
         else
            if(letter=='r')
               letter='\r';
      text+=ShortToString(letter);
     }
   return(-1);
  }

ushort JsonHex(const string digits)
  {
   int value=0;
   for(int i=0;i<StringLen(digits);i++)
     {
      int at=StringFind("0123456789abcdef0123456789ABCDEF",StringSubstr(digits,i,1));
      if(at<0)
         return('?');
      value=value*16+at%16;
     }
   return((ushort)value);
  }

//--- returns the position after the value that begins at `at` (object, array, string or word), or -1
int JsonSkipValue(const string json,int at)
  {
   int length=StringLen(json),depth=0;
   string ignored="";
   while(at<length)
     {
      ushort letter=StringGetCharacter(json,at);
      if(letter=='"')
        {
         at=JsonReadText(json,at,ignored);
         if(at<0)
            return(-1);
        }
      else
        {
         if(letter=='{' || letter=='[')
            depth++;
         if(letter=='}' || letter==']')
           {
            if(depth==0)
               return(at);
            depth--;
           }
         if(letter==',' && depth==0)
            return(at);
         at++;
         if(depth==0 && (letter=='}' || letter==']'))
            return(at);
        }
     }
   return(depth==0 ? at : -1);
  }

//--- the value of a key of the top level: strings unescaped, all else as it stands; false where there is none
bool JsonGet(const string json,const string name,string &value)
  {
   value="";
   int length=StringLen(json),at=JsonSkip(json,0);
   if(at>=length || StringGetCharacter(json,at)!='{')
      return(false);
   at++;
   while(true)
     {
      string key="";
      at=JsonSkip(json,at);
      if(at>=length || StringGetCharacter(json,at)!='"')
         return(false);
      at=JsonReadText(json,at,key);
      if(at<0)
         return(false);
      at=JsonSkip(json,at);
      if(at>=length || StringGetCharacter(json,at)!=':')
         return(false);
      at=JsonSkip(json,at+1);
      if(at>=length)
         return(false);
      if(key==name && StringGetCharacter(json,at)=='"')
         return(JsonReadText(json,at,value)>=0);
      int end=JsonSkipValue(json,at);
      if(end<0)
         return(false);
      if(key==name)
        {
         value=StringSubstr(json,at,end-at);
         StringTrimRight(value);
         return(StringLen(value)>0);
        }
      at=JsonSkip(json,end);
      if(at>=length || StringGetCharacter(json,at)!=',')
         return(false);
      at++;
     }
   return(false);
  }

//--- a finite number, written as JSON writes numbers; false for anything else
bool JsonGetNumber(const string json,const string name,double &number)
  {
   string text="";
   number=0.0;
   if(!JsonGet(json,name,text) || StringLen(text)>40)
      return(false);
   for(int i=0;i<StringLen(text);i++)
      if(StringFind("0123456789.eE+-",StringSubstr(text,i,1))<0)
         return(false);
   number=StringToDouble(text);
   return(MathIsValidNumber(number));
  }
#endif
