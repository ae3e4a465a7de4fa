// j and k go from one patient to the next, in the order of the page.
document.addEventListener("keydown", (event) => {
  if (!keysAreOn() || event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
  if (event.key !== "j" && event.key !== "k") return;
  const rows = [...document.querySelectorAll("[data-row]")];
  const now = rows.indexOf(document.activeElement);
  const next = event.key === "j" ? now + 1 : now < 0 ? rows.length - 1 : now - 1;
  rows[next]?.focus();
});

// A choice shows at once; the button stays for whoever has no script.
for (const choice of document.querySelectorAll(".filters select, .filters input[type=checkbox]")) {
  choice.addEventListener("change", () => choice.form.requestSubmit());
}

// Whoever dictates or presses keys by accident can switch the letters off, in this browser.
const keySwitch = document.querySelector("[data-keys-off]");
if (keySwitch) {
  const show = () => { keySwitch.textContent = keysAreOn() ? keySwitch.dataset.keysOff : keySwitch.dataset.keysOn; };
  keySwitch.hidden = false;
  show();
  keySwitch.addEventListener("click", () => { localStorage.setItem("keys", keysAreOn() ? "off" : "on"); show(); });
}
