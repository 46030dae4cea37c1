/** The servers that `refresh.js` loads: ours, and the least that could do the same work. */
import { mkdtempSync, rmSync } from 'node:fs';
import { generateKeyPairSync, sign } from 'node:crypto';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAuth, developmentSecret } from 'countersign';
import { nodeHandler } from 'countersign/node';
import { postgres } from 'countersign/postgres';
import { sqlite } from 'countersign/sqlite';
import pg from 'pg';
import { openDriver } from './sqlite-driver.js';

// The URL of an empty database of PostgreSQL; without it, SQLite.
const [, , kind, count, database] = process.argv;
const poolSize = 10;
const folder = mkdtempSync(join(tmpdir(), 'countersign-bench-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
process.on('SIGTERM', () => process.exit());
process.on('disconnect', () => process.exit());
// What all of its threads have used.
process.on('message', () => process.send(process.cpuUsage()));

const { handler, sessions } = kind === 'ours' ? await ours() : await limit();
const server = createServer(handler).listen(0, '127.0.0.1', () => process.send({ port: server.address().port, sessions }));

async function ours() {
  const auth = await createAuth({
    publicUrl: 'http://localhost:4000',
    secret: developmentSecret(folder),
    store: database === undefined ? sqlite(join(folder, 'auth.db')) : postgres(database, { poolSize }),
    // Counted as in real life, and never reached.
    limits: { login: '100000/1m', api: '999999/1m' },
  });
  const users = await Promise.all(
    Array.from({ length: Number(count) }, (_, index) => auth.users.create({ username: `user${String(index)}`, password: 'correct horse' })),
  );
  const logIn = async ({ username }) => {
    const body = JSON.stringify({ identifier: username, password: 'correct horse' });
    const request = new Request('http://localhost:4000/api/auth/login', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    const response = await auth.fetch(request, { remoteAddress: null });
    const cookies = response.headers.getSetCookie().map((line) => line.slice(0, line.indexOf(';')).split('='));
    return { cookies, csrfToken: (await response.json()).csrfToken };
  };
  return { handler: nodeHandler(auth), sessions: await Promise.all(users.map(logIn)) };
}

/** One signature, one conditional write, an answer with headers and a body of the same size as ours. */
async function limit() {
  const write = await (database === undefined ? sqliteWriter() : postgresWriter());
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = { key: privateKey, dsaEncoding: 'ieee-p1363' };
  const input = Buffer.alloc(400, 'a');
  const body = 'b'.repeat(540);
  const refreshToken = (id) => `${String(id).padStart(4, '0')}${'c'.repeat(93)}`;
  const state = 'd'.repeat(110);
  const attributes = 'Max-Age=604800; Path=/; HttpOnly; SameSite=Lax; Priority=High';
  const answer = (id, response) => {
    const token = `${input.latin1Slice()}.${sign('sha256', input, key).toString('base64url')}`;
    response.writeHead(200, [
      ...constantHeaders,
      'content-length',
      body.length,
      'set-cookie',
      `cs-access=${token}; ${attributes}`,
      'set-cookie',
      `cs-refresh=${refreshToken(id)}; ${attributes}`,
      'set-cookie',
      `cs-state=${state}; ${attributes}`,
    ]);
    response.end(body);
  };
  const handler = (request, response) => {
    const id = Number(/cs-refresh=(\d{4})/.exec(request.headers.cookie)[1]);
    write(id, () => answer(id, response));
  };
  const session = (id) => ({
    cookies: [
      ['cs-access', 'a'.repeat(487)],
      ['cs-refresh', refreshToken(id)],
      ['cs-state', state],
    ],
    csrfToken: 'x'.repeat(43),
  });
  return { handler, sessions: Array.from({ length: Number(count) }, (_, id) => session(id)) };
}

/** As many as every answer of ours has, of the same sizes. */
const constantHeaders = Object.entries({
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-request-id': 'r'.repeat(16),
  vary: 'Origin',
  'ratelimit-policy': '"refresh";q=999999;w=60',
  ratelimit: '"refresh";r=999998;t=60',
  'content-type': 'application/json; charset=utf-8',
}).flat();

/** All requests of a turn share one transaction. */
async function sqliteWriter() {
  const Database = await openDriver();
  const file = new Database(join(folder, 'limit.db'));
  file.exec(
    'PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE sessions (id INTEGER PRIMARY KEY, generation INTEGER, used INTEGER)',
  );
  for (let id = 0; id < Number(count); id++) file.exec(`INSERT INTO sessions VALUES (${String(id)}, 0, 0)`);
  const update = file.prepare('UPDATE sessions SET generation = generation + 1, used = ? WHERE id = ?');
  const waiting = [];
  const flush = () => {
    file.exec('BEGIN IMMEDIATE');
    const group = waiting.splice(0);
    for (const { id } of group) update.run(Date.now(), id);
    file.exec('COMMIT');
    for (const { done } of group) done();
  };
  return (id, done) => {
    if (waiting.push({ id, done }) === 1) setImmediate(flush);
  };
}

/** One prepared statement each; the server commits those of several connections together. */
async function postgresWriter() {
  const pool = new pg.Pool({ connectionString: database, max: poolSize });
  await pool.query('CREATE TABLE sessions (id int PRIMARY KEY, generation int, used bigint) WITH (fillfactor = 50)');
  await pool.query('INSERT INTO sessions SELECT id, 0, 0 FROM generate_series(0, $1::int - 1) id', [count]);
  const text = 'UPDATE sessions SET generation = generation + 1, used = $1 WHERE id = $2 RETURNING generation';
  return (id, done) => {
    pool.query({ name: 'rotate', text, values: [Date.now(), id] }).then(done, (error) => {
      throw error;
    });
  };
}
