// The end of a conversation is what matters; a reader who has scrolled up is left where they are.
const thread = document.getElementById("thread");
if (thread) {
  let atEnd = true;
  thread.addEventListener("scroll", () => { atEnd = thread.scrollHeight - thread.scrollTop - thread.clientHeight < 60; });
  new MutationObserver(() => { if (atEnd) thread.scrollTop = thread.scrollHeight; }).observe(thread, { childList: true });
  thread.scrollTop = thread.scrollHeight;
}

// What a text costs, and whether its reader can read it, is said while it is written.
const write = document.getElementById("write");
if (write) {
  const cost = document.getElementById("cost");
  let waiting = null;
  write.words.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(async () => {
      const form = new FormData(write);
      form.set("do", "check");
      try {
        const answer = await fetch(write.action, { method: "POST", body: new URLSearchParams(form), redirect: "error" });
        if (answer.ok) cost.innerHTML = await answer.text();
      } catch { /* the server is away: it counts again when the text is sent */ }
    }, 400);
  });
  // Choosing a saved reply puts it in at once.
  const saved = document.getElementById("saved");
  saved?.addEventListener("change", () => { if (saved.value && !write.words.value.trim()) saved.form.requestSubmit(); });
}
