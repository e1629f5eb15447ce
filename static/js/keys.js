// Keyboard: `/` filter, g + letter pages, j k rows, Enter opens, ? list, Alt+Shift+H halt. Single letters can be turned off.
(() => {
  const PAGES = { o: "/", r: "/risk", s: "/strategies", b: "/backtests", m: "/bots", f: "/fleet", t: "/trades" };
  const off = () => { try { return localStorage.getItem("single-keys") === "off"; } catch { return false; } };
  const box = document.querySelector("[data-single-keys]");
  if (box) {
    box.checked = !off();
    box.addEventListener("change", () => { try { localStorage.setItem("single-keys", box.checked ? "on" : "off"); } catch { /* kept for this page only */ } });
  }
  let pressedG = 0;

  const rows = () => [...document.querySelectorAll("[data-row]")];
  const step = (by) => {
    const list = rows();
    if (!list.length) return;
    const here = list.findIndex((row) => row.contains(document.activeElement));
    const next = list[Math.min(list.length - 1, Math.max(0, here + by))] || list[0];
    next.querySelector("a, button")?.focus();
  };

  addEventListener("keydown", (event) => {
    if (event.altKey && event.shiftKey && event.code === "KeyH") {
      event.preventDefault();
      document.querySelector("[data-halt-link]")?.click();
      return;
    }
    if (event.target.closest("input:not([type=checkbox], [type=radio]), textarea, select, dialog[open]") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (off() && event.key !== "?") return;
    if (event.key === "?") document.getElementById("keys-dialog")?.showModal();
    else if (event.key === "/") {
      const field = document.querySelector("input[type=search]");
      if (field) { event.preventDefault(); field.focus(); }
    } else if (event.key === "j") step(1);
    else if (event.key === "k") step(-1);
    else if (event.key === "g") pressedG = performance.now();
    else if (performance.now() - pressedG < 1200 && PAGES[event.key]) location.href = PAGES[event.key];
  });
})();
