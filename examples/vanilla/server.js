// @ts-check
/** Serves the page, the browser client and the API, all at one origin. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import express from 'express';
import { createAuth, optionsFromEnvironment } from 'countersign';
import { expressAuth } from 'countersign/express';

const auth = await createAuth(optionsFromEnvironment());
const { routes, errors } = expressAuth(auth);

const app = express();
app.use(routes());
app.use(express.static(join(import.meta.dirname, 'public')));

// The client is made of modules that a browser can load as they are; the page's import map says where.
const client = dirname(fileURLToPath(import.meta.resolve('countersign/client')));
app.use('/countersign/client', express.static(client));
app.use('/countersign/protocol', express.static(join(client, '../protocol')));
app.use(errors());

const { PORT = '4000' } = process.env;
const server = app.listen(Number(PORT), (error) => {
  if (error) throw error;
  console.log(`Open http://localhost:${PORT}`);
});

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    server.close(() => void auth.close());
    server.closeAllConnections();
  });
}
