// Enough of MQL5's run-time library to run our own includes and experts on Linux: strings are UTF-16 and bounds-checked as in
// the terminal, formats are type-checked, WebRequest goes out over a real socket, and the account is a `World` a test fills.
// The terminal itself compiles the originals; this only lets a test see them run.
#pragma once
#include <algorithm>
#include <arpa/inet.h>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>
#include <netdb.h>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <type_traits>
#include <unistd.h>
#include <vector>

typedef unsigned char uchar;
typedef unsigned short ushort;
typedef unsigned int uint;
typedef unsigned long ulong;
typedef long datetime;
typedef unsigned int color;
static_assert(sizeof(long) == 8, "MQL5's long has 64 bits");

// --- strings -------------------------------------------------------------------------------------------------------------
class string {
  std::u16string units;
  void read8(const std::string &bytes) {
    for (size_t i = 0; i < bytes.size();) {
      unsigned first = (uchar)bytes[i];
      int length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
      unsigned point = length == 1 ? first : first & (0xFF >> (length + 1));
      for (int k = 1; k < length && i + k < bytes.size(); k++) point = (point << 6) | ((uchar)bytes[i + k] & 0x3F);
      i += length;
      if (point > 0xFFFF) {
        point -= 0x10000;
        units += (char16_t)(0xD800 + (point >> 10));
        units += (char16_t)(0xDC00 + (point & 0x3FF));
      } else
        units += (char16_t)point;
    }
  }

 public:
  string() {}
  string(const char *text) { if (text) read8(text); }
  string(const std::string &text) { read8(text); }
  string(const std::u16string &text) : units(text) {}
  template <class T, typename std::enable_if<std::is_arithmetic<T>::value, int>::type = 0> explicit string(T value) {
    char out[64];
    if (std::is_same<T, bool>::value) snprintf(out, 64, "%s", value ? "true" : "false");
    else if (std::is_floating_point<T>::value) snprintf(out, 64, "%.8g", (double)value);
    else snprintf(out, 64, "%lld", (long long)value);
    read8(out);
  }
  std::string u8() const {
    std::string out;
    for (size_t i = 0; i < units.size(); i++) {
      unsigned point = units[i];
      if (point >= 0xD800 && point < 0xDC00 && i + 1 < units.size()) point = 0x10000 + ((point - 0xD800) << 10) + (units[++i] - 0xDC00);
      if (point < 0x80) out += (char)point;
      else if (point < 0x800) { out += (char)(0xC0 | point >> 6); out += (char)(0x80 | (point & 63)); }
      else if (point < 0x10000) { out += (char)(0xE0 | point >> 12); out += (char)(0x80 | (point >> 6 & 63)); out += (char)(0x80 | (point & 63)); }
      else { out += (char)(0xF0 | point >> 18); out += (char)(0x80 | (point >> 12 & 63)); out += (char)(0x80 | (point >> 6 & 63)); out += (char)(0x80 | (point & 63)); }
    }
    return out;
  }
  const std::u16string &raw() const { return units; }
  std::u16string &raw() { return units; }
  string &operator+=(const string &other) { units += other.units; return *this; }
  bool operator==(const string &other) const { return units == other.units; }
  bool operator!=(const string &other) const { return units != other.units; }
};
inline string operator"" _s(const char *text, size_t size) { return string(std::string(text, size)); }
inline string operator+(const string &a, const string &b) { string out = a; out += b; return out; }

template <class T> class MqlArray {
  std::vector<T> items;
 public:
  T &operator[](int i) { return items.at(i); }
  const T &operator[](int i) const { return items.at(i); }
  std::vector<T> &vec() { return items; }
  const std::vector<T> &vec() const { return items; }
};
template <class T> void ZeroMemory(T &x) { x = T{}; }
template <class T> int ArraySize(const MqlArray<T> &a) { return (int)a.vec().size(); }
template <class T> int ArrayResize(MqlArray<T> &a, int n, int = 0) { a.vec().resize(n); return n; }

enum { CP_ACP = 0, CP_UTF8 = 65001 };
const int WHOLE_ARRAY = -1, INVALID_HANDLE = -1;
inline int StringLen(const string &s) { return (int)s.raw().size(); }
inline string StringSubstr(const string &s, int at, int n = -1) {
  if (at < 0 || at > StringLen(s)) return "";
  return string(s.raw().substr(at, n < 0 ? std::u16string::npos : n));
}
inline int StringFind(const string &s, const string &what, int at = 0) {
  auto found = s.raw().find(what.raw(), at);
  return found == std::u16string::npos ? -1 : (int)found;
}
inline ushort StringGetCharacter(const string &s, int at) { return s.raw().at(at); }
inline string ShortToString(ushort letter) { return string(std::u16string(1, (char16_t)letter)); }
inline int StringReplace(string &s, const string &from, const string &to) {
  int count = 0;
  for (size_t at = 0; (at = s.raw().find(from.raw(), at)) != std::u16string::npos; count++) {
    s.raw().replace(at, from.raw().size(), to.raw());
    at += to.raw().size();
  }
  return count;
}
inline int StringTrimRight(string &s) { int n = 0; while (StringLen(s) && s.raw().back() <= ' ') { s.raw().pop_back(); n++; } return n; }
inline int StringTrimLeft(string &s) { int n = 0; while (StringLen(s) && s.raw().front() <= ' ') { s.raw().erase(0, 1); n++; } return n; }
inline int StringSplit(const string &s, ushort separator, MqlArray<string> &out) {
  out.vec().clear();
  std::u16string part;
  for (char16_t unit : s.raw()) { if (unit == separator) { out.vec().push_back(string(part)); part.clear(); } else part += unit; }
  if (StringLen(s)) out.vec().push_back(string(part));
  return ArraySize(out);
}
inline double StringToDouble(const string &s) { return atof(s.u8().c_str()); }
inline long StringToInteger(const string &s) { return atol(s.u8().c_str()); }
inline string IntegerToString(long value) { return string(std::to_string(value)); }
inline string DoubleToString(double value, int digits = 8) { char out[400]; snprintf(out, 400, "%.*f", digits, value); return string(out); }
// Copies the terminating zero where the count is not given, and never shrinks the array: as the terminal does.
inline int StringToCharArray(const string &s, MqlArray<char> &to, int start, int count, uint) {
  std::string bytes = s.u8();
  int n = count < 0 ? (int)bytes.size() + 1 : count;
  if ((int)to.vec().size() < start + n) to.vec().resize(start + n);
  for (int i = 0; i < n; i++) to[start + i] = i < (int)bytes.size() ? bytes[i] : 0;
  return n;
}
inline string CharArrayToString(const MqlArray<char> &from, int start, int count, uint) {
  std::string bytes;
  for (int i = start; i < ArraySize(from) && (count < 0 || i < start + count) && from[i]; i++) bytes += from[i];
  return string(bytes);
}

// --- formats -------------------------------------------------------------------------------------------------------------
struct MqlArg {
  int kind; long long whole; double real; std::string text;
  MqlArg(const string &s) : kind(2), whole(0), real(0), text(s.u8()) {}
  template <class T, typename std::enable_if<std::is_floating_point<T>::value, int>::type = 0> MqlArg(T v) : kind(1), whole(0), real(v) {}
  template <class T, typename std::enable_if<std::is_integral<T>::value || std::is_enum<T>::value, int>::type = 0> MqlArg(T v) : kind(0), whole((long long)v), real(0) {}
};
inline void mql_fault(const char *what) { fprintf(stderr, "MQL5 fault: %s\n", what); abort(); }
inline std::string mql_format(const std::string &f, const std::vector<MqlArg> &args) {
  std::string out;
  size_t next = 0;
  for (size_t i = 0; i < f.size(); i++) {
    if (f[i] != '%') { out += f[i]; continue; }
    if (f[i + 1] == '%') { out += '%'; i++; continue; }
    size_t j = i + 1;
    while (j < f.size() && !isalpha(f[j])) j++;
    std::string flags = f.substr(i, j - i);
    if (f.compare(j, 3, "I64") == 0) j += 3;
    char kind = f[j], part[512];
    if (next >= args.size()) mql_fault("a format lacks an argument");
    const MqlArg &arg = args[next++];
    if (kind == 's') { if (arg.kind != 2) mql_fault("%s needs a string"); snprintf(part, 512, (flags + "s").c_str(), arg.text.c_str()); }
    else if (strchr("fegEG", kind)) { if (arg.kind != 1) mql_fault("%f needs a double"); snprintf(part, 512, (flags + kind).c_str(), arg.real); }
    else { if (arg.kind != 0) mql_fault("%d needs an integer"); snprintf(part, 512, (flags + "ll" + kind).c_str(), arg.whole); }
    out += part;
    i = j;
  }
  if (next != args.size()) mql_fault("a format has too many arguments");
  return out;
}
template <class... A> string StringFormat(const string &f, const A &...a) { return string(mql_format(f.u8(), std::vector<MqlArg>{MqlArg(a)...})); }
inline std::string mql_text(const string &s) { return s.u8(); }
template <class T> std::string mql_text(const T &x) { return string(x).u8(); }
template <class... A> void Print(const A &...a) { std::string line; ((line += mql_text(a)), ...); fprintf(stderr, "[Print] %s\n", line.c_str()); }
template <class... A> void Alert(const A &...a) { Print(a...); }

// --- the world a test fills ----------------------------------------------------------------------------------------------
struct SymbolRow { std::map<int, double> numbers; std::map<int, long> integers; std::map<int, std::string> texts; double rate; double margin; };
struct Row { ulong ticket; std::map<int, double> numbers; std::map<int, long> integers; std::map<int, std::string> texts; };
struct MqlTick { datetime time; double bid, ask, last; ulong volume; };
struct World {
  std::map<std::string, SymbolRow> symbols;
  std::map<int, double> account_numbers;
  std::map<int, long> account_integers;
  std::map<int, std::string> account_texts;
  std::vector<Row> positions, orders, deals;
  std::map<int, std::vector<double>> buffers;
  std::string folder = ".";
  Row *position = nullptr, *order = nullptr;
  long tester = 0, ticks_ms = 0, server_offset_s = 0, seconds = 0;
  ulong next_ticket = 1000;
  std::vector<std::string> sent;      // orders the expert has sent
  std::map<std::string, std::string> labels;
};
extern World world;
extern int _LastError;
extern string _Symbol;
extern int _Digits;
extern double _Point;
extern int _Period;
inline int GetLastError() { return _LastError; }
inline void ResetLastError() { _LastError = 0; }
enum { ERR_FUNCTION_NOT_ALLOWED = 4014, ERR_WEBREQUEST_INVALID_ADDRESS = 5200, ERR_WEBREQUEST_CONNECT_FAILED = 5201, ERR_WEBREQUEST_TIMEOUT = 5202, ERR_WEBREQUEST_REQUEST_FAILED = 5203 };
enum { INIT_SUCCEEDED = 0, INIT_FAILED = 1, INIT_PARAMETERS_INCORRECT = 32767 };

// --- enumerations: distinct numbers of our own are enough where only the name counts ---------------------------------------
enum { SYMBOL_POINT, SYMBOL_TRADE_TICK_SIZE, SYMBOL_TRADE_TICK_VALUE, SYMBOL_TRADE_TICK_VALUE_PROFIT, SYMBOL_TRADE_TICK_VALUE_LOSS, SYMBOL_TRADE_CONTRACT_SIZE, SYMBOL_VOLUME_MIN, SYMBOL_VOLUME_MAX, SYMBOL_VOLUME_STEP, SYMBOL_VOLUME_LIMIT, SYMBOL_BID, SYMBOL_ASK };
enum { SYMBOL_DIGITS, SYMBOL_TRADE_STOPS_LEVEL, SYMBOL_TRADE_FREEZE_LEVEL, SYMBOL_TRADE_MODE, SYMBOL_FILLING_MODE, SYMBOL_TRADE_CALC_MODE, SYMBOL_TRADE_EXEMODE };
enum { SYMBOL_CURRENCY_BASE, SYMBOL_CURRENCY_PROFIT, SYMBOL_CURRENCY_MARGIN };
enum { SYMBOL_TRADE_MODE_DISABLED, SYMBOL_TRADE_MODE_LONGONLY, SYMBOL_TRADE_MODE_SHORTONLY, SYMBOL_TRADE_MODE_CLOSEONLY, SYMBOL_TRADE_MODE_FULL };
enum { ACCOUNT_BALANCE, ACCOUNT_EQUITY, ACCOUNT_MARGIN, ACCOUNT_MARGIN_FREE, ACCOUNT_CREDIT, ACCOUNT_PROFIT };
enum { ACCOUNT_LOGIN, ACCOUNT_LEVERAGE, ACCOUNT_MARGIN_MODE, ACCOUNT_TRADE_MODE, ACCOUNT_TRADE_ALLOWED, ACCOUNT_TRADE_EXPERT };
enum { ACCOUNT_SERVER, ACCOUNT_CURRENCY };
enum { ACCOUNT_MARGIN_MODE_RETAIL_NETTING, ACCOUNT_MARGIN_MODE_EXCHANGE, ACCOUNT_MARGIN_MODE_RETAIL_HEDGING };
enum { ACCOUNT_TRADE_MODE_DEMO, ACCOUNT_TRADE_MODE_CONTEST, ACCOUNT_TRADE_MODE_REAL };
enum { POSITION_VOLUME, POSITION_PRICE_OPEN, POSITION_SL, POSITION_TP, POSITION_PRICE_CURRENT, POSITION_PROFIT, POSITION_SWAP };
enum { POSITION_TYPE, POSITION_MAGIC, POSITION_IDENTIFIER, POSITION_TIME };
enum { POSITION_SYMBOL, POSITION_COMMENT };
enum ENUM_POSITION_TYPE { POSITION_TYPE_BUY, POSITION_TYPE_SELL };
enum ENUM_ORDER_TYPE { ORDER_TYPE_BUY, ORDER_TYPE_SELL, ORDER_TYPE_BUY_LIMIT, ORDER_TYPE_SELL_LIMIT, ORDER_TYPE_BUY_STOP, ORDER_TYPE_SELL_STOP };
enum { ORDER_VOLUME_CURRENT, ORDER_PRICE_OPEN, ORDER_SL, ORDER_TP };
enum { ORDER_TYPE, ORDER_MAGIC, ORDER_TIME_SETUP };
enum { ORDER_SYMBOL, ORDER_COMMENT };
enum { DEAL_VOLUME, DEAL_PRICE, DEAL_PROFIT, DEAL_COMMISSION, DEAL_SWAP, DEAL_FEE };
enum { DEAL_TIME_MSC, DEAL_ORDER, DEAL_POSITION_ID, DEAL_TYPE, DEAL_ENTRY, DEAL_REASON, DEAL_MAGIC };
enum { DEAL_SYMBOL, DEAL_COMMENT };
enum { DEAL_ENTRY_IN, DEAL_ENTRY_OUT };
enum { DEAL_REASON_CLIENT, DEAL_REASON_SL = 4, DEAL_REASON_TP = 5 };
enum { MQL_TESTER };
enum { TERMINAL_TRADE_ALLOWED, TERMINAL_CONNECTED, TERMINAL_MEMORY_USED };
enum { TERMINAL_NAME };
enum { TIME_DATE = 1, TIME_MINUTES = 2, TIME_SECONDS = 4 };
enum { FILE_READ = 1, FILE_WRITE = 2, FILE_TXT = 16, FILE_UNICODE = 64, FILE_REWRITE = 512 };
enum { MODE_EMA = 1, PRICE_CLOSE = 1 };
enum { OBJ_LABEL, CORNER_LEFT_UPPER = 0 };
enum { OBJPROP_CORNER, OBJPROP_XDISTANCE, OBJPROP_YDISTANCE, OBJPROP_FONTSIZE, OBJPROP_SELECTABLE, OBJPROP_COLOR };
enum { OBJPROP_FONT, OBJPROP_TEXT };
const color clrSeaGreen = 0x578B2E, clrFireBrick = 0x2222B2, clrDimGray = 0x696969;
enum ENUM_TRADE_TRANSACTION_TYPE { TRADE_TRANSACTION_DEAL_ADD };
struct MqlTradeTransaction { ENUM_TRADE_TRANSACTION_TYPE type; ulong deal, order, position; };
struct MqlTradeRequest { ulong magic; };
struct MqlTradeResult { uint retcode; };
inline string EnumToString(ENUM_ORDER_TYPE type) {
  static const char *names[] = {"ORDER_TYPE_BUY", "ORDER_TYPE_SELL", "ORDER_TYPE_BUY_LIMIT", "ORDER_TYPE_SELL_LIMIT", "ORDER_TYPE_BUY_STOP", "ORDER_TYPE_SELL_STOP"};
  return names[type];
}

// --- the terminal --------------------------------------------------------------------------------------------------------
inline long mql_wall_ms() { timeval now; gettimeofday(&now, nullptr); return now.tv_sec * 1000L + now.tv_usec / 1000; }
inline datetime TimeGMT() { return mql_wall_ms() / 1000 + world.seconds; }
inline datetime TimeLocal() { return TimeGMT(); }
inline datetime TimeTradeServer() { return TimeGMT() + world.server_offset_s; }
inline ulong GetTickCount64() { return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch()).count() + world.ticks_ms; }
inline ulong GetMicrosecondCount() { return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch()).count(); }
inline int MathRand() { static unsigned seed = (unsigned)(GetMicrosecondCount() ^ getpid() << 8); seed = seed * 1103515245 + 12345; return (seed >> 16) & 32767; }
inline string TimeToString(datetime moment, int) { time_t at = moment; tm parts; gmtime_r(&at, &parts); char out[32]; strftime(out, 32, "%Y.%m.%d %H:%M:%S", &parts); return out; }
inline double MathAbs(double x) { return fabs(x); }
inline double MathFloor(double x) { return floor(x); }
inline double MathRound(double x) { return round(x); }
inline double MathMin(double a, double b) { return a < b ? a : b; }
inline double MathMax(double a, double b) { return a > b ? a : b; }
inline bool MathIsValidNumber(double x) { return std::isfinite(x); }
inline double NormalizeDouble(double v, int d) { double p = pow(10, d); return round(v * p) / p; }
inline long MQLInfoInteger(int) { return world.tester; }
inline long TerminalInfoInteger(int which) { return which == TERMINAL_MEMORY_USED ? 200 : 1; }
inline string TerminalInfoString(int) { return "MetaTrader 5"; }
inline SymbolRow *mql_symbol(const string &name) { auto found = world.symbols.find(name.u8()); return found == world.symbols.end() ? nullptr : &found->second; }
inline double SymbolInfoDouble(const string &name, int what) { auto row = mql_symbol(name); return row ? row->numbers[what] : 0.0; }
inline long SymbolInfoInteger(const string &name, int what) { auto row = mql_symbol(name); return row ? row->integers[what] : 0; }
inline string SymbolInfoString(const string &name, int what) { auto row = mql_symbol(name); return row ? string(row->texts[what]) : string(""); }
inline bool SymbolInfoTick(const string &name, MqlTick &tick) { auto row = mql_symbol(name); if (!row) return false; tick.bid = row->numbers[SYMBOL_BID]; tick.ask = row->numbers[SYMBOL_ASK]; tick.time = TimeTradeServer(); return true; }
inline bool SymbolSelect(const string &name, bool) { return mql_symbol(name) != nullptr; }
inline bool OrderCalcProfit(ENUM_ORDER_TYPE type, const string &name, double lots, double from, double to, double &profit) {
  auto row = mql_symbol(name);
  if (!row || row->rate <= 0) return false;
  profit = (type == ORDER_TYPE_BUY ? to - from : from - to) * lots * row->numbers[SYMBOL_TRADE_CONTRACT_SIZE] * row->rate;
  return true;
}
inline bool OrderCalcMargin(ENUM_ORDER_TYPE, const string &name, double lots, double, double &margin) { auto row = mql_symbol(name); if (!row || row->margin <= 0) return false; margin = row->margin * lots; return true; }
inline double AccountInfoDouble(int what) { return world.account_numbers[what]; }
inline long AccountInfoInteger(int what) { return world.account_integers[what]; }
inline string AccountInfoString(int what) { return world.account_texts[what]; }
inline int PositionsTotal() { return (int)world.positions.size(); }
inline ulong PositionGetTicket(int i) { if (i < 0 || i >= PositionsTotal()) return 0; world.position = &world.positions[i]; return world.position->ticket; }
inline bool PositionSelectByTicket(ulong ticket) { for (auto &row : world.positions) if (row.ticket == ticket) { world.position = &row; return true; } return false; }
inline double PositionGetDouble(int what) { return world.position ? world.position->numbers[what] : 0.0; }
inline long PositionGetInteger(int what) { return world.position ? world.position->integers[what] : 0; }
inline string PositionGetString(int what) { return world.position ? string(world.position->texts[what]) : string(""); }
inline int OrdersTotal() { return (int)world.orders.size(); }
inline ulong OrderGetTicket(int i) { if (i < 0 || i >= OrdersTotal()) return 0; world.order = &world.orders[i]; return world.order->ticket; }
inline double OrderGetDouble(int what) { return world.order ? world.order->numbers[what] : 0.0; }
inline long OrderGetInteger(int what) { return world.order ? world.order->integers[what] : 0; }
inline string OrderGetString(int what) { return world.order ? string(world.order->texts[what]) : string(""); }
inline bool HistorySelect(datetime, datetime) { return true; }
inline int HistoryDealsTotal() { return (int)world.deals.size(); }
inline ulong HistoryDealGetTicket(int i) { return i < 0 || i >= HistoryDealsTotal() ? 0 : world.deals[i].ticket; }
inline Row *mql_deal(ulong ticket) { for (auto &row : world.deals) if (row.ticket == ticket) return &row; return nullptr; }
inline bool HistoryDealSelect(ulong ticket) { return mql_deal(ticket) != nullptr; }
inline double HistoryDealGetDouble(ulong ticket, int what) { auto row = mql_deal(ticket); return row ? row->numbers[what] : 0.0; }
inline long HistoryDealGetInteger(ulong ticket, int what) { auto row = mql_deal(ticket); return row ? row->integers[what] : 0; }
inline string HistoryDealGetString(ulong ticket, int what) { auto row = mql_deal(ticket); return row ? string(row->texts[what]) : string(""); }
inline int iMA(const string &, int, int period, int, int, int) { return period; }
inline datetime iTime(const string &, int, int) { return TimeTradeServer() / 60 * 60; }
inline int CopyBuffer(int handle, int, int, int count, MqlArray<double> &out) { out.vec() = world.buffers[handle]; return ArraySize(out) == count ? count : -1; }
inline bool EventSetTimer(int) { return true; }
inline void EventKillTimer() {}
inline int ObjectFind(long, const string &name) { return world.labels.count(name.u8()) ? 0 : -1; }
inline bool ObjectCreate(long, const string &name, int, int, datetime, double) { world.labels[name.u8()] = ""; return true; }
inline bool ObjectDelete(long, const string &name) { return world.labels.erase(name.u8()) > 0; }
inline bool ObjectSetInteger(long, const string &, int, long) { return true; }
inline bool ObjectSetString(long, const string &name, int what, const string &text) { if (what == OBJPROP_TEXT) world.labels[name.u8()] = text.u8(); return true; }
inline void ChartRedraw(long) {}

// --- files, under the world's folder: UTF-16 with a mark at the beginning, as FILE_UNICODE writes them ------------------------
struct MqlFile { FILE *file; };
inline std::vector<FILE *> &mql_files() { static std::vector<FILE *> files; return files; }
inline std::string mql_path(const string &name) { std::string path = name.u8(); std::replace(path.begin(), path.end(), '\\', '/'); return world.folder + "/" + path; }
inline int FileOpen(const string &name, int flags) {
  std::string path = mql_path(name);
  for (size_t at = world.folder.size() + 1; (at = path.find('/', at)) != std::string::npos; at++) mkdir(path.substr(0, at).c_str(), 0700);
  FILE *file = fopen(path.c_str(), flags & FILE_WRITE ? "wb" : "rb");
  if (!file) { _LastError = 5004; return INVALID_HANDLE; }
  uchar mark[2] = {0xFF, 0xFE};
  if (flags & FILE_WRITE) fwrite(mark, 1, 2, file); else if (fread(mark, 1, 2, file) != 2) { /* an empty file ends at once */ }
  mql_files().push_back(file);
  return (int)mql_files().size() - 1;
}
inline uint FileWriteString(int handle, const string &text) { return (uint)fwrite(text.raw().data(), 2, text.raw().size(), mql_files()[handle]) * 2; }
inline bool FileIsEnding(int handle) { FILE *file = mql_files()[handle]; int next = fgetc(file); if (next == EOF) return true; ungetc(next, file); return false; }
inline string FileReadString(int handle) {
  std::u16string line;
  char16_t unit;
  while (fread(&unit, 2, 1, mql_files()[handle]) == 1 && unit != '\n') if (unit != '\r') line += unit;
  return string(line);
}
inline void FileFlush(int handle) { fflush(mql_files()[handle]); }
inline void FileClose(int handle) { fclose(mql_files()[handle]); }
inline bool FileMove(const string &from, int, const string &to, int) { return rename(mql_path(from).c_str(), mql_path(to).c_str()) == 0; }

// --- WebRequest: HTTP/1.1 over a socket, one connection a request -----------------------------------------------------------
inline int mql_fail(int error) { _LastError = error; return -1; }
inline int WebRequest(const string method, const string url, const string headers, int timeout_ms, const MqlArray<char> &data, MqlArray<char> &result, string &result_headers) {
  if (world.tester) return mql_fail(ERR_FUNCTION_NOT_ALLOWED);
  std::string address = url.u8();
  if (address.compare(0, 7, "http://") != 0) return mql_fail(ERR_WEBREQUEST_INVALID_ADDRESS);
  size_t slash = address.find('/', 7);
  std::string host = address.substr(7, slash - 7), path = slash == std::string::npos ? "/" : address.substr(slash), port = "80";
  std::string named = host;
  if (host.find(':') != std::string::npos) { port = host.substr(host.find(':') + 1); host = host.substr(0, host.find(':')); }
  addrinfo hints = {}, *found = nullptr;
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  if (getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) return mql_fail(ERR_WEBREQUEST_INVALID_ADDRESS);
  int connection = socket(AF_INET, SOCK_STREAM, 0);
  timeval patience = {timeout_ms / 1000, (timeout_ms % 1000) * 1000};
  setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  bool connected = connect(connection, found->ai_addr, found->ai_addrlen) == 0;
  freeaddrinfo(found);
  if (!connected) { close(connection); return mql_fail(ERR_WEBREQUEST_CONNECT_FAILED); }
  std::string request = method.u8() + " " + path + " HTTP/1.1\r\nHost: " + named + "\r\nConnection: close\r\n" + headers.u8() + "Content-Length: " + std::to_string(data.vec().size()) + "\r\n\r\n" + std::string(data.vec().begin(), data.vec().end());
  if (send(connection, request.data(), request.size(), MSG_NOSIGNAL) != (ssize_t)request.size()) { close(connection); return mql_fail(ERR_WEBREQUEST_REQUEST_FAILED); }
  std::string answer;
  char part[8192];
  ssize_t size;
  while ((size = recv(connection, part, sizeof part, 0)) > 0) answer.append(part, size);
  close(connection);
  if (size < 0) return mql_fail(ERR_WEBREQUEST_TIMEOUT);
  size_t body = answer.find("\r\n\r\n");
  if (body == std::string::npos) return mql_fail(ERR_WEBREQUEST_REQUEST_FAILED);
  result_headers = string(answer.substr(0, body));
  result.vec().assign(answer.begin() + body + 4, answer.end());
  return atoi(answer.c_str() + 9);
}
