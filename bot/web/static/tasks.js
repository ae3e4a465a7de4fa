// Somebody who moves or types before this page has seen what is on it, and need not be alerted by text.
const list = document.querySelector("[data-seen]");
if (list) {
  let told = Date.now();
  const tell = () => {
    if (Date.now() - told < 60_000) return;
    told = Date.now();
    fetch("/tasks/seen", { method: "POST", headers: { "X-CSRF-Token": list.dataset.seen } }).catch(() => {});
  };
  for (const kind of ["pointermove", "keydown", "scroll"]) addEventListener(kind, tell, { passive: true });
}
// A link to a finished task opens the list that it is in.
const target = document.getElementById(location.hash.slice(1));
target?.closest("details")?.setAttribute("open", "");
