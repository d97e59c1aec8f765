// Passkeys (W3C Web Authentication): the button asks the bridge, then the browser, then tells the bridge.
"use strict";

const toBytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
const toText = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

// Where the bridge's paths stand: this script is one of its files.
const bridge = document.currentScript.src.replace(/\/auth\/static\/[^/]*$/, "");

async function post(path, body) {
  const answer = await fetch(bridge + path, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify(body),
  });
  const told = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(told.detail ?? told.message ?? answer.statusText), { code: told.code });
  return told;
}

const idsToBytes = (list) => (list ?? []).map((c) => ({ ...c, id: toBytes(c.id) }));

async function sign() {
  const { publicKey } = await post("/auth/passkeys/ask", {});
  publicKey.challenge = toBytes(publicKey.challenge);
  publicKey.allowCredentials = idsToBytes(publicKey.allowCredentials);
  const made = await navigator.credentials.get({ publicKey });
  const r = made.response;
  return described(made, {
    authenticatorData: toText(r.authenticatorData),
    signature: toText(r.signature),
    userHandle: r.userHandle ? toText(r.userHandle) : undefined,
  });
}

async function create(path, body) {
  const { publicKey } = await post(path, body);
  publicKey.challenge = toBytes(publicKey.challenge);
  publicKey.user.id = toBytes(publicKey.user.id);
  publicKey.excludeCredentials = idsToBytes(publicKey.excludeCredentials);
  const made = await navigator.credentials.create({ publicKey });
  return described(made, {
    attestationObject: toText(made.response.attestationObject),
    transports: made.response.getTransports?.() ?? [],
  });
}

function described(made, response) {
  return {
    id: made.id,
    rawId: toText(made.rawId),
    type: made.type,
    clientExtensionResults: made.getClientExtensionResults(),
    authenticatorAttachment: made.authenticatorAttachment ?? undefined,
    response: { clientDataJSON: toText(made.response.clientDataJSON), ...response },
  };
}

const acts = {
  "sign-in": async (to) => post("/auth/passkeys/sign-in", { credential: await sign(), return_to: to }),
  confirm: async (to) => post("/auth/confirm/passkey", { credential: await sign(), return_to: to }),
  add: async () => {
    const name = document.getElementById("passkey-name")?.value ?? "";
    return post("/auth/passkeys/add", { credential: await create("/auth/passkeys/create", {}), name });
  },
  setup: async () => {
    const [secret, email] = ["secret", "email"].map((id) => document.getElementById(id).value);
    const credential = await create("/auth/setup/passkey", { secret, email });
    return post("/auth/setup/passkey/add", { secret, email, credential });
  },
};

// The bridge and browsers say in English what went wrong. The page has the usual ones in its own language.
function inWords(box, error) {
  const said = (code) => box.querySelector(`[data-code="${code}"]`)?.textContent;
  return said(error.code) ?? (document.documentElement.lang === "en" ? error.message : said("else"));
}

for (const box of document.querySelectorAll("[data-passkey]")) {
  const off = box.querySelector(".passkey-off");
  if (!window.PublicKeyCredential) {
    off.textContent = box.dataset.without;
    continue;
  }
  const button = box.querySelector("button");
  const problem = box.querySelector(".passkey-problem");
  off.hidden = true;
  button.hidden = false;
  button.addEventListener("click", async () => {
    problem.hidden = true;
    button.setAttribute("aria-busy", "true");
    button.disabled = true;
    try {
      const { location: to } = await acts[box.dataset.passkey](box.dataset.returnTo);
      location.assign(to);
    } catch (error) {
      // NotAllowedError: the person said no, took too long, or has none. InvalidStateError: this device has one already.
      problem.textContent =
        error.name === "NotAllowedError" ? box.dataset.unused
        : error.name === "InvalidStateError" ? box.dataset.known
        : inWords(box, error);
      problem.hidden = false;
      button.disabled = false;
      button.removeAttribute("aria-busy");
    }
  });
}
