// Sign-ins show as they arrive. Without a script the page is loaded again.
"use strict";

const place = document.querySelector("[data-live]");
const texts = place?.dataset;
let source;
let loading = false;
let newest;

// A tab that nobody sees keeps no connection: a browser has six of them for a site.
function watch() {
  if (source || document.hidden || texts.over) return;
  source = new EventSource(texts.live);
  source.addEventListener("open", () => say(texts.watching));
  source.addEventListener("came", (event) => { newest = event.data; load(); });
  source.addEventListener("end", (event) => stop(event.data));
  source.addEventListener("error", () => {
    if (source?.readyState === EventSource.CLOSED) stop(texts.lost);
    else say(texts.again);
  });
}

function pause() {
  source?.close();
  source = undefined;
}

function stop(why) {
  pause();
  texts.over = "yes";
  say(why);
}

function say(text) {
  if (place.textContent !== text) place.textContent = text;
}

// What came is in the page. What stands there already stays, with the focus that is in it.
async function load() {
  if (loading || newest === texts.last) return;
  loading = true;
  const upTo = newest;
  try {
    const answer = await fetch(location.href);
    if (!answer.ok || answer.redirected) throw new Error(answer.status);
    show(new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live"));
    texts.last = upTo;
  } catch {
    stop(texts.lost);
  }
  loading = false;
  if (!texts.over) load();
}

function show(fresh) {
  const list = document.getElementById("live");
  const came = [...fresh.querySelectorAll(".attempt")];
  if (came.length) list.querySelector(".empty")?.remove();
  for (const old of list.querySelectorAll(".attempt")) {
    if (!came.some((one) => one.id === old.id)) old.remove();
  }
  const added = came.filter((one) => !document.getElementById(one.id));
  list.prepend(...added);
  for (const one of added) localTimes(one);
  if (added.length) say(`${added[0].querySelector(".verdict").textContent}. ${texts.watching}`);
}

if (place) {
  document.addEventListener("visibilitychange", () => { if (document.hidden) pause(); else watch(); });
  addEventListener("pagehide", pause);
  addEventListener("pageshow", watch);
  watch();
}
