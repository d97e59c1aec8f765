// OpenID providers of npm oidc-provider: node provider.mjs RP_ORIGIN NAME… Each has an address of its own, as browsers keep the cookies
// of one host together whatever the port, and their pages are on another site than their issuer. It prints one line {"NAME":"ISSUER",…} when all of them can be used.
import Provider from 'oidc-provider';
import { generateKeyPair, exportJWK } from 'jose';
import { createServer } from 'node:http';

const [rp, ...names] = process.argv.slice(2);
const people = {
  ada: { email: 'ada@example.org', email_verified: true, given_name: 'Ada', family_name: 'Lovelace', groups: ['research', 'staff'] },
  bob: { email: 'bob@example.org', email_verified: true, groups: [] },
  eve: { email: 'eve@example.org', email_verified: false, groups: ['research'] },
};

async function key(alg, kid) {
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  return { ...(await exportJWK(privateKey)), alg, kid, use: 'sig' };
}

async function provider(name, issuer, pages) {
  const p = new Provider(issuer, {
    clients: [{
      client_id: 'ssobridge', client_secret: 'client-secret-client-secret-client-secret', redirect_uris: [`${rp}/auth/oidc/${name}/callback`],
      response_types: ['code'], grant_types: ['authorization_code'], id_token_signed_response_alg: 'ES256',
      post_logout_redirect_uris: [`${rp}/auth/logout`],
      backchannel_logout_uri: `${rp.replace('localhost', '127.0.0.1')}/auth/oidc/${name}/backchannel-logout`, backchannel_logout_session_required: true,
    }],
    jwks: { keys: [await key('ES256', 'es-1'), await key('RS256', 'rs-1')] },
    cookies: { keys: ['test-only'] },
    pkce: { required: () => true },
    scopes: ['openid', 'email', 'profile', 'groups'],
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['given_name', 'family_name'], groups: ['groups'] },
    features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: true }, backchannelLogout: { enabled: true } },
    fetch: (url, { dispatcher, ...init }) => fetch(url, init), // its own refuses addresses of this machine
    findAccount: (ctx, id) => people[id] && { accountId: id, claims: () => ({ sub: id, ...people[id] }) },
    interactions: { url: (ctx, i) => `/interaction/${i.uid}` },
    loadExistingGrant: async (ctx) => { // nobody is asked for consent
      const before = ctx.oidc.session.grantIdFor(ctx.oidc.client.clientId); // codes of another grant of the session are refused
      if (before) return ctx.oidc.provider.Grant.find(before);
      const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
      grant.addOIDCScope('openid email profile groups');
      await grant.save();
      return grant;
    },
  });
  p.use(async (ctx, next) => {
    await next();
    if (ctx.path !== '/.well-known/openid-configuration') return;
    for (const page of ['authorization_endpoint', 'end_session_endpoint']) ctx.body[page] = ctx.body[page].replace(issuer, pages);
  });
  p.use(async (ctx, next) => {
    if (!ctx.path.startsWith('/interaction/')) return next();
    if (ctx.method === 'GET') {
      ctx.type = 'html';
      ctx.body = `<!doctype html><title>${name}</title><form method=post><input name=login><button>Sign in</button></form>`;
      return;
    }
    let body = '';
    for await (const chunk of ctx.req) body += chunk;
    const login = new URLSearchParams(body).get('login');
    const result = login === 'no' ? { error: 'access_denied' } : { login: { accountId: login } };
    await p.interactionFinished(ctx.req, ctx.res, result, { mergeWithLastSubmission: false });
    ctx.respond = false;
  });
  return p.callback();
}

const issuers = {};
for (const [i, name] of names.entries()) {
  let handle;
  const listen = async (host, port) => {
    const server = createServer((req, res) => handle(req, res));
    await new Promise((listening) => server.listen(port, host, listening));
    return server.address().port;
  };
  const port = await listen(`127.0.0.${i + 1}`, 0);
  await listen(`127.0.1.${i + 1}`, port);
  issuers[name] = `http://127.0.0.${i + 1}:${port}`;
  handle = await provider(name, issuers[name], `http://127.0.1.${i + 1}:${port}`);
}
console.log(JSON.stringify(issuers));
