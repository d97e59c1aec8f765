// The sign-in page of a product, for JWT_BINDING pkce: a code goes through the browser, and the token from server to server.
import { createHash, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import express from 'express';
import jwt from 'jsonwebtoken';

const { BRIDGE_URL, JWT_SHARED_SECRET, JWT_CLIENT_ID, PORT } = process.env; // BRIDGE_URL is the bridge's SITE_URL
const redirectURI = `${BRIDGE_URL}/auth/sso`;
const users = {
  'ann@example.com': { password: 'correct horse', first_name: 'Ann', last_name: 'Lee', groups: ['sales'] },
  'bob@example.com': { password: 'battery staple', first_name: 'Bob', last_name: 'Ray', groups: [] },
};

// The form posts to its own address, so what the bridge sent in the query comes along.
const page = (message) => `<!doctype html><html lang="en"><title>Sign in</title><h1>Sign in</h1><p>${message}</p>
<form method="post"><label>E-mail <input name="email"></label>
<label>Password <input name="password" type="password"></label> <button>Sign in</button></form></html>`;

const sign = (email, { first_name, last_name, groups }, nonce) =>
  jwt.sign({ email, first_name, last_name, groups, nonce, jti: randomUUID() }, JWT_SHARED_SECRET, { expiresIn: 60 });

const app = express();
app.use(express.urlencoded({ extended: false }));
app.get('/login', (req, res) => (req.query.state ? res.send(page('')) : res.redirect(redirectURI))); // begin at the bridge

const codes = new Map(); // with several processes: a table that all of them see

app.post('/login', (req, res) => {
  const { client_id, redirect_uri, state, nonce, code_challenge, code_challenge_method } = req.query;
  const asked = client_id === JWT_CLIENT_ID && redirect_uri === redirectURI && code_challenge_method === 'S256';
  if (!asked || !/^[\w-]{43}$/.test(code_challenge)) return res.status(400).send('not a request of the bridge');
  const { email, password } = req.body ?? {};
  const user = Object.hasOwn(users, email) ? users[email] : undefined;
  if (!user || user.password !== password) return res.status(401).send(page('Unknown e-mail or password'));
  const code = randomBytes(32).toString('base64url');
  codes.set(code, { email, user, nonce, code_challenge });
  setTimeout(() => codes.delete(code), 60_000).unref(); // the bridge comes at once
  res.redirect(303, `${redirectURI}?${new URLSearchParams({ code, state })}`);
});

app.post('/token', (req, res) => {
  const { grant_type, code, client_id, redirect_uri, code_verifier } = req.body ?? {};
  const grant = codes.get(code);
  codes.delete(code); // good once
  const challenge = createHash('sha256').update(String(code_verifier)).digest('base64url'); // RFC 7636, S256
  const ours = grant_type === 'authorization_code' && client_id === JWT_CLIENT_ID && redirect_uri === redirectURI;
  if (!grant || !ours || !timingSafeEqual(Buffer.from(challenge), Buffer.from(grant.code_challenge))) {
    return res.status(400).json({ error: 'invalid_grant' });
  }
  res.set('Cache-Control', 'no-store').json({ jwt: sign(grant.email, grant.user, grant.nonce) });
});

app.listen(PORT, '127.0.0.1');
