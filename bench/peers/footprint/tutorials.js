/** What the tutorials build: Express, bcryptjs, jsonwebtoken with a string secret, users in memory. */
import bcrypt from 'bcryptjs';
import cookieParser from 'cookie-parser';
import express from 'express';
import jwt from 'jsonwebtoken';

const secret = 'a secret of more than thirty-two characters';
const users = new Map();

const app = express();
app.use(express.json(), cookieParser());
app.get('/', (_request, response) => response.json({ ok: true }));
app.post('/register', async ({ body: { username, password } }, response) => {
  users.set(username, await bcrypt.hash(password, 12));
  response.sendStatus(201);
});
app.post('/login', async ({ body: { username, password } }, response) => {
  if (!(await bcrypt.compare(password, users.get(username) ?? ''))) return response.sendStatus(401);
  response.cookie('token', jwt.sign({ username }, secret, { expiresIn: '15m' }), { httpOnly: true });
  response.json({ username });
});
app.get('/me', (request, response) => response.json(jwt.verify(request.cookies.token, secret)));
app.listen(Number(process.env.PORT), '127.0.0.1', () => console.log('listening'));
