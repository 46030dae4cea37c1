/** The servers of other libraries that `http.js` loads, each as its own documentation has it. Arguments: framework, name, URL of Redis where it is needed. */
import { createHash, createSecretKey } from 'node:crypto';
import { createServer } from 'node:http';
import { serve as serveHono } from '@hono/node-server';
import fastifyJwt from '@fastify/jwt';
import { betterAuth } from 'better-auth';
import { fromNodeHeaders, toNodeHandler } from 'better-auth/node';
import { RedisStore } from 'connect-redis';
import cookieParser from 'cookie-parser';
import express from 'express';
import { expressjwt } from 'express-jwt';
import session from 'express-session';
import { createVerifier } from 'fast-jwt';
import Fastify from 'fastify';
import { Hono } from 'hono';
import { jwt as honoJwt } from 'hono/jwt';
import { getIronSession } from 'iron-session';
import { jwtVerify } from 'jose';
import jsonwebtoken from 'jsonwebtoken';
import { createClient } from 'redis';
import { offer } from '../measured-server.js';
import { openBetterAuth } from './better-auth-database.js';
import { startSupertokens } from './supertokens-server.js';

const [, , framework, name, redisUrl] = process.argv;
const secret = 'a secret as the tutorials have it, of enough characters';
const id = '0198c2d6-5f5f-7000-8000-000000000000';

/** With the same claims as ours. */
const claims = { sid: id, roles: ['user'], azv: 1, sep: 1, amr: ['pwd'], auth_time: 1_700_000_000 };
const token = jsonwebtoken.sign(claims, secret, {
  subject: id,
  issuer: 'http://localhost:4000',
  audience: 'http://localhost:4000',
  expiresIn: '1h',
});
const tokenCookie = { cookie: `token=${token}` };

/** `verify(token)` promises the claims. */
function onExpress(verify) {
  const guard = (req, res, next) => {
    verify(req.cookies.token).then(
      (user) => {
        req.user = user;
        next();
      },
      () => void res.status(401).end(),
    );
  };
  return serveExpress(express().use(cookieParser()).get('/me', guard, answerUser));
}

/** As `onExpress`, where nothing has to be waited for. */
function onExpressAtOnce(verify) {
  const guard = (req, res, next) => {
    try {
      req.user = verify(req.cookies.token);
    } catch {
      return void res.status(401).end();
    }
    next();
  };
  return serveExpress(express().use(cookieParser()).get('/me', guard, answerUser));
}

function answerUser(req, res) {
  res.json({ id: (req.user ?? req.auth).sub });
}

function serveExpress(app, headers = tokenCookie) {
  return offer(createServer(app), headers);
}

/** Asks the application itself for a cookie, as a browser that logs in does. */
async function logIn(app, path, init) {
  const server = createServer(app).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const answer = await fetch(`http://127.0.0.1:${String(server.address().port)}${path}`, {
    method: 'POST',
    ...init,
    headers: { origin: 'http://localhost', ...init?.headers },
  });
  if (!answer.ok) throw new Error(`${path}: ${String(answer.status)} ${await answer.text()}`);
  server.closeAllConnections();
  server.close();
  return {
    cookie: answer.headers
      .getSetCookie()
      .map((line) => line.slice(0, line.indexOf(';')))
      .join('; '),
  };
}

async function withExpressSession() {
  const client = await createClient({ url: redisUrl }).connect();
  const app = express().use(session({ store: new RedisStore({ client }), resave: false, saveUninitialized: false, secret }));
  app.post('/login', (req, res) => {
    req.session.userId = id;
    res.end();
  });
  app.get('/me', (req, res) => void (req.session.userId === undefined ? res.status(401).end() : res.json({ id: req.session.userId })));
  await serveExpress(app, await logIn(app, '/login'));
}

async function withIronSession() {
  const sessionOf = (req, res) => getIronSession(req, res, { password: secret, cookieName: 'session', cookieOptions: { secure: false } });
  const app = express();
  app.post('/login', async (req, res) => {
    const mine = await sessionOf(req, res);
    mine.userId = id;
    await mine.save();
    res.end();
  });
  app.get('/me', async (req, res) => {
    const { userId } = await sessionOf(req, res);
    if (userId === undefined) res.status(401).end();
    else res.json({ id: userId });
  });
  await serveExpress(app, await logIn(app, '/login'));
}

async function withBetterAuth(cookieCache) {
  const { options, close } = await openBetterAuth();
  process.on('exit', close);
  const auth = betterAuth({
    ...options,
    emailAndPassword: { enabled: true },
    session: { cookieCache: { enabled: cookieCache, maxAge: 3600 } },
  });
  const app = express();
  app.all('/api/auth/*splat', toNodeHandler(auth));
  app.get('/me', async (req, res) => {
    const found = await auth.api.getSession({ headers: fromNodeHeaders(req.headers) });
    if (found === null) res.status(401).end();
    else res.json({ id: found.user.id });
  });
  const body = JSON.stringify({ email: 'alice@example.com', password: 'correct horse battery staple', name: 'Alice' });
  await serveExpress(app, await logIn(app, '/api/auth/sign-up/email', { body, headers: { 'content-type': 'application/json' } }));
}

async function withBlacklist() {
  const client = await createClient({ url: redisUrl }).connect();
  const key = createSecretKey(Buffer.from(secret));
  await onExpress(async (presented) => {
    const found = jsonwebtoken.verify(presented, key, { algorithms: ['HS256'] });
    if ((await client.get(`blacklist:${createHash('sha256').update(presented).digest('base64url')}`)) !== null) throw new Error('revoked');
    return found;
  });
}

async function withFastifyJwt() {
  const app = Fastify();
  await app.register(fastifyJwt, { secret });
  app.get('/me', { onRequest: (request) => request.jwtVerify() }, (request) => ({ id: request.user.sub }));
  await app.listen({ host: '127.0.0.1', port: 0 });
  await offer(app.server, { authorization: `Bearer ${token}` });
}

async function withHonoJwt() {
  const app = new Hono().use(honoJwt({ secret, alg: 'HS256', cookie: 'token' }));
  app.get('/me', (c) => c.json({ id: c.get('jwtPayload').sub }));
  const server = await new Promise((resolve) => {
    const started = serveHono({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, () => resolve(started));
  });
  await offer(server, tokenCookie);
}

const starts = {
  express: {
    tutorial: () => onExpressAtOnce((presented) => jsonwebtoken.verify(presented, secret)),
    'key-object'() {
      const key = createSecretKey(Buffer.from(secret));
      return onExpressAtOnce((presented) => jsonwebtoken.verify(presented, key, { algorithms: ['HS256'] }));
    },
    blacklist: withBlacklist,
    'express-jwt'() {
      const guard = expressjwt({ secret, algorithms: ['HS256'], getToken: (req) => req.cookies.token });
      return serveExpress(express().use(cookieParser()).get('/me', guard, answerUser));
    },
    jose() {
      const key = new TextEncoder().encode(secret);
      return onExpress(async (presented) => (await jwtVerify(presented, key, { algorithms: ['HS256'] })).payload);
    },
    'fast-jwt': () => onExpressAtOnce(createVerifier({ key: secret, algorithms: ['HS256'] })),
    'fast-jwt-cached': () => onExpressAtOnce(createVerifier({ key: secret, algorithms: ['HS256'], cache: true })),
    'express-session': withExpressSession,
    'iron-session': withIronSession,
    'better-auth': () => withBetterAuth(false),
    'better-auth-cached': () => withBetterAuth(true),
    supertokens: startSupertokens,
  },
  fastify: { 'fastify-jwt': withFastifyJwt },
  hono: { 'hono-jwt': withHonoJwt },
};

await starts[framework][name]();
