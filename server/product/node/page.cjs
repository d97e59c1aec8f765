// npm install express jsonwebtoken && node page.cjs
const { randomUUID } = require('node:crypto');
const express = require('express');
const jwt = require('jsonwebtoken');

const bridge = process.env.BRIDGE_URL ?? 'http://localhost:3000';
const secret = process.env.SSO_SECRET; // the bridge's JWT_SHARED_SECRET
if (!secret) throw new Error('SSO_SECRET is not set');
const people = new Map([ // stands for your accounts
  ['ada@example.com', { password: 'correct horse', first: 'Ada', last: 'Lovelace', groups: ['research'] }],
]);
const form = `<!doctype html><title>Sign in</title><form method="post">
<input name="email" type="email"> <input name="password" type="password"> <button>Sign in</button></form>`;

const app = express();
app.use(express.urlencoded({ extended: false }));
app.get('/login', (req, res) => res.send(form));
app.post('/login', (req, res) => {
  const { email, password } = req.body;
  const person = people.get(email);
  if (!person || person.password !== password) return res.status(401).send(form);

  const now = Math.floor(Date.now() / 1000);
  const claims = {
    email, first_name: person.first, last_name: person.last, groups: person.groups,
    iat: now, exp: now + 60, jti: randomUUID(), iss: 'my-product', aud: bridge,
  };
  const back = new URL(`${bridge}/auth/sso`);
  for (const name of ['nonce', 'code_challenge']) if (req.query[name]) claims[name] = req.query[name];
  for (const name of ['return_to', 'state']) if (req.query[name]) back.searchParams.set(name, req.query[name]);
  back.searchParams.set('jwt', jwt.sign(claims, secret));
  res.redirect(303, back.href);
});
app.listen(process.env.PORT ?? 3535, '127.0.0.1');
