// A product's login page of the kind that Metabase's documentation describes: an express app that keeps return_to in a
// hidden field and answers the form with a redirect to /auth/sso. It knows nothing of ssobridge.
const express = require('express');
const jwt = require('jsonwebtoken');

const { METABASE_SITE_URL, METABASE_JWT_SHARED_SECRET } = process.env;
const users = [
  { email: 'rene@example.com', password: 'correct horse', firstName: 'Rene', lastName: 'Mueller', groups: ['extSales'] },
  { email: 'cecilia@example.com', password: 'battery staple', firstName: 'Cecilia', lastName: 'Stark', groups: [] },
];

const escape = (s) => String(s).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

const page = (returnTo, error) => `<!doctype html>
<html lang="en"><title>Sign in</title><h1>Sign in</h1>
<p id="error">${escape(error)}</p>
<form method="post">
<input type="hidden" name="return_to" value="${escape(returnTo)}">
<label>E-mail <input name="email" type="email"></label>
<label>Password <input name="password" type="password"></label>
<button id="login">Sign in</button>
</form></html>`;

const app = express();
app.use(express.urlencoded({ extended: false }));

app.get('/login', (req, res) => res.send(page(req.query.return_to ?? '', '')));

app.post('/login', (req, res) => {
  const { email, password, return_to } = req.body;
  const user = users.find((u) => u.email === email && u.password === password);
  if (!user) {
    return res.status(401).send(page(return_to, 'Unknown e-mail or password'));
  }
  const token = jwt.sign(
    {
      email: user.email,
      first_name: user.firstName,
      last_name: user.lastName,
      groups: user.groups,
      exp: Math.round(Date.now() / 1000) + 60 * 10, // 10 minute expiration
    },
    METABASE_JWT_SHARED_SECRET,
  );
  const url = new URL('/auth/sso', METABASE_SITE_URL);
  url.searchParams.set('jwt', token);
  url.searchParams.set('return_to', return_to ? return_to : '/');
  res.redirect(url.href);
});

const server = app.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/login`));
