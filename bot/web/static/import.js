// A file that is dropped in the box is sent at once, as is one that is chosen.
const drop = document.querySelector(".drop");

if (drop) {
  const input = drop.querySelector("input[type=file]");
  const send = () => {
    const trouble = document.getElementById("file-trouble");
    trouble.hidden = !(input.files[0]?.size > Number(drop.dataset.most));
    if (trouble.hidden && input.files.length) drop.requestSubmit();
  };
  for (const hint of drop.querySelectorAll(".with-script")) hint.hidden = false;
  drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    if (!event.dataTransfer.files.length) return;
    input.files = event.dataTransfer.files;
    send();
  });
  input.addEventListener("change", send);
}

// How far the work is, until it is done; then the page shows what came of it.
const part = document.querySelector("[data-progress]");

if (part) {
  const look = async () => {
    try {
      const answer = await fetch(part.dataset.progress, { redirect: "error" });
      if (answer.ok) {
        const html = await answer.text();
        if (!html.includes("data-working")) { location.reload(); return; }
        part.innerHTML = html;
      }
    } catch { /* the server is away for a moment */ }
    setTimeout(look, 700);
  };
  setTimeout(look, 500);
}
