// Loaded before the page is painted, so that the chosen theme never flashes. The system decides unless a person did.
(() => {
  const root = document.documentElement;
  const read = (key) => { try { return localStorage.getItem(key); } catch { return null; } };
  const write = (key, value) => { try { localStorage.setItem(key, value); } catch { /* a private window keeps nothing */ } };
  const apply = (theme) => {
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    else delete root.dataset.theme;
  };
  apply(read("theme"));

  addEventListener("DOMContentLoaded", () => {
    for (const button of document.querySelectorAll("[data-theme-switch]")) {
      button.hidden = false;
      const name = () => button.setAttribute("aria-label", `Theme: ${root.dataset.theme || "system"}. Change`);
      name();
      button.addEventListener("click", () => {
        const next = { undefined: "dark", dark: "light", light: "system" }[root.dataset.theme];
        apply(next);
        write("theme", next);
        name();
        document.dispatchEvent(new Event("themechange"));
      });
    }
  });
})();
