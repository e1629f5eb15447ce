// Dialogs open from links that also work without JavaScript; a danger button repeats what it will do.
(() => {
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog]");
    if (opener) {
      const dialog = document.getElementById(opener.dataset.dialog);
      if (dialog) { event.preventDefault(); dialog.showModal(); }
      return;
    }
    const copier = event.target.closest("[data-copy]");
    if (copier) {
      const source = document.getElementById(copier.dataset.copy);
      navigator.clipboard?.writeText(source.value ?? source.textContent).then(() => { copier.textContent = "Copied"; }, () => { copier.textContent = "Select and copy"; });
    }
    // A menu closes when something else is clicked.
    for (const menu of document.querySelectorAll("details.menu[open], .tabbar details[open]")) if (!menu.contains(event.target)) menu.open = false;
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll("details.menu[open], .tabbar details[open]")) { menu.open = false; menu.querySelector("summary").focus(); }
  });

  // <form data-says="#button"> with radios that carry data-say: the button takes the words of the choice.
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-says]");
    const say = event.target.dataset.say;
    if (form && say) form.querySelector(form.dataset.says).textContent = say;
  });

  // A submit is sent once: a double click makes nothing twice (the server's idempotency key is the guard, this is the manner).
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || form.hasAttribute("hx-post")) return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
    setTimeout(() => { delete form.dataset.sent; }, 5000);
  });

  // What opens, opens where the person is: after a failed save the summary of errors has the focus.
  document.querySelector("[data-focus]")?.focus();

  // A field being written in keeps what is written while its surroundings are renewed.
  if (window.Idiomorph) Idiomorph.defaults.ignoreActiveValue = true;
  // Opened details and dialogs stay as the person left them when a fragment is renewed.
  if (window.Idiomorph) Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) => !(name === "open" && (node.tagName === "DETAILS" || node.tagName === "DIALOG"));
})();
