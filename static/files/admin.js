// What the administrator's pages do better with a script. All of them work without it.
"use strict";

// On a narrow screen tabs are one line, which shows the one that is open.
for (const here of document.querySelectorAll(".tabs [aria-current]")) {
  const line = here.closest("ul");
  line.scrollLeft = here.offsetLeft - line.offsetLeft - (line.clientWidth - here.offsetWidth) / 2;
}

// A page offers the first groups. The others are offered as somebody types.
for (const input of document.querySelectorAll("input[data-search]")) {
  let wait;
  input.addEventListener("input", () => {
    clearTimeout(wait);
    if (input.value.trim()) wait = setTimeout(offer, 200, input);
  });
}

async function offer(input) {
  const typed = input.value.trim();
  const answer = await fetch(`${input.dataset.search}?limit=20&search=${encodeURIComponent(typed)}`);
  if (!answer.ok || input.value.trim() !== typed) return;
  const { groups } = await answer.json();
  input.list.replaceChildren(...groups.filter((g) => g.id !== 1).map((g) => new Option(g.name, g.name)));
}

// Groups that are separated by commas become chips. What is sent is the same text.
for (const input of document.querySelectorAll("input[data-chips]")) chips(input);

function chips(input) {
  const sent = Object.assign(document.createElement("input"), { type: "hidden", name: input.name });
  const box = Object.assign(document.createElement("div"), { className: "chips" });
  const said = Object.assign(document.createElement("span"), { className: "unseen", role: "status" });
  const names = [];
  let taken = false; // the key that is pressed took what was typed
  input.removeAttribute("name");
  input.before(box);
  box.append(input, sent, said);

  const tell = () => {
    sent.value = [...names, input.value.trim()].filter(Boolean).join(", ");
    input.form.dispatchEvent(new Event("change"));
  };
  const remove = (chip, name) => {
    names.splice(names.indexOf(name), 1);
    chip.remove();
    said.textContent = `${name} taken out`;
    tell();
    input.focus();
  };
  const add = (text) => {
    for (const name of text.split(",").map((part) => part.trim()).filter(Boolean)) {
      if (names.includes(name)) continue;
      names.push(name);
      const chip = Object.assign(document.createElement("span"), { className: "chip" });
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: "×" });
      button.setAttribute("aria-label", `Take ${name} out`);
      button.addEventListener("click", () => remove(chip, name));
      chip.append(Object.assign(document.createElement("bdi"), { textContent: name }), button);
      input.before(chip);
    }
  };
  const take = () => {
    const text = input.value;
    if (!text.trim()) return;
    input.value = "";
    add(text);
    said.textContent = `${text.trim()} added`;
    tell();
  };
  add(input.defaultValue);
  input.value = "";
  tell();
  sent.dataset.was = sent.value; // a hidden field knows no value that it had
  input.addEventListener("input", (event) => {
    // One that is chosen from the list comes whole.
    if (input.value.includes(",") || event.inputType === "insertReplacementText" || !event.inputType) take();
    else tell();
  });
  input.addEventListener("blur", take);
  input.addEventListener("keydown", (event) => {
    taken = event.key === "Enter" && input.value.trim() !== "";
    if (taken) {
      event.preventDefault();
      take();
    } else if (event.key === "Backspace" && !input.value && names.length) {
      remove(input.previousElementSibling, names.at(-1));
    }
  });
  input.addEventListener("keypress", (event) => { if (taken) event.preventDefault(); }); // or the form is sent
  box.addEventListener("click", (event) => { if (event.target === box) input.focus(); });
}

// How many rows are other than they were when the page came.
for (const place of document.querySelectorAll("[data-changes]")) {
  const form = place.closest("form");
  const count = () => {
    let n = form.querySelector("[name=mode]:checked")?.defaultChecked === false ? 1 : 0;
    for (const row of form.querySelectorAll("fieldset.mapping")) {
      const changed = [...row.querySelectorAll("input[name]")].some((i) =>
        i.type === "checkbox" || i.type === "radio" ? i.checked !== i.defaultChecked : i.value !== (i.dataset.was ?? i.defaultValue));
      if (changed) n++;
    }
    if (n) place.textContent = n === 1 ? "1 change, not saved" : `${n} changes, not saved`;
    else if (place.dataset.counted) place.textContent = "No changes";
    if (n) place.dataset.counted = "yes";
  };
  form.addEventListener("change", count);
  form.addEventListener("input", count);
}

// One tick for all rows of the page.
for (const head of document.querySelectorAll("[data-tick-all]")) {
  const all = Object.assign(document.createElement("input"), { type: "checkbox" });
  all.setAttribute("aria-label", "Select all on this page");
  const each = [...head.closest("table").querySelectorAll(".tick input")];
  all.addEventListener("change", () => { for (const one of each) one.checked = all.checked; });
  head.closest("table").addEventListener("change", () => {
    const n = each.filter((one) => one.checked).length;
    all.checked = n === each.length;
    all.indeterminate = n > 0 && n < each.length;
  });
  head.replaceChildren(all);
}
