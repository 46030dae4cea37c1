/** The servers that `login.js` loads: ours, and the least that could do the same work. Each says its port, a login for each user, and a `GET /me`. */
import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hash, verify } from '@node-rs/argon2';
import { createAuth, developmentSecret } from 'countersign';
import { answerError, nodeHandler } from 'countersign/node';
import { sqlite } from 'countersign/sqlite';
import { requestText } from './repeat-request.js';
import { openDriver } from './sqlite-driver.js';

const [, , count, kind] = process.argv;
const users = Array.from({ length: Number(count) }, (_, index) => `user${String(index)}`);
const password = 'correct horse battery staple';
const folder = mkdtempSync(join(tmpdir(), 'countersign-bench-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
process.on('SIGTERM', () => process.exit());
process.on('disconnect', () => process.exit());

const { handler, logins, me } = kind === 'ours' ? await ours() : await limit();
const server = createServer(handler).listen(0, '127.0.0.1', () => process.send({ port: server.address().port, logins, me }));

async function ours() {
  const auth = await createAuth({
    publicUrl: 'http://localhost:4000',
    secret: developmentSecret(folder),
    store: sqlite(join(folder, 'auth.db')),
    // Counted as in real life, and never reached.
    limits: { login: '100000/1m', api: '999999/1m' },
  });
  for (const username of users) await auth.users.create({ username, password });
  const path = '/api/auth/login';
  const body = (identifier) => ({ identifier, password });
  const first = new Request(`http://localhost:4000${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body(users[0])),
  });
  const answer = await auth.fetch(first, { remoteAddress: null });
  const cookie = answer.headers.getSetCookie().map((line) => line.slice(0, line.indexOf(';')));
  const routes = nodeHandler(auth);
  const answerMe = (request, response) => {
    try {
      response.end(auth.getPrincipal(request).userId);
    } catch (error) {
      answerError(auth, error, request, response);
    }
  };
  return {
    handler: (request, response) => routes(request, response, () => answerMe(request, response)),
    logins: users.map((username) => requestText('POST', path, { body: body(username) })),
    me: requestText('GET', '/me', { headers: { cookie: cookie.join('; ') } }),
  };
}

/** One hash, one durable write, one signature, an answer of the same size; `GET /me` for nothing at all. */
async function limit() {
  const stored = await hash(password, { memoryCost: 19_456, timeCost: 2, parallelism: 1 });
  const write = await sqliteWriter();
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = { key: privateKey, dsaEncoding: 'ieee-p1363' };
  const input = Buffer.alloc(400, 'a');
  const logIn = async (text, response) => {
    if (!(await verify(stored, JSON.parse(text).password))) throw new Error('the limit refused its own password');
    await write();
    const token = `${input.toString()}.${sign('sha256', input, key).toString('base64url')}`;
    response.setHeader('cache-control', 'no-store');
    response.setHeader('content-type', 'application/json');
    response.setHeader('set-cookie', [
      `cs-access=${token}; Path=/; HttpOnly`,
      `cs-refresh=${'c'.repeat(98)}; Path=/; HttpOnly`,
      `cs-state=${'d'.repeat(110)}; Path=/`,
    ]);
    response.end('b'.repeat(540));
  };
  const handler = (request, response) => {
    if (request.method === 'GET') return void response.end('usr_01jv8n7x2c4m6p8q0r2s4t6v8w');
    let text = '';
    request.setEncoding('utf8');
    request.on('data', (chunk) => (text += chunk));
    request.on('end', () => void logIn(text, response));
  };
  return {
    handler,
    logins: users.map((identifier) => requestText('POST', '/login', { body: { identifier, password } })),
    me: requestText('GET', '/me', { headers: { cookie: `cs-access=${'a'.repeat(487)}` } }),
  };
}

/** All logins of a turn share one transaction. */
async function sqliteWriter() {
  const Database = await openDriver();
  const file = new Database(join(folder, 'limit.db'));
  file.exec(
    'PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE sessions (id INTEGER PRIMARY KEY, secret BLOB, created INTEGER)',
  );
  const insert = file.prepare('INSERT INTO sessions (secret, created) VALUES (?, ?)');
  const secret = Buffer.alloc(32, 's');
  let waiting = [];
  const flush = () => {
    const group = waiting;
    waiting = [];
    file.exec('BEGIN IMMEDIATE');
    for (let row = 0; row < group.length; row++) insert.run(secret, Date.now());
    file.exec('COMMIT');
    for (const done of group) done();
  };
  return () =>
    new Promise((resolve) => {
      if (waiting.push(resolve) === 1) setImmediate(flush);
    });
}
