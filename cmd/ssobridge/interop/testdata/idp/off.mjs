// The sign-in page of a product, for JWT_BINDING off: sign who it is, and send the browser back with the token.
import { randomUUID } from 'node:crypto';
import express from 'express';
import jwt from 'jsonwebtoken';

const { BRIDGE_URL, JWT_SHARED_SECRET, PORT } = process.env; // BRIDGE_URL is the bridge's SITE_URL
const users = {
  'ann@example.com': { password: 'correct horse', first_name: 'Ann', last_name: 'Lee', groups: ['sales'] },
  'bob@example.com': { password: 'battery staple', first_name: 'Bob', last_name: 'Ray', groups: [] },
};

// The form posts to its own address, so what the bridge sent in the query comes along.
const page = (message) => `<!doctype html><html lang="en"><title>Sign in</title><h1>Sign in</h1><p>${message}</p>
<form method="post"><label>E-mail <input name="email"></label>
<label>Password <input name="password" type="password"></label> <button>Sign in</button></form></html>`;

const sign = (email, { first_name, last_name, groups }) =>
  jwt.sign({ email, first_name, last_name, groups, jti: randomUUID() }, JWT_SHARED_SECRET, { expiresIn: 60 });

const app = express();
app.use(express.urlencoded({ extended: false }));
app.get('/login', (req, res) => res.send(page('')));

app.post('/login', (req, res) => {
  const { email, password } = req.body ?? {};
  const user = Object.hasOwn(users, email) ? users[email] : undefined;
  if (!user || user.password !== password) return res.status(401).send(page('Unknown e-mail or password'));
  const back = new URLSearchParams({ jwt: sign(email, user), return_to: req.query.return_to ?? '/' });
  res.redirect(303, `${BRIDGE_URL}/auth/sso?${back}`);
});

app.listen(PORT, '127.0.0.1');
