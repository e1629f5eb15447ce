// The charts of a backtest: candles with trades, equity with drawdown, several equities over each other. Each has its table on the page.
(() => {
  const { css, fetchFigures, fail, draw, money, percent, redrawWith } = window.plots;

  const equity = document.querySelector("[data-run-equity]");
  if (equity && window.uPlot) {
    const plot = equity.querySelector(".plot"), fall = equity.querySelector("[data-fall]");
    let shown = null, lines = [];
    const show = () => {
      if (!shown) return;
      for (const line of lines) line.destroy();
      if (shown.points.length < 2) { plot.textContent = "Too few points to draw."; fall.textContent = ""; return; }
      const times = shown.points.map((p) => p[0]);
      lines = [
        draw(plot, [{ stroke: css("--plot"), width: 1.6 }, { stroke: css("--edge"), width: 1, dash: [4, 4] }], [times, shown.points.map((p) => p[1]), times.map(() => shown.balance)], money),
        draw(fall, [{ stroke: css("--neg"), width: 1.2, fill: css("--critical-tint") }], [times, shown.points.map((p) => -100 * p[2])], percent, 120),
      ];
    };
    fetchFigures(equity.dataset.runEquity).then((figures) => { shown = figures; show(); }).catch(() => fail(plot, "The equity curve"));
    redrawWith(show);
  }

  const overlay = document.querySelector("[data-overlay]");
  const named = [...document.querySelectorAll("[data-line]")];
  if (overlay && named.length && window.uPlot) {
    const strokes = ["--plot", "--plot-2", "--plot-3", "--pos", "--neg", "--unknown"], dashes = [[], [6, 3], [2, 3], [10, 4], [4, 2, 1, 2], [1, 3]];
    let curves = null, chart = null;
    const show = () => {
      if (!curves) return;
      chart?.destroy();
      const tables = curves.map((c) => [c.points.map((p) => p[0]), c.points.map((p) => (p[1] / c.balance - 1) * 100)]);
      chart = draw(overlay, curves.map((c, n) => ({ stroke: css(strokes[n]), width: 1.6, dash: dashes[n], spanGaps: true })), uPlot.join(tables), percent);
    };
    Promise.all(named.map((each) => fetchFigures(each.dataset.line))).then((all) => { curves = all; show(); }).catch(() => fail(overlay, "The equity curves"));
    redrawWith(show);
  }

  const candles = document.querySelector("[data-run-candles]");
  if (candles && window.LightweightCharts) {
    const plot = candles.querySelector(".plot"), said = candles.querySelector("[data-shown]");
    const earlier = document.querySelector("[data-earlier]"), later = document.querySelector("[data-later]");
    let chart = null, bars = null, marks = null, shown = null;
    const style = () => {
      chart.applyOptions({ layout: { background: { color: "transparent" }, textColor: css("--ink-3"), fontFamily: getComputedStyle(document.body).fontFamily, fontSize: 11, attributionLogo: false }, grid: { vertLines: { color: css("--grid") }, horzLines: { color: css("--grid") } }, rightPriceScale: { borderColor: css("--edge") }, timeScale: { borderColor: css("--edge"), timeVisible: true, secondsVisible: false }, crosshair: { mode: 0 } });
      bars.applyOptions({ upColor: css("--surface"), borderUpColor: css("--pos"), wickUpColor: css("--pos"), downColor: css("--neg"), borderDownColor: css("--neg"), wickDownColor: css("--neg") });
    };
    const markAll = () => {
      const times = shown.bars.map((b) => b[0]);
      // A mark stands on the bar that was open at its time.
      const snap = (at) => { let low = 0, high = times.length - 1; while (low < high) { const middle = (low + high + 1) >> 1; if (times[middle] <= at) low = middle; else high = middle - 1; } return times[low]; };
      const inside = (at) => at >= times[0] && at <= times[times.length - 1] + 604800;
      const few = shown.trades.length <= 40;
      marks.setMarkers(shown.trades.flatMap((t) => {
        const buy = t.side === "BUY", found = [];
        if (inside(t.opened_at)) found.push({ time: snap(t.opened_at), position: buy ? "belowBar" : "aboveBar", shape: buy ? "arrowUp" : "arrowDown", color: css(buy ? "--plot-2" : "--plot-3"), text: few ? t.side : "" });
        if (inside(t.closed_at)) found.push({ time: snap(t.closed_at), position: buy ? "aboveBar" : "belowBar", shape: "circle", color: css("--ink"), text: few ? `${t.pnl < 0 ? "\u2212" : "+"}${Math.abs(t.pnl).toFixed(2)}` : "" });
        return found;
      }).sort((a, b) => a.time - b.time));
    };
    const show = () => {
      if (!chart) {
        plot.replaceChildren();
        chart = LightweightCharts.createChart(plot, { autoSize: true, layout: { attributionLogo: false } });
        bars = chart.addSeries(LightweightCharts.CandlestickSeries, {});
        marks = LightweightCharts.createSeriesMarkers(bars, []);
      }
      style();
      const digits = Math.min(6, Math.max(2, ...shown.bars.slice(-200).map((b) => (String(b[4]).split(".")[1] || "").length)));
      bars.applyOptions({ priceFormat: { type: "price", precision: digits, minMove: 10 ** -digits } });
      bars.setData(shown.bars.map(([time, open, high, low, close]) => ({ time, open, high, low, close })));
      markAll();
      const first = shown.bars[0]?.[0], last = shown.bars.at(-1)?.[0];
      earlier.disabled = first === undefined || first <= shown.first;
      later.disabled = last === undefined || last >= shown.last;
      said.textContent = `${shown.bars.length.toLocaleString("en-US")} of ${shown.total.toLocaleString("en-US")} bars, ${shown.trades.length} trades`;
    };
    const load = async (around) => {
      try { shown = await fetchFigures(around ? `${candles.dataset.runCandles}?around=${around}` : candles.dataset.runCandles); }
      catch { if (!chart) fail(plot, "The candles"); return; }
      if (!shown.bars.length) { plot.textContent = "There are no bars to draw."; return; }
      show();
      const count = shown.bars.length;
      chart.timeScale().setVisibleLogicalRange({ from: Math.max(0, count - 160), to: count });
    };
    earlier.addEventListener("click", () => load(shown.bars[0][0]));
    later.addEventListener("click", () => load(shown.bars.at(-1)[0]));
    document.addEventListener("themechange", () => { if (shown) show(); });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { if (shown) show(); });
    load();
  }
})();
