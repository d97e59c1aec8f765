// The set-up link carries the secret after "#", which browsers send to no one: it goes into the form from here, and out of
// the address, so that it stays in no history.
"use strict";

const secret = document.getElementById("secret");
const carried = location.hash.slice(1);
if (secret && carried && carried !== "main") {
  secret.value = carried;
  history.replaceState(null, "", location.pathname);
  document.getElementById("email")?.focus();
}
