/** A protected `GET /me`, whole HTTP: what each way to know who is asking costs above a server that does not ask, given the same request. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startServer } from './http-load.js';
import { rowOf, short, spread } from './measure.js';
import { withRedis } from './redis-server.js';
import { Skipped } from './skipped.js';

const ownServers = fileURLToPath(new URL('http-server.js', import.meta.url));
const peerServers = join(import.meta.dirname, 'peers', 'http-server.js');

const figures = {
  express: { id: 'P3', name: 'Express 5', leastShare: 0.92, mostMicroseconds: 8 },
  fastify: { id: 'P4', name: 'Fastify 5', leastShare: 0.9, mostMicroseconds: 2 },
  node: { id: 'P4', name: 'node:http', leastShare: 0.9, mostMicroseconds: 4 },
  hono: { id: 'P4', name: 'Hono on Node' },
};

const own = [
  { variant: 'bare', name: 'nobody is asked', role: 'limit' },
  { variant: 'hand', name: 'cache and set by hand', role: 'limit' },
  { variant: 'ours', name: 'Countersign', role: 'ours' },
];

/** Those with Redis get its URL. */
const peers = {
  express: [
    { variant: 'tutorial', name: 'jsonwebtoken, string secret (HS256)' },
    { variant: 'key-object', name: 'jsonwebtoken, KeyObject (HS256)' },
    { variant: 'blacklist', name: 'jsonwebtoken, KeyObject, Redis blacklist', needsRedis: true },
    { variant: 'express-jwt', name: 'express-jwt, string secret (HS256)' },
    { variant: 'jose', name: 'jose (HS256)' },
    { variant: 'fast-jwt', name: 'fast-jwt (HS256)' },
    { variant: 'fast-jwt-cached', name: 'fast-jwt, cached (HS256)' },
    { variant: 'express-session', name: 'express-session, Redis', needsRedis: true },
    { variant: 'iron-session', name: 'iron-session' },
    { variant: 'better-auth', name: 'better-auth, SQLite' },
    { variant: 'better-auth-cached', name: 'better-auth, cookie cache' },
    { variant: 'supertokens', name: 'supertokens-node, core replaced by its key set (RS256)' },
  ],
  fastify: [{ variant: 'fastify-jwt', name: '@fastify/jwt (HS256)' }],
  node: [],
  hono: [{ variant: 'hono-jwt', name: 'hono/jwt (HS256)' }],
};

export const httpOnExpress = partOf('express', 'P3: a protected GET /me on Express, beside the peers');
export const httpOnFastify = partOf('fastify', 'P4: the same on Fastify');
export const httpOnNode = partOf('node', 'P4: the same on node:http');
export const httpOnHono = partOf('hono', 'the same on Hono');

function partOf(framework, about) {
  return {
    name: `http-${framework}`,
    about,
    async measure(options) {
      const notes = [];
      if (!peers[framework].some(({ needsRedis }) => needsRedis)) return [await measure(framework, { ...options, redis: null, notes })];
      try {
        return await withRedis(async (redis) => [await measure(framework, { ...options, redis, notes })]);
      } catch (error) {
        if (!(error instanceof Skipped)) throw error;
        return [await measure(framework, { ...options, redis: null, notes: [error.message] })];
      }
    },
  };
}

async function measure(framework, { rounds, quick, progress, redis, notes }) {
  const servers = [];
  try {
    await startAll(framework, { servers, redis, progress, notes });
    const turns = quick ? { warmUp: 0.3, seconds: 0.1, passes: 1 } : { warmUp: 3, seconds: 0.25, passes: 3 * rounds };
    for (const server of servers) {
      progress(`warming up ${server.name}`);
      await server.load(turns.warmUp);
    }
    for (let pass = 0; pass < turns.passes; pass++) {
      progress(`pass ${String(pass + 1)} of ${String(turns.passes)}`);
      // To and fro, so that no server always comes after the same one.
      for (const server of pass % 2 === 0 ? servers : servers.toReversed()) server.turns.push(await server.load(turns.seconds));
    }
    return figureOf(framework, servers, notes);
  } finally {
    for (const { stop } of servers) stop();
  }
}

async function startAll(framework, { servers, redis, progress, notes }) {
  const start = async (variant, file, args) => {
    progress(`starting ${variant.name}`);
    servers.push({ ...variant, ...(await startServer(file, args)), turns: [] });
  };
  const [bare, hand, ours] = own;
  await start(ours, ownServers, [framework, ours.variant]);
  // The same bytes for all three.
  const headers = JSON.stringify(servers[0].headers);
  for (const limit of [bare, hand]) await start(limit, ownServers, [framework, limit.variant, headers]);
  for (const peer of peers[framework]) {
    if (peer.needsRedis && redis === null) continue;
    await start({ ...peer, role: 'peer' }, peerServers, [framework, peer.variant, ...(peer.needsRedis ? [redis] : [])]).catch((error) =>
      notes.push(`${peer.name} could not be measured: ${error.message}`),
    );
  }
}

function figureOf(framework, servers, notes) {
  const { id, name, leastShare, mostMicroseconds } = figures[framework];
  const bare = servers.find(({ variant }) => variant === 'bare').turns;
  // Of one pass and the bare server's turn in the same pass: what slows the machine down slows both.
  const compared = ({ turns }) => ({
    above: spread(turns.map(({ cpu }, pass) => cpu - bare[pass].cpu)).median,
    share: spread(turns.map(({ perSecond }, pass) => perSecond / bare[pass].perSecond)).median,
  });
  const rows = servers.map((server) => {
    const { above, share } = compared(server);
    const details = {
      'above the bare server': `${short(above)} µs`,
      'share of its requests': share.toFixed(2),
      'requests a second': short(spread(server.turns.map(({ perSecond }) => perSecond)).median),
    };
    return rowOf(
      server.name,
      server.role,
      server.turns.map(({ cpu }) => cpu),
      details,
    );
  });
  const { above, share } = compared(servers.find(({ role }) => role === 'ours'));
  const goals =
    leastShare === undefined
      ? []
      : [
          {
            text: `at least ${String(leastShare)} of the bare server's requests`,
            measured: share.toFixed(2),
            reached: share >= leastShare,
          },
          { text: `at most ${String(mostMicroseconds)} µs`, measured: `${short(above)} µs`, reached: above <= mostMicroseconds },
        ];
  return {
    id,
    title: `A protected GET /me on ${name}: processor time of the server for a request`,
    unit: 'µs',
    better: 'lower',
    rows,
    goals,
    notes: ['What is above the bare server is compared turn by turn, a quarter of a second each, garbage collection included.', ...notes],
  };
}
