/** Express beside a thread that holds an open SQLite database: what every store costs that syncs to disk without stalling requests. */
import { isMainThread, parentPort, Worker } from 'node:worker_threads';

const openDatabase = async () => {
  const { DatabaseSync } = await import('node:sqlite').catch(() => import('@photostructure/sqlite'));
  const database = new DatabaseSync('./thread.db');
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE IF NOT EXISTS facts (id INTEGER PRIMARY KEY)');
  parentPort.on('message', () => database.close());
  parentPort.postMessage('open');
};

const serve = async () => {
  const { default: express } = await import('express');
  const thread = new Worker(new URL(import.meta.url), { execArgv: ['--disable-warning=ExperimentalWarning'] });
  await new Promise((resolve) => thread.once('message', resolve));
  const app = express();
  app.get('/', (_request, response) => response.json({ ok: true }));
  app.listen(Number(process.env.PORT), '127.0.0.1', () => console.log('listening'));
};

await (isMainThread ? serve() : openDatabase());
