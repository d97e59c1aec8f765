// What the administrator's pages do better with a script. All of them work without it.
"use strict";

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
