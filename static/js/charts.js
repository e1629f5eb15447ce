// Charts take their colours from the tokens and their figures from the account's own addresses. Each chart has its table on the page.
(() => {
  const css = (name) => {
    const probe = document.createElement("i");
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    const colour = getComputedStyle(probe).color;
    probe.remove();
    return colour;
  };
  const fetchFigures = async (url) => {
    const answer = await fetch(url, { headers: { Accept: "application/json" }, credentials: "same-origin" });
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    return answer.json();
  };
  const fail = (plot, what) => { plot.textContent = `${what} could not be loaded. The rest of the page is fine; it is tried again with the next change.`; };
  const font = `11px ${getComputedStyle(document.body).fontFamily}`;

  const equity = document.querySelector("[data-equity]");
  const drawdown = document.querySelector("[data-drawdown]");
  let shown = null, period = "day", lines = [];

  // 24 hours, the day where it changes; market time is UTC.
  const hour = (u, splits) => splits.map((s, i) => { const at = new Date(s * 1000).toISOString(); return i === 0 || at.slice(0, 10) !== new Date(splits[i - 1] * 1000).toISOString().slice(0, 10) ? `${at.slice(5, 10)}\n${at.slice(11, 16)}` : at.slice(11, 16); });
  const axis = () => ({ stroke: css("--ink-3"), grid: { stroke: css("--grid"), width: 1 }, ticks: { stroke: css("--grid") }, font });
  const size = (plot) => ({ width: Math.max(280, plot.clientWidth), height: Math.max(240, plot.clientHeight || 288) });
  const money = (u, values) => values.map((v) => v === null ? "" : v.toLocaleString("en-US", { maximumFractionDigits: 0 }).replace("-", "\u2212"));

  const leave = (plot) => { plot.classList.add("plot--empty"); plot.textContent = "Drawn once there are two points of this period."; };

  // As many digits as the distance of two grid lines needs.
  const percents = (u, values) => {
    const step = values.length > 1 ? Math.abs(values[1] - values[0]) : 1;
    const digits = Math.min(5, Math.max(1, Math.ceil(-Math.log10(step || 1)) + 1));
    return values.map((v) => `${v === 0 ? "0" : v.toFixed(digits).replace("-", "\u2212")} %`);
  };

  const draw = (plot, series, data, extra = {}) => {
    plot.classList.remove("plot--empty");
    plot.replaceChildren();
    return new uPlot({ ...size(plot), tzDate: (ts) => uPlot.tzDate(new Date(ts * 1000), "UTC"), cursor: { drag: { x: false, y: false } }, legend: { show: false }, scales: { x: { time: true } }, ...extra, axes: [{ ...axis(), values: hour, space: 70 }, { ...axis(), size: 72, values: money, ...(extra.yAxis || {}) }], series: [{}, ...series.map((one) => ({ points: { show: false }, ...one }))] }, data, plot);
  };

  const drawEquity = () => {
    for (const line of lines) line.destroy();
    lines = [];
    const plot = equity.querySelector(".plot");
    if (!shown || shown.points.length < 2) { for (const each of [plot, drawdown]) if (each) leave(each); return; }
    const times = shown.points.map((p) => p[0]), values = shown.points.map((p) => p[1]), balances = shown.points.map((p) => p[2]);
    const flat = (v) => times.map(() => v);
    const series = [
      { stroke: css("--plot"), width: 1.6 },
      { stroke: css("--plot-3"), width: 1.2, dash: [5, 3] },
    ];
    const data = [times, values, balances];
    if (shown.daily_floor !== null) { series.push({ stroke: css("--critical"), width: 2 }); data.push(flat(shown.daily_floor)); }
    if (shown.total_floor !== null) { series.push({ stroke: css("--ink"), width: 2.5 }); data.push(flat(shown.total_floor)); }
    lines.push(draw(plot, series, data));
    if (!drawdown) return;
    let top = -Infinity;
    const fall = values.map((v) => { top = Math.max(top, v); return top > 0 ? (v / top - 1) * 100 : 0; });
    lines.push(draw(drawdown, [{ stroke: css("--neg"), width: 1.2, fill: css("--critical-tint") }], [times, fall], { yAxis: { values: percents } }));
  };
  const loadEquity = async () => {
    if (!equity || !window.uPlot) return;
    try { shown = await fetchFigures(`${equity.dataset.equity}?period=${period}`); drawEquity(); }
    catch { fail(equity.querySelector(".plot"), "The equity curve"); }
  };
  for (const button of document.querySelectorAll("[data-period]")) button.addEventListener("click", () => {
    period = button.dataset.period;
    for (const each of document.querySelectorAll("[data-period]")) each.setAttribute("aria-pressed", each === button);
    loadEquity();
  });

  const candles = document.querySelector("[data-candles]");
  const chooser = document.querySelector("[data-chart-of]");
  let chart = null, bars = null, marks = null, priceLines = [];

  const style = () => {
    const chartStyle = { layout: { background: { color: "transparent" }, textColor: css("--ink-3"), fontFamily: getComputedStyle(document.body).fontFamily, fontSize: 11, attributionLogo: false }, grid: { vertLines: { color: css("--grid") }, horzLines: { color: css("--grid") } }, rightPriceScale: { borderColor: css("--edge") }, timeScale: { borderColor: css("--edge"), timeVisible: true, secondsVisible: false }, crosshair: { mode: 0 } };
    chart.applyOptions(chartStyle);
    bars.applyOptions({ upColor: css("--surface"), borderUpColor: css("--pos"), wickUpColor: css("--pos"), downColor: css("--neg"), borderDownColor: css("--neg"), wickDownColor: css("--neg") });
  };
  const marksOf = (trades) => trades.flatMap((t) => {
    const few = trades.length <= 12;
    const buy = t.side === "BUY", size = 1;
    const found = [{ time: t.opened_at, position: buy ? "belowBar" : "aboveBar", shape: buy ? "arrowUp" : "arrowDown", color: css(buy ? "--plot-2" : "--plot-3"), text: few ? t.side : "", size }];
    if (t.closed_at) found.push({ time: t.closed_at, position: buy ? "aboveBar" : "belowBar", shape: "circle", color: css("--ink"), text: few ? `${t.pnl < 0 ? "\u2212" : "+"}${Math.abs(t.pnl).toFixed(2)}` : "", size });
    return found;
  }).sort((a, b) => a.time - b.time);

  const loadCandles = async () => {
    if (!candles || !chooser || !window.LightweightCharts) return;
    const plot = candles.querySelector(".plot");
    const [symbol, timeframe] = chooser.value.split("|");
    let figures;
    try { figures = await fetchFigures(`${candles.dataset.candles}?symbol=${encodeURIComponent(symbol)}&timeframe=${encodeURIComponent(timeframe)}`); }
    catch { if (!chart) fail(plot, "The candles"); return; }
    const isNew = !chart;
    if (isNew) {
      plot.replaceChildren();
      chart = LightweightCharts.createChart(plot, { autoSize: true, layout: { attributionLogo: false } });
      bars = chart.addSeries(LightweightCharts.CandlestickSeries, {});
      marks = LightweightCharts.createSeriesMarkers(bars, []);
    }
    style();
    const last = figures.bars.at(-1);
    const digits = last ? Math.min(6, Math.max(2, ...last.slice(1).map((v) => (String(v).split(".")[1] || "").length))) : 5;
    bars.applyOptions({ priceFormat: { type: "price", precision: digits, minMove: 10 ** -digits } });
    bars.setData(figures.bars.map(([time, open, high, low, close]) => ({ time, open, high, low, close })));
    // A mark stands on the bar that was open at its time.
    const times = figures.bars.map((b) => b[0]);
    const snap = (at) => { let found = times[0]; for (const t of times) { if (t > at) break; found = t; } return found; };
    marks.setMarkers(times.length ? marksOf(figures.trades.map((t) => ({ ...t, opened_at: snap(t.opened_at), closed_at: t.closed_at && snap(t.closed_at) }))) : []);
    for (const line of priceLines) bars.removePriceLine(line);
    priceLines = figures.trades.filter((t) => !t.closed_at).flatMap((t) => [[t.stop_loss, "stop", "--critical"], [t.take_profit, "target", "--safe"]].filter(([p]) => p).map(([price, title, colour]) => bars.createPriceLine({ price, title, color: css(colour), lineStyle: 2, lineWidth: 1, axisLabelVisible: true })));
    if (isNew) chart.timeScale().fitContent();
  };
  chooser?.addEventListener("change", () => { loadCandles().then(() => chart?.timeScale().fitContent()); });

  const all = () => { loadEquity(); loadCandles(); };
  document.addEventListener("themechange", () => { drawEquity(); if (chart) loadCandles(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { if (equity) drawEquity(); if (chart) loadCandles(); });
  let resizing = null;
  addEventListener("resize", () => { clearTimeout(resizing); resizing = setTimeout(() => { if (equity) drawEquity(); }, 150); });
  // Figures follow the events, not the ticks: closed trades, new bars.
  for (const kind of ["trade.opened", "trade.closed", "bars.stored", "refresh"]) document.body.addEventListener(kind, all);
  setInterval(() => { if (!document.hidden) all(); }, 30000);
  all();
})();
