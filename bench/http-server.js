/**
 * The servers that `http.js` loads: without authentication, with the least that could do the same work, and ours. Arguments: framework,
 * variant, and for all but ours the headers of a request that ours would let in.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serve as serveHono } from '@hono/node-server';
import express from 'express';
import { createAuth, developmentSecret } from 'countersign';
import { expressAuth } from 'countersign/express';
import { fastifyVerifier } from 'countersign/fastify';
import { honoVerifier } from 'countersign/hono';
import { answerError, nodeHandler } from 'countersign/node';
import { sqlite } from 'countersign/sqlite';
import { createVerifier } from 'countersign/verify';
import Fastify from 'fastify';
import { Hono } from 'hono';
import { offer } from './measured-server.js';

const [, , framework, variant, headers = '{}'] = process.argv;
const { cookie } = JSON.parse(headers);
const folder = mkdtempSync(join(tmpdir(), 'countersign-bench-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const audience = 'bench';
const user = { username: 'alice', password: 'correct horse battery staple' };
const principal = { userId: '0198c2d6-5f5f-7000-8000-000000000000' };

/** In memory, keyed by the signature; whole comparison; one look-up among what was revoked. */
function guardByHand() {
  const token = /cs-access=([^;]+)/.exec(cookie)[1];
  const known = new Map([[token.slice(token.lastIndexOf('.') + 1), { token, principal, sessionId: 'known' }]]);
  const revoked = new Set(['another']);
  return (header) => {
    const at = header.indexOf('cs-access=') + 10;
    const presented = header.slice(at, header.indexOf(';', at));
    const found = known.get(presented.slice(presented.lastIndexOf('.') + 1));
    return found?.token === presented && !revoked.has(found.sessionId) ? found.principal : null;
  };
}

const servers = {
  express: {
    bare: () => createServer(express().get('/me', (req, res) => void res.json({ id: principal.userId }))),
    hand() {
      const find = guardByHand();
      const guard = (req, res, next) => {
        req.auth = find(req.headers.cookie);
        if (req.auth === null) res.status(401).end();
        else next();
      };
      return createServer(express().get('/me', guard, (req, res) => void res.json({ id: req.auth.userId })));
    },
    ours(auth) {
      const { routes, authenticated } = expressAuth(auth);
      const app = express().use(routes());
      return createServer(
        app.get(
          '/me',
          authenticated((req, res) => void res.json({ id: req.auth.userId })),
        ),
      );
    },
  },
  node: {
    bare: () => createServer((request, response) => answerId(response, principal)),
    hand() {
      const find = guardByHand();
      return createServer((request, response) => {
        const found = find(request.headers.cookie);
        if (found === null) response.writeHead(401).end();
        else answerId(response, found);
      });
    },
    ours(auth) {
      const routes = nodeHandler(auth);
      const answer = (request, response) => {
        try {
          answerId(response, auth.getPrincipal(request));
        } catch (error) {
          answerError(auth, error, request, response);
        }
      };
      return createServer((request, response) => routes(request, response, () => answer(request, response)));
    },
  },
  fastify: {
    bare: () => onFastify((app) => app.get('/me', () => ({ id: principal.userId }))),
    hand() {
      const find = guardByHand();
      const onRequest = (request, reply, done) => {
        request.auth = find(request.headers.cookie);
        if (request.auth === null) reply.code(401).send();
        else done();
      };
      return onFastify((app) => app.decorateRequest('auth', null).get('/me', { onRequest }, (request) => ({ id: request.auth.userId })));
    },
    async ours(auth, port) {
      const { authenticate, principalOf } = fastifyVerifier(await verifierOf(auth, port));
      return onFastify((app) => app.get('/me', { onRequest: authenticate() }, (request) => ({ id: principalOf(request).userId })));
    },
  },
  hono: {
    bare: () => onHono((app) => app.get('/me', (c) => c.json({ id: principal.userId }))),
    hand() {
      const find = guardByHand();
      const guard = async (c, next) => {
        c.set('auth', find(c.req.header('cookie')));
        return c.get('auth') === null ? c.body(null, 401) : next();
      };
      return onHono((app) => app.get('/me', guard, (c) => c.json({ id: c.get('auth').userId })));
    },
    async ours(auth, port) {
      const { authenticate } = honoVerifier(await verifierOf(auth, port));
      return onHono((app) => app.get('/me', authenticate(), (c) => c.json({ id: c.get('auth').userId })));
    },
  },
};

function answerId(response, { userId }) {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ id: userId }));
}

async function onFastify(add) {
  const app = Fastify();
  add(app);
  await app.listen({ host: '127.0.0.1', port: 0 });
  return app.server;
}

function onHono(add) {
  const app = new Hono();
  add(app);
  return new Promise((resolve) => {
    const server = serveHono({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, () => resolve(server));
  });
}

/** With the feed of revocations, as in production; the issuer is in the same process and has nothing else to do. */
async function verifierOf(auth, port) {
  const [owner] = (await auth.users.list()).items;
  const { secret: serviceKey } = await auth.apiKeys.create({
    userId: owner.id,
    name: 'bench',
    scopes: ['revocations:read'],
    expiresIn: '1d',
  });
  return createVerifier({ issuer: `http://localhost:${String(port)}`, audience, serviceKey });
}

async function startOurs() {
  const issuer = createServer();
  await new Promise((resolve) => issuer.listen(0, resolve));
  const { port } = issuer.address();
  const auth = await createAuth({
    publicUrl: `http://localhost:${String(port)}`,
    secret: developmentSecret(folder),
    store: sqlite(join(folder, 'auth.db')),
    tokens: { audience: [`http://localhost:${String(port)}`, audience] },
  });
  issuer.on('request', nodeHandler(auth));
  await auth.users.create({ ...user, roles: ['admin'] });
  const login = new Request(`http://localhost:${String(port)}/api/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ identifier: user.username, password: user.password }),
  });
  const answer = await auth.fetch(login, { remoteAddress: null });
  const cookies = answer.headers.getSetCookie().map((line) => line.slice(0, line.indexOf(';')));
  const server = await servers[framework].ours(auth, port);
  await offer(server, { cookie: cookies.join('; ') });
}

if (variant === 'ours') await startOurs();
else await offer(await servers[framework][variant](), { cookie });
