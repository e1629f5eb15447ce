//+------------------------------------------------------------------+
//| RiskMind\Http.mqh: one request, and what became of it.           |
//+------------------------------------------------------------------+
#ifndef RISKMIND_HTTP_MQH
#define RISKMIND_HTTP_MQH

//--- Status: the HTTP status, or 0 where no answer came. Nobody then knows whether the server has acted.
struct SHttpAnswer
  {
   int               status;
   string            body;
   string            headers;
   string            problem;
  };

class CRiskMindHttp
  {
private:
   string            m_server;
   int               m_timeout_ms;
public:
                     CRiskMindHttp(void) : m_server(""),m_timeout_ms(3000) {}

   //--- false where the address is not one WebRequest can use
   bool              Init(string server,const int timeout_ms)
     {
      while(StringLen(server)>0 && StringGetCharacter(server,StringLen(server)-1)=='/')
         server=StringSubstr(server,0,StringLen(server)-1);
      m_server=server;
      m_timeout_ms=timeout_ms;
      return(StringFind(server,"http://")==0 || StringFind(server,"https://")==0);
     }
   string            Server(void) const { return(m_server); }

   //--- headers: lines that end in \r\n. Status 0 with `problem` where nothing came back.
   SHttpAnswer       Send(const string method,const string path,const string headers,const string body)
     {
      SHttpAnswer answer;
      answer.status=0;
      answer.body="";
      answer.headers="";
      answer.problem="";
      char post[],result[];
      if(StringLen(body)>0)
        {
         int count=StringToCharArray(body,post,0,WHOLE_ARRAY,CP_UTF8);
         if(count>0)
            ArrayResize(post,count-1); // the copy ends with a zero that is no part of the body
        }
      ResetLastError();
      int status=WebRequest(method,m_server+path,"Content-Type: application/json\r\nAccept: application/json\r\n"+headers,
                            m_timeout_ms,post,result,answer.headers);
      if(status<100 || status>599)
        {
         answer.problem=Explain(GetLastError());
         return(answer);
        }
      answer.status=status;
      answer.body=CharArrayToString(result,0,WHOLE_ARRAY,CP_UTF8);
      return(answer);
     }

private:
   string            Explain(const int error)
     {
      if(error==ERR_FUNCTION_NOT_ALLOWED)
         return("WebRequest is not allowed: add "+m_server+" under Tools > Options > Expert Advisors (error 4014)");
      if(error==ERR_WEBREQUEST_INVALID_ADDRESS)
         return("the address "+m_server+" cannot be used (error 5200)");
      if(error==ERR_WEBREQUEST_CONNECT_FAILED)
         return("no connection to "+m_server+" (error 5201)");
      if(error==ERR_WEBREQUEST_TIMEOUT)
         return(StringFormat("no answer within %d ms (error 5202)",m_timeout_ms));
      return(StringFormat("the request failed (error %d)",error));
     }
  };
#endif
