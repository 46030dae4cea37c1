// @ts-check
/** A REST API with accounts: the routes that tutorials build, on Express, guarded by Countersign. */
import express from 'express';
import { createAuth, optionsFromEnvironment } from 'countersign';
import { expressAuth } from 'countersign/express';

// Public URL, secret, database …: the same settings as the stand-alone server has. For development none is needed.
const auth = await createAuth(optionsFromEnvironment());
const { routes, answer, authenticate, authenticated, requireRole, principalOf, errors } = expressAuth(auth);

const app = express();
app.use(routes()); // /api/auth/register, login, refresh, logout, session … , /api/users/me, /api/admin/users …
app.use(express.json({ limit: '10kb' }));

// The names that tutorials give to these routes. They are the same routes as at /api/auth.
app.post('/register', answer('register'));
app.post('/login', answer('login'));
app.post('/refresh', answer('refresh'));
app.post('/logout', answer('logout'));

// For everybody.
app.get('/api/users/public', (_req, res) => {
  res.json({ message: 'Everybody may read this.' });
});

// For whoever is signed in. `req.auth` comes from the token alone: no look-up.
app.get(
  '/api/users',
  authenticated((req, res) => {
    res.json({ userId: req.auth.userId, roles: req.auth.roles });
  }),
);

// What the token does not hold is one read away.
app.get(
  '/profile',
  authenticated(async (req, res) => {
    res.json({ user: await auth.users.get(req.auth.userId) });
  }),
);

// For administrators: everybody, page by page.
app.get('/api/users/all', requireRole('admin'), async (req, res) => {
  const { cursor } = req.query;
  res.json(await auth.users.list(typeof cursor === 'string' ? { cursor } : {}));
});

// A whole router behind one guard, which also protects its POST against forged requests. Your database goes in place of the map.
/** @type {Map<string, string[]>} */
const notesByUser = new Map();
const notes = express.Router();
notes.get('/', (req, res) => {
  res.json({ notes: notesByUser.get(principalOf(req).userId) ?? [] });
});
notes.post('/', (req, res) => {
  const text = req.body?.text;
  if (typeof text !== 'string' || text === '') {
    res.status(400).json({ message: 'text is required' });
    return;
  }
  const { userId } = principalOf(req);
  notesByUser.set(userId, [...(notesByUser.get(userId) ?? []), text]);
  res.status(201).json({ notes: notesByUser.get(userId) });
});
app.use('/api/notes', authenticate(), notes);

app.use((_req, res) => {
  res.status(404).json({ message: 'There is nothing here.' });
});
app.use(errors());

const { PORT = '4000' } = process.env;
const server = app.listen(Number(PORT), (error) => {
  if (error) throw error;
  console.log(`Listening on http://localhost:${PORT}`);
});

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    server.close(() => void auth.close());
    server.closeAllConnections();
  });
}
