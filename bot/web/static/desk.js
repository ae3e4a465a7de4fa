// Parts marked data-part are fetched again when the server says that something changed, and swapped only when
// they differ, so that nothing that a reader has opened or selected is lost without need.
const parts = document.querySelectorAll("[data-part]");

const swap = (part, html) => {
  if (part.shown === html) return;
  const first = part.shown === undefined;
  part.shown = html;
  // A form that somebody is filling in, or has filled in, is never taken from under their hands.
  const fields = [...part.querySelectorAll("input:not([type=hidden]), textarea")];
  if (first || fields.some((field) => field.value !== field.defaultValue)) return;
  if (part.contains(document.activeElement) && document.activeElement.matches("input, select, textarea")) return;
  const open = [...part.querySelectorAll("details[open][id]")].map((details) => details.id);
  const focused = document.activeElement?.id;
  part.innerHTML = html;
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
};

const refresh = async () => {
  if (document.hidden) return;
  for (const part of parts) {
    try {
      const answer = await fetch(part.dataset.part, { redirect: "error" });
      if (answer.ok) swap(part, await answer.text());
    } catch { /* the server is away, or signed us out: keep what is shown */ }
  }
};

if (parts.length) {
  refresh();
  const events = new EventSource("/events");
  events.addEventListener("changed", refresh);
  addEventListener("pagehide", () => events.close());
  document.addEventListener("visibilitychange", refresh);
}

// A letter takes you to the link or field that has it as data-key; not while somebody writes, nor where they are off.
const keysAreOn = () => localStorage.getItem("keys") !== "off";
document.addEventListener("keydown", (event) => {
  if (!keysAreOn() || event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
  const wanted = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (!wanted) return;
  event.preventDefault();
  if (wanted.matches("a")) wanted.click();
  else wanted.focus();
});

// The menu closes when somebody clicks elsewhere or presses Escape.
const menu = document.querySelector(".me");
if (menu) {
  document.addEventListener("click", (event) => { if (!menu.contains(event.target)) menu.open = false; });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") menu.open = false; });
}
