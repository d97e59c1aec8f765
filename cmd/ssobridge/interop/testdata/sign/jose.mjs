// npm jose. An ES module cannot be imported through NODE_PATH, so its place is looked up first.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const require = createRequire(import.meta.url);
const { SignJWT } = await import(pathToFileURL(require.resolve('jose')));
const { secret, person, iat } = JSON.parse(readFileSync(0, 'utf8'));

const { email, first_name, last_name, groups } = person;
let jwt = new SignJWT({ email, first_name, last_name, groups })
  .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
  .setExpirationTime('10m');
if (iat) jwt = jwt.setIssuedAt();
console.log(await jwt.sign(new TextEncoder().encode(secret)));
