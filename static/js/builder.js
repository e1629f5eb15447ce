// A newer change replaces a check under way: an old answer never overwrites what was written since.
// The side that was changed last leads; the server checks it and brings the other side up to it.
(() => {
  const form = document.querySelector("form[data-builder]");
  if (!form || !window.htmx) return;
  let dirty = false;
  form.addEventListener("change", (event) => {
    dirty = true;
    const leads = form.querySelector("[name=leads]");
    leads.value = event.target.name === "text" ? "text" : "fields";
    htmx.trigger(form, "preview");
  });
  // A check while somebody types is no press of the button that was used last.
  form.addEventListener("htmx:configRequest", (event) => {
    if (event.target === form) delete event.detail.parameters.do;
  });
  form.addEventListener("submit", () => { dirty = false; });
  addEventListener("beforeunload", (event) => { if (dirty) event.preventDefault(); });
})();
