// The socket says "look now"; the page fetches its own fragment through the ordinary view. Nothing that is shown comes from the
// socket itself. Bursts are folded to four looks a second; a hidden tab rests; a lost connection is shown, looks every 5 s, heals.
(() => {
  const sign = document.getElementById("live-state");
  if (!sign || !window.htmx) return;
  const word = sign.querySelector("[data-live-word]");
  const FOLD_MS = 250, LOOK_MS = 5000;
  const waiting = new Set();
  let socket = null, last = Number(sessionStorage.getItem(key("event"))) || null, wait = 500, flushing = null, heard = 0, failed = false;

  function key(name) { return `live-${name}-${document.body.dataset.team}`; }

  const show = () => {
    const open = socket && socket.readyState === WebSocket.OPEN && !failed;
    const state = open ? "live" : "lost";
    if (sign.dataset.state === state) return;
    sign.dataset.state = state;
    word.textContent = open ? "Live" : failed ? "The server does not answer: shown is what was last known" : "Live connection lost: looking every 5 s";
  };

  const flush = () => {
    flushing = null;
    if (document.hidden) return;
    for (const name of waiting) htmx.trigger(document.body, name);
    htmx.trigger(document.body, "live");
    waiting.clear();
  };
  const look = (name) => {
    if (name) waiting.add(name);
    if (!flushing) flushing = setTimeout(flush, FOLD_MS);
  };

  const receive = (message) => {
    heard = performance.now();
    if (message.type === "snapshot_required") look("refresh");
    const number = message.number ?? message.id ?? message.published_id;
    if (Number.isFinite(number)) { last = Math.max(last ?? 0, number); sessionStorage.setItem(key("event"), last); }
    const kind = message.kind ?? message.event;
    if (kind) look(kind);
  };

  const connect = () => {
    if (socket || document.hidden) return;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    socket = new WebSocket(`${scheme}://${location.host}/ws/events`);
    socket.addEventListener("open", () => {
      wait = 500;
      heard = performance.now();
      socket.send(JSON.stringify(last === null ? { action: "subscribe" } : { action: "resume", after: last }));
      look("refresh");
      show();
    });
    socket.addEventListener("message", (event) => {
      try { receive(JSON.parse(event.data)); } catch { /* what cannot be read is no news */ }
    });
    socket.addEventListener("close", () => {
      socket = null;
      show();
      setTimeout(connect, wait + Math.random() * 250);
      wait = Math.min(wait * 2, 10000);
    });
  };

  // Looks that fail (no network, server gone) are told; the first that succeeds ends it.
  document.body.addEventListener("htmx:sendError", () => { failed = true; show(); });
  document.body.addEventListener("htmx:timeout", () => { failed = true; show(); });
  document.body.addEventListener("htmx:responseError", (event) => { if (event.detail.xhr.status >= 500) { failed = true; show(); } });
  document.body.addEventListener("htmx:afterRequest", (event) => { if (event.detail.successful && failed) { failed = false; show(); } });
  // Signed out elsewhere: the page must not go on as if it were live.
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    if (new URL(event.detail.xhr.responseURL || location.href).pathname.startsWith("/accounts/login")) { event.detail.shouldSwap = false; location.reload(); }
  });

  setInterval(() => { if (!document.hidden) look("tick"); }, LOOK_MS);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) { connect(); look("refresh"); } });
  setTimeout(show, 1500);
  connect();
})();
