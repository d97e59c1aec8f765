// The sign-in page of a product, for JWT_BINDING state: the state goes back as it came, the nonce into the token.
import { randomUUID } from 'node:crypto';
import express from 'express';
import jwt from 'jsonwebtoken';

const { BRIDGE_URL, JWT_SHARED_SECRET, PORT } = process.env; // BRIDGE_URL is the bridge's SITE_URL
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

app.post('/login', (req, res) => {
  const { email, password } = req.body ?? {};
  const user = Object.hasOwn(users, email) ? users[email] : undefined;
  if (!user || user.password !== password) return res.status(401).send(page('Unknown e-mail or password'));
  const { state, nonce } = req.query;
  const back = new URLSearchParams({ jwt: sign(email, user, nonce), state });
  res.redirect(303, `${redirectURI}?${back}`);
});

app.listen(PORT, '127.0.0.1');
