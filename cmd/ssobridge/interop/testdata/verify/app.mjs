// An app behind ssobridge that believes signed assertions only: npm install jose && BRIDGE_URL=http://localhost:3000 node app.mjs
import { createServer } from 'node:http';
import { createRemoteJWKSet, jwtVerify } from 'jose';

const root = process.env.BRIDGE_URL.replace(/\/$/, ''); // SITE_URL, letter by letter, and PATH_PREFIX if there is one
const bridge = new URL(root).origin;
const keys = createRemoteJWKSet(new URL(`${root}/.well-known/jwks.json`)); // reads them again when they change
const expected = { issuer: bridge, audience: bridge, typ: 'assertion+jwt', algorithms: ['ES256', 'EdDSA'], requiredClaims: ['exp'] };
createServer(async (req, res) => {
  try {
    const { payload: who } = await jwtVerify(req.headers['remote-assertion'] ?? '', keys, expected);
    res.end(`hello ${who.name}, ${who.email}`);
  } catch (err) {
    console.error(`${err.message}; expected the assertion of ${bridge}`);
    res.writeHead(401).end('no valid assertion');
  }
}).listen(process.env.PORT ?? 8000, '127.0.0.1');
