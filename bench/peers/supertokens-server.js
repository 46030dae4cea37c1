/** SuperTokens' node SDK with `verifySession`. Its core, a Java server, is replaced by what `verifySession` asks it for: a version and a key set. */
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import express from 'express';
import { exportJWK, SignJWT } from 'jose';
import supertokens from 'supertokens-node';
import { errorHandler, middleware } from 'supertokens-node/framework/express/index.js';
import Session from 'supertokens-node/recipe/session/index.js';
import { verifySession } from 'supertokens-node/recipe/session/framework/express/index.js';
import { offer } from '../measured-server.js';

const id = '0198c2d6-5f5f-7000-8000-000000000000';

export async function startSupertokens() {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const kid = 'd-1700000000000';
  const keys = [{ ...(await exportJWK(publicKey)), kid, alg: 'RS256', use: 'sig' }];
  const core = createServer((request, response) => {
    response.setHeader('content-type', 'application/json');
    if (request.url.startsWith('/apiversion')) response.end(JSON.stringify({ versions: ['5.1', '5.2', '5.3', '5.4'] }));
    else if (request.url.includes('jwks.json')) response.end(JSON.stringify({ keys }));
    else response.writeHead(404).end();
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => core.once('listening', resolve));
  supertokens.init({
    supertokens: { connectionURI: `http://127.0.0.1:${String(core.address().port)}` },
    appInfo: { appName: 'bench', apiDomain: 'http://localhost:4000', websiteDomain: 'http://localhost:4000' },
    recipeList: [Session.init({ getTokenTransferMethod: () => 'cookie' })],
    telemetry: false,
  });
  const claims = {
    sub: id,
    rsub: id,
    tId: 'public',
    sessionHandle: id,
    refreshTokenHash1: 'a'.repeat(64),
    parentRefreshTokenHash1: null,
    antiCsrfToken: null,
  };
  const token = await new SignJWT({ ...claims, iss: 'http://localhost:4000/auth' })
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid, version: '5' })
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(privateKey);
  const app = express().use(middleware());
  app.get('/me', verifySession(), (req, res) => void res.json({ id: req.session.getUserId() }));
  app.use(errorHandler());
  await offer(createServer(app), { cookie: `sAccessToken=${token}` });
}
