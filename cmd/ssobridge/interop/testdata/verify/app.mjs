// An app behind ssobridge that believes signed assertions only: npm install jose && BRIDGE_URL=http://localhost:3000 node app.mjs
import { createServer } from 'node:http';
import { createRemoteJWKSet, jwtVerify } from 'jose';

const bridge = new URL(process.env.BRIDGE_URL).origin; // the same host name and port as SITE_URL
const keys = createRemoteJWKSet(new URL('/.well-known/jwks.json', bridge)); // reads them again when they change
const expected = { issuer: bridge, audience: bridge, typ: 'assertion+jwt', algorithms: ['ES256'], requiredClaims: ['exp'] };
createServer(async (req, res) => {
  try {
    const { payload: who } = await jwtVerify(req.headers['remote-assertion'] ?? '', keys, expected);
    res.end(`hello ${who.name}, ${who.email}`);
  } catch (err) {
    console.error(`${err.message}; expected the assertion of ${bridge}`);
    res.writeHead(401).end('no valid assertion');
  }
}).listen(process.env.PORT ?? 8000, '127.0.0.1');
