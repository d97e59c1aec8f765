// npm install jsonwebtoken && node logout.cjs ada@example.com
const { randomUUID } = require('node:crypto');
const jwt = require('jsonwebtoken');

const bridge = process.env.BRIDGE_URL ?? 'http://localhost:3000';
const secret = process.env.SSO_SECRET; // the bridge's JWT_SHARED_SECRET
if (!secret) throw new Error('SSO_SECRET is not set');

// Call this when somebody signs out of your product, or loses the account there.
async function signOut(sub) {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iat: now, exp: now + 120, jti: randomUUID(), iss: 'my-product', aud: bridge, sub,
    events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
  };
  const logout_token = jwt.sign(claims, secret, { header: { typ: 'logout+jwt' } });
  const answer = await fetch(`${bridge}/auth/sso/backchannel-logout`, { method: 'POST', body: new URLSearchParams({ logout_token }) });
  if (!answer.ok) throw new Error(`the bridge answered ${answer.status} ${await answer.text()}`);
}

signOut(process.argv[2]);
