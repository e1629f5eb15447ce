// Ages tick from the server's figure: no browser clock is trusted. From 10 s a value is late, from 15 s stale; a level whose
// data are stale becomes STALE by itself, so a page that hears nothing never goes on saying SAFE.
(() => {
  const LATE = 10, STALE = 15;
  const spell = (s) => s < 60 ? `${s} s` : s < 3600 ? `${Math.floor(s / 60)} min ${s % 60} s`
    : s < 86400 ? `${Math.floor(s / 3600)} h ${Math.floor(s % 3600 / 60)} min` : `${Math.floor(s / 86400)} d ${Math.floor(s % 86400 / 3600)} h`;
  const two = (n) => String(n).padStart(2, "0");
  const hms = (s) => `${two(Math.floor(s / 3600))}:${two(Math.floor(s % 3600 / 60))}:${two(s % 60)}`;
  const born = new WeakMap();

  // Called with every piece of the page that came from the server just now.
  const receive = (root) => {
    const now = performance.now();
    for (const el of root.querySelectorAll("[data-age], [data-fresh-for], [data-countdown]")) born.set(el, now);
    localise(root);
  };

  const passed = (el, now) => {
    if (!born.has(el)) born.set(el, now);
    return Math.floor((now - born.get(el)) / 1000);
  };

  const tick = () => {
    const now = performance.now();
    for (const el of document.querySelectorAll("[data-age]")) {
      const s = Number(el.dataset.age) + passed(el, now);
      const text = spell(s);
      if (el.textContent !== text) el.textContent = text;
      if ("graded" in el.dataset) el.dataset.state = s >= STALE ? "stale" : s >= LATE ? "late" : "fresh";
    }
    for (const el of document.querySelectorAll("[data-fresh-for]")) {
      if (el.dataset.level !== "unknown" && passed(el, now) >= Number(el.dataset.freshFor)) {
        el.dataset.level = "unknown";
        el.querySelector("use")?.setAttribute("href", "#lv-unknown");
        if (el.lastChild.nodeType === Node.TEXT_NODE && !("keepText" in el.dataset)) el.lastChild.textContent = "STALE";
      }
    }
    for (const el of document.querySelectorAll("[data-countdown]")) {
      el.textContent = hms(Math.max(0, Number(el.dataset.countdown) - passed(el, now)));
    }
    const clock = document.querySelector("[data-clock]");
    if (clock) clock.textContent = hms(Math.floor(Date.now() / 1000) % 86400);
  };

  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  const stamp = (form, at) => {
    const parts = Object.fromEntries(new Intl.DateTimeFormat("en-GB", {
      timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
    }).formatToParts(at).map((p) => [p.type, p.value]));
    const day = `${parts.year}-${parts.month}-${parts.day}`;
    if (form === "day") return day;
    return form === "second" ? `${day} ${parts.hour}:${parts.minute}:${parts.second}` : `${day} ${parts.hour}:${parts.minute}`;
  };
  const localise = (root) => {
    for (const el of root.querySelectorAll("time[data-local]")) {
      const at = new Date(el.dateTime);
      if (!Number.isNaN(at.getTime())) el.textContent = stamp(el.dataset.local, at);
    }
    const local = document.querySelector("[data-clock-local]");
    if (local && zone !== "UTC") local.textContent = `${stamp("minute", new Date()).slice(11)} ${zone.split("/").pop().replaceAll("_", " ")}`;
  };

  receive(document);
  tick();
  setInterval(() => { if (!document.hidden) tick(); }, 1000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) tick(); });
  document.addEventListener("htmx:afterSettle", (event) => { receive(event.target.parentElement || document); tick(); });
})();
