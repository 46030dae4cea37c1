/** Logins as the tutorials write them: Express, a hash of the password, and a token of jsonwebtoken by a string secret. First argument: whose hash. */
import { createServer } from 'node:http';
import express from 'express';
import jwt from 'jsonwebtoken';
import { requestText } from '../repeat-request.js';
import { password, users } from './login-users.js';
import { serve } from './serve.js';

const hashes = {
  /** Cost 12, as most of them have it. On the main thread, in slices. */
  bcryptjs: async () => {
    const { default: bcrypt } = await import('bcryptjs');
    return { hash: (text) => bcrypt.hash(text, 12), verify: (hash, text) => bcrypt.compare(text, hash) };
  },
  /** The package in C, all callers at once on the thread pool; the parameters are ours. */
  argon2: async () => {
    const { default: argon2 } = await import('argon2');
    return { hash: (text) => argon2.hash(text, { memoryCost: 19_456, timeCost: 2, parallelism: 1 }), verify: argon2.verify };
  },
};

const { hash, verify } = await hashes[process.argv[3]]();
const secret = 'a secret of more than thirty-two characters';
const stored = new Map();
const known = await hash(password);
for (const [id, user] of users.entries()) stored.set(user, { id, hash: known });

const app = express();
app.post('/login', express.json(), async (request, response) => {
  const user = stored.get(request.body.username);
  if (user === undefined || !(await verify(user.hash, request.body.password))) return response.status(401).json({ message: 'Invalid' });
  response.json({ token: jwt.sign({ id: user.id }, secret, { expiresIn: '15m' }) });
});
app.get('/me', (request, response) => {
  try {
    response.json(jwt.verify(request.headers.authorization.split(' ')[1], secret));
  } catch {
    response.status(401).json({ message: 'Invalid' });
  }
});

const token = jwt.sign({ id: 0 }, secret, { expiresIn: '1d' });
serve(createServer(app), {
  logins: users.map((username) => requestText('POST', '/login', { body: { username, password } })),
  me: requestText('GET', '/me', { headers: { authorization: `Bearer ${token}` } }),
});
