// The form is sent to be checked whenever a field is done with, and what comes back is put beside the fields.
const form = document.querySelector("form[data-check]");

if (form) {
  let running = null;
  let waiting = null;

  const put = (name, html) => {
    const place = form.querySelector(`[data-notes="${name}"]`);
    if (!place || place.innerHTML.trim() === html.trim()) return;
    const focused = place.contains(document.activeElement) ? document.activeElement.id : "";
    place.innerHTML = html.trim();
    if (focused) document.getElementById(focused)?.focus();
  };

  const check = async () => {
    clearTimeout(waiting);
    running?.abort();
    running = new AbortController();
    try {
      const answer = await fetch(form.dataset.check, {
        method: "POST", body: new URLSearchParams(new FormData(form)), redirect: "error", signal: running.signal,
      });
      if (!answer.ok) return;
      const found = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of found.querySelectorAll("[data-notes]")) {
        const name = part.dataset.notes;
        put(name, part.innerHTML);
        const field = form.elements[name];
        if (field instanceof HTMLElement) {
          if (part.querySelector(".trouble")) field.setAttribute("aria-invalid", "true");
          else field.removeAttribute("aria-invalid");
        }
      }
    } catch { /* the server is away: everything is checked again when the form is sent */ }
  };

  form.addEventListener("change", check);
  // While somebody corrects what is marked, the mark goes as soon as it is right.
  form.addEventListener("input", (event) => {
    if (!event.target.hasAttribute("aria-invalid")) return;
    clearTimeout(waiting);
    waiting = setTimeout(check, 400);
  });
  // A browser that goes back brings what was typed, but not what was said of it.
  addEventListener("pageshow", check);
}
