// An app behind ssobridge that believes signed assertions only: npm install jose; BRIDGE=http://localhost:3000 PORT=8000 node app.mjs
import { createServer } from 'node:http'
import { createRemoteJWKSet, jwtVerify } from 'jose'

const bridge = process.env.BRIDGE
const keys = createRemoteJWKSet(new URL(bridge + '/.well-known/jwks.json')) // reads them again when they change
const expected = { issuer: bridge, audience: bridge, typ: 'assertion+jwt', algorithms: ['ES256'] }

createServer(async (req, res) => {
  try {
    const { payload } = await jwtVerify(req.headers['remote-assertion'] ?? '', keys, expected)
    res.end(`hello ${payload.email} of ${payload.attributes.department}`)
  } catch {
    res.writeHead(401).end('no valid assertion')
  }
}).listen(process.env.PORT, '127.0.0.1')
