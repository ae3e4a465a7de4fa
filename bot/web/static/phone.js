// Parts marked data-live are fetched again and again and swapped only when they changed, so that
// nothing that a reader has opened, selected or scrolled to is lost without need.
for (const part of document.querySelectorAll("[data-live]")) {
  let shown = null;
  const refresh = async () => {
    if (!document.hidden) {
      try {
        const answer = await fetch(part.dataset.live);
        if (answer.ok) swap(part, await answer.text());
      } catch { /* the demo was stopped: keep what is shown */ }
    }
    setTimeout(refresh, Number(part.dataset.every));
  };
  const swap = (element, html) => {
    if (html === shown) return;
    const first = shown === null;
    shown = html;
    const open = [...element.querySelectorAll("details[open]")].map((details) => details.id);
    const atEnd = element.scrollHeight - element.scrollTop - element.clientHeight < 80;
    element.innerHTML = html;
    for (const id of open) element.querySelector(`#${id}`)?.setAttribute("open", "");
    if (first || atEnd) element.scrollTop = element.scrollHeight;
  };
  part.scrollTop = part.scrollHeight;
  part.refresh = async () => {
    const answer = await fetch(part.dataset.live);
    if (answer.ok) swap(part, await answer.text());
  };
  refresh();
}

const form = document.querySelector("form.write");
if (form) {
  const input = form.querySelector("input[name=text]");
  const send = async (text) => {
    if (!text.trim()) return;
    await fetch(form.action, { method: "POST", body: new URLSearchParams({ text, csrf: form.csrf.value }), redirect: "manual" });
    const thread = document.querySelector(".thread");
    thread.scrollTop = thread.scrollHeight;
    await thread.refresh();
    thread.scrollTop = thread.scrollHeight;
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = input.value;
    input.value = "";
    input.focus();
    send(text);
  });
  for (const offer of document.querySelectorAll(".offer")) {
    offer.addEventListener("click", () => send(offer.textContent));
  }
}
