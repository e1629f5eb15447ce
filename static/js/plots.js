// What charts of results share: colours from the tokens, figures from the page's own addresses, axes in market time (UTC).
window.plots = (() => {
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
  const fail = (plot, what) => { plot.textContent = `${what} could not be loaded. The rest of the page is fine; load it again to try once more.`; };
  const font = `11px ${getComputedStyle(document.body).fontFamily}`;
  const axis = () => ({ stroke: css("--ink-3"), grid: { stroke: css("--grid"), width: 1 }, ticks: { stroke: css("--grid") }, font });
  const size = (plot, lowest) => ({ width: Math.max(280, plot.clientWidth), height: Math.max(lowest, plot.clientHeight || lowest) });
  // A span of days shows hours, one of months shows days, one of years shows months.
  const stamp = (u, splits) => {
    const span = splits.length > 1 ? splits[1] - splits[0] : 0;
    return splits.map((s) => { const at = new Date(s * 1000).toISOString(); return span >= 20 * 86400 ? at.slice(0, 7) : span >= 80000 ? at.slice(5, 10) : `${at.slice(5, 10)}\n${at.slice(11, 16)}`; });
  };
  const money = (u, values) => values.map((v) => v === null ? "" : v.toLocaleString("en-US", { maximumFractionDigits: 0 }).replace("-", "\u2212"));
  const percent = (u, values) => values.map((v) => v === null ? "" : `${v.toFixed(1).replace("-", "\u2212")} %`);
  const draw = (plot, series, data, values, lowest = 240) => {
    plot.replaceChildren();
    return new uPlot({ ...size(plot, lowest), tzDate: (ts) => uPlot.tzDate(new Date(ts * 1000), "UTC"), cursor: { drag: { x: true, y: false } }, legend: { show: false }, scales: { x: { time: true } }, axes: [{ ...axis(), values: stamp, space: 70 }, { ...axis(), size: 72, values }], series: [{}, ...series] }, data, plot);
  };
  // Draws again when the theme or the width changes.
  const redrawWith = (again) => {
    document.addEventListener("themechange", again);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
    let resizing = null;
    addEventListener("resize", () => { clearTimeout(resizing); resizing = setTimeout(again, 150); });
  };
  return { css, fetchFigures, fail, draw, money, percent, redrawWith };
})();
