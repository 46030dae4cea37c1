/** The servers that `refresh.js` loads: ours, and the least that could do the same work. */
import { mkdtempSync, rmSync } from 'node:fs';
import { generateKeyPairSync, sign } from 'node:crypto';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAuth, developmentSecret } from 'countersign';
import { nodeHandler } from 'countersign/node';
import { sqlite } from 'countersign/sqlite';
import { openDriver } from './sqlite-driver.js';

const [, , kind, count] = process.argv;
const folder = mkdtempSync(join(tmpdir(), 'countersign-bench-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
process.on('SIGTERM', () => process.exit());
process.on('disconnect', () => process.exit());

const { handler, sessions } = kind === 'ours' ? await ours() : await limit();
const server = createServer(handler).listen(0, '127.0.0.1', () => process.send({ port: server.address().port, sessions }));

async function ours() {
  const auth = await createAuth({
    publicUrl: 'http://localhost:4000',
    secret: developmentSecret(folder),
    store: sqlite(join(folder, 'auth.db')),
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
    const cookie = response.headers.getSetCookie().map((line) => line.split(';')[0]);
    return { cookie: cookie.join('; '), csrfToken: (await response.json()).csrfToken };
  };
  return { handler: nodeHandler(auth), sessions: await Promise.all(users.map(logIn)) };
}

/** One signature, one conditional write in a transaction that all requests of a turn share, an answer of the same size. */
async function limit() {
  const Database = await openDriver();
  const database = new Database(join(folder, 'limit.db'));
  database.exec(
    'PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE sessions (id INTEGER PRIMARY KEY, generation INTEGER, used INTEGER)',
  );
  for (let id = 0; id < Number(count); id++) database.exec(`INSERT INTO sessions VALUES (${String(id)}, 0, 0)`);
  const update = database.prepare('UPDATE sessions SET generation = generation + 1, used = ? WHERE id = ?');
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = { key: privateKey, dsaEncoding: 'ieee-p1363' };
  const input = Buffer.alloc(400, 'a');
  const body = 'b'.repeat(540);
  const waiting = [];
  const flush = () => {
    database.exec('BEGIN IMMEDIATE');
    const group = waiting.splice(0);
    for (const { id } of group) update.run(Date.now(), id);
    database.exec('COMMIT');
    for (const { response } of group) {
      const token = `${input.toString()}.${sign('sha256', input, key).toString('base64url')}`;
      response.setHeader('cache-control', 'no-store');
      response.setHeader('content-type', 'application/json');
      response.setHeader('set-cookie', [
        `cs-access=${token}; Path=/; HttpOnly`,
        `cs-refresh=${'c'.repeat(98)}; Path=/; HttpOnly`,
        `cs-state=${'d'.repeat(110)}; Path=/`,
      ]);
      response.end(body);
    }
  };
  const handler = (request, response) => {
    if (waiting.push({ id: Number(/id=(\d+)/.exec(request.headers.cookie)?.[1] ?? 0), response }) === 1) setImmediate(flush);
  };
  return {
    handler,
    sessions: Array.from({ length: Number(count) }, (_, id) => ({ cookie: `id=${String(id)}`, csrfToken: 'x'.repeat(43) })),
  };
}
