/** A PostgreSQL for one measurement, from the programs of this machine: data, port and process of its own, as durable as it comes. */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { Skipped } from './skipped.js';

const asPostgres = process.getuid?.() === 0 ? ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups'] : [];

/**
 * Starts one with the settings, calls `use` with `{ url(database), createDatabase(), query(sql) }`, gives its result, and removes it.
 * @throws {Skipped} there is no PostgreSQL on this machine.
 */
export async function withPostgres(settings, use) {
  const binaries = findBinaries();
  if (binaries === null) throw new Skipped('no PostgreSQL on this machine (apt-get install -y postgresql)');
  const command = (name, ...args) => [...asPostgres, join(binaries, name), ...args];
  const folder = mkdtempSync(join(tmpdir(), 'countersign-bench-postgres-'));
  if (asPostgres.length > 0) execFileSync('chown', ['postgres:', folder]);
  const [initdb, ...initdbArguments] = command('initdb', '-A', 'trust', '-U', 'postgres', '-E', 'UTF8', '--locale=C', '-D', folder);
  execFileSync(initdb, initdbArguments, { stdio: 'ignore' });
  const port = await freePort();
  const all = { port, listen_addresses: '127.0.0.1', unix_socket_directories: '', ...settings };
  const [postgres, ...flags] = command(
    'postgres',
    '-D',
    folder,
    ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  );
  const child = spawn(postgres, flags, { stdio: 'ignore' });
  const ended = once(child, 'exit');
  const url = (database = 'postgres') => `postgres://postgres@127.0.0.1:${String(port)}/${database}`;
  const query = async (sql) => {
    const client = new pg.Client({ connectionString: url() });
    await client.connect();
    return client.query(sql).finally(() => client.end());
  };
  let databases = 0;
  const createDatabase = async () => {
    databases += 1;
    const name = `bench_${String(databases)}`;
    await query(`CREATE DATABASE ${name}`);
    return url(name);
  };
  try {
    await untilItAnswers(query, child);
    return await use({ url, query, createDatabase });
  } finally {
    child.kill('SIGINT');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
}

async function untilItAnswers(query, child) {
  while (child.exitCode === null) {
    const answers = await query('SELECT 1').then(
      () => true,
      () => false,
    );
    if (answers) return;
    await pause(50);
  }
  throw new Error('PostgreSQL did not start');
}

/** The folder with its programs, of the newest version there is; null: none. */
function findBinaries() {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...versions.map((version) => join(debian, version, 'bin'))];
  return folders.find((folder) => ['postgres', 'initdb'].every((name) => existsSync(join(folder, name)))) ?? null;
}

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
