/** The README's quick start. */
import express from 'express';
import { createAuth, developmentSecret } from 'countersign';
import { expressAuth } from 'countersign/express';
import { sqlite } from 'countersign/sqlite';

const auth = await createAuth({
  publicUrl: `http://localhost:${process.env.PORT}`,
  secret: developmentSecret('./data'),
  store: sqlite('./data/countersign.db'),
});
const { routes, authenticated, requireRole, errors } = expressAuth(auth);

const app = express();
app.use(routes());
app.get('/', (_request, response) => response.json({ ok: true }));
app.get(
  '/api/hello',
  authenticated((request, response) => response.json({ hello: request.auth.userId })),
);
app.get('/api/secret', requireRole('admin'), (_request, response) => response.json({ ok: true }));
app.use(errors());
app.listen(Number(process.env.PORT), '127.0.0.1', () => console.log('listening'));
