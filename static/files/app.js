// What pages do better with a script. All of them work without it.
"use strict";

// In the language of the page.
const words = document.currentScript.dataset;

// What was wrong with a form comes first. Not every browser focuses what is no field by autofocus; those that do have done
// so when the first frame is drawn.
const faults = document.getElementById("faults");
if (faults) requestAnimationFrame(() => { if (document.activeElement !== faults) faults.focus(); });

// As browsers name them; a few name what is no language.
function languages() {
  try {
    return Intl.getCanonicalLocales(navigator.languages);
  } catch {
    return [document.documentElement.lang];
  }
}

// Times in the reader's own zone, written as the browser writes them.
function localTimes(root) {
  const known = languages();
  for (const time of root.querySelectorAll("time[datetime]")) {
    const style = "seconds" in time.dataset ? { timeStyle: "medium" } : { dateStyle: "long", timeStyle: "short" };
    const writer = new Intl.DateTimeFormat(known, style);
    const text = writer.format(new Date(time.dateTime));
    const exact = time.querySelector(".exact");
    if (exact) [time.title, exact.textContent] = [text, ` (${text})`];
    else time.textContent = text;
    (exact ?? time).lang = writer.resolvedOptions().locale;
  }
}
localTimes(document);

// A password or a key can be looked at. The button is made here, since it does nothing without a script.
for (const input of document.querySelectorAll("input[type=password]")) {
  const [show, hide] = /password/.test(input.autocomplete) ? [words.show, words.hide] : [words.showTyped, words.hideTyped];
  const button = document.createElement("button");
  button.type = "button";
  button.className = "link reveal";
  button.textContent = show;
  button.setAttribute("aria-controls", input.id);
  button.addEventListener("click", () => {
    const shown = input.type === "text";
    input.type = shown ? "password" : "text";
    button.textContent = shown ? show : hide;
  });
  input.form?.addEventListener("submit", () => { input.type = "password"; }); // or browsers remember it as text
  input.after(button);
}

// What is to be pasted elsewhere can be copied.
for (const text of navigator.clipboard ? document.querySelectorAll("[data-copy]") : []) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "link";
  button.textContent = words.copyText;
  const of = text.closest("div")?.querySelector("dt"); // which of several it copies
  if (of) {
    if (!of.id) of.id = `copied-${document.querySelectorAll("[id^=copied-]").length}`;
    button.setAttribute("aria-describedby", of.id);
  }
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text.textContent);
    button.textContent = words.copied;
    setTimeout(() => { button.textContent = words.copyText; }, 2000);
  });
  text.after(button);
}

// A form is sent once, however often its button is pressed.
for (const form of document.forms) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    event.submitter?.setAttribute("aria-busy", "true");
    setTimeout(unsend, 5000); // the answer may never come, or not be a page
  });
}

function unsend() {
  for (const form of document.forms) delete form.dataset.sent;
  for (const busy of document.querySelectorAll("[aria-busy]")) busy.removeAttribute("aria-busy");
}

// The back button brings a page back as it was left: sent.
addEventListener("pageshow", (event) => {
  if (event.persisted) unsend();
});
