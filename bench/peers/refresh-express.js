/**
 * Refresh as the tutorials write it: Express, two tokens of jsonwebtoken, and Redis, which is read, compared and then written, so that two
 * requests at once both get in. Arguments after the count: the URL of Redis, and whether the secrets are a `string` or a `KeyObject`.
 */
import { createSecretKey, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import cookieParser from 'cookie-parser';
import express from 'express';
import jwt from 'jsonwebtoken';
import { createClient } from 'redis';
import { users } from './login-users.js';
import { serve } from './serve.js';

const [, , , url, kind] = process.argv;
const redis = await createClient({ url }).connect();
const secretOf = (text) => (kind === 'KeyObject' ? createSecretKey(Buffer.from(text)) : text);
const accessSecret = secretOf('an access secret of more than thirty-two characters');
const refreshSecret = secretOf('a refresh secret of more than thirty-two characters');
const newRefreshToken = (id) => jwt.sign({ id, jti: randomUUID() }, refreshSecret, { expiresIn: '7d' });
const keep = (id, token) => redis.set(`refresh:${String(id)}`, token, { EX: 7 * 24 * 3600 });

const app = express();
app.use(cookieParser());
app.post('/refresh', async (request, response) => {
  const given = request.cookies.refreshToken;
  const { id } = jwt.verify(given, refreshSecret);
  if ((await redis.get(`refresh:${String(id)}`)) !== given) return response.status(403).json({ message: 'Forbidden' });
  const next = newRefreshToken(id);
  await keep(id, next);
  response.cookie('refreshToken', next, { httpOnly: true, sameSite: 'lax', maxAge: 7 * 24 * 3600 * 1000 });
  response.json({ accessToken: jwt.sign({ id }, accessSecret, { expiresIn: '15m' }) });
});

const sessions = [];
for (const user of users) {
  const token = newRefreshToken(user);
  await keep(user, token);
  sessions.push({ cookies: [['refreshToken', token]] });
}
serve(createServer(app), { sessions, request: { method: 'POST', path: '/refresh' } });
