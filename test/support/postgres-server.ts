/** Starts real PostgreSQL servers from the binaries of this machine, each with its own data and on its own port, and does to them what happens to servers. */
import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { freePort } from './free-port.js';

const run = promisify(execFile);

/** The folder with all programs of a server, of the newest version there is; null: none. */
const binaries: string | null = findBinaries();

function findBinaries(): string | null {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...versions.map((version) => join(debian, version, 'bin'))];
  return (
    folders.find((folder) => ['postgres', 'initdb', 'pg_ctl', 'pg_basebackup'].every((name) => existsSync(join(folder, name)))) ?? null
  );
}

/** Whether there is a PostgreSQL to be tested with; says so, once for each test file, when there is none. */
export function hasPostgres(): boolean {
  if (binaries === null) console.warn('Skipped: no PostgreSQL on this machine. To run these tests: apt-get install -y postgresql');
  return binaries !== null;
}

/** PostgreSQL refuses to run as root. */
const asPostgres = process.getuid?.() === 0 ? ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups'] : [];

function command(name: string, ...args: readonly string[]): [string, string[]] {
  const [first = '', ...rest] = [...asPostgres, join(binaries ?? '', name), ...args];
  return [first, rest];
}

type Settings = Readonly<Record<string, string>>;

/** Fast rather than safe: a test that kills the machine asks for `fsync`. Without autovacuum nothing happens but what a test does. */
const usual: Settings = { fsync: 'off', autovacuum: 'off', max_connections: '100', shared_buffers: '32MB', unix_socket_directories: '' };

export class PostgresServer {
  readonly port: number;
  readonly #folder: string;
  readonly #settings: Settings;
  #process: ChildProcess | null = null;
  #databases = 0;

  private constructor(folder: string, port: number, settings: Settings) {
    this.#folder = folder;
    this.port = port;
    this.#settings = settings;
    process.once('exit', () => this.#signal('SIGKILL'));
  }

  static async start(settings: Settings = {}): Promise<PostgresServer> {
    const folder = await newFolder();
    await run(...command('initdb', '--no-sync', '-A', 'trust', '-U', 'postgres', '-E', 'UTF8', '--locale=C', '-D', folder));
    const server = new PostgresServer(folder, await freePort(), { ...usual, ...settings });
    await server.launch();
    return server;
  }

  /** A standby that follows this server; started, not promoted. */
  async startStandby(): Promise<PostgresServer> {
    const folder = await newFolder();
    const from = `host=127.0.0.1 port=${this.port} user=postgres`;
    await run(...command('pg_basebackup', '-d', from, '-D', folder, '-R', '-X', 'stream', '-c', 'fast', '--no-sync'));
    const standby = new PostgresServer(folder, await freePort(), this.#settings);
    await standby.launch();
    return standby;
  }

  /** Makes a standby a server of its own. */
  async promote(): Promise<void> {
    await run(...command('pg_ctl', 'promote', '-w', '-D', this.#folder));
  }

  url(database = 'postgres', { user = 'postgres', port = this.port }: { user?: string; port?: number } = {}): string {
    return `postgres://${user}@127.0.0.1:${port}/${database}`;
  }

  /** The URL of an empty database. */
  async createDatabase(): Promise<string> {
    this.#databases += 1;
    const name = `test_${this.#databases}`;
    await this.query(`CREATE DATABASE ${name}`);
    return this.url(name);
  }

  /** One statement, as superuser, on a connection of its own. */
  async query(sql: string, database?: string): Promise<Record<string, unknown>[]> {
    const client = await this.connect(database);
    try {
      return ((await client.query(sql)) as { rows: Record<string, unknown>[] }).rows;
    } finally {
      await client.end();
    }
  }

  /** A connection for a test that does something between. Its loss is no error of the test. */
  async connect(database?: string): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: this.url(database) });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }

  /** Lets clients in by a password only. */
  async requirePasswords(): Promise<void> {
    await writeFile(join(this.#folder, 'pg_hba.conf'), 'host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n');
    await this.query('SELECT pg_reload_conf()');
  }

  /** Starts it (again); resolves when it answers. */
  async launch(): Promise<void> {
    const settings = Object.entries({ ...this.#settings, port: String(this.port), listen_addresses: '127.0.0.1' });
    const child = spawn(...command('postgres', '-D', this.#folder, ...settings.flatMap(([name, value]) => ['-c', `${name}=${value}`])), {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const said: Buffer[] = [];
    child.stderr.on('data', (chunk: Buffer) => {
      if (said.length < 100) said.push(chunk);
    });
    this.#process = child;
    for (;;) {
      if (child.exitCode !== null) throw new Error(`PostgreSQL did not start:\n${Buffer.concat(said).toString()}`);
      const isUp = await this.query('SELECT 1').then(
        () => true,
        () => false,
      );
      if (isUp) return;
      await pause(20);
    }
  }

  /** In order, as an administrator does: clients are told. */
  async shutDown(): Promise<void> {
    this.#process?.kill('SIGINT');
    await this.#exit();
  }

  /** As power that fails for the program: all its processes at once. */
  async kill(): Promise<void> {
    this.#signal('SIGKILL');
    await this.#exit();
  }

  /** Nobody answers any more, and nobody says so. */
  freeze(): void {
    this.#signal('SIGSTOP');
  }

  thaw(): void {
    this.#signal('SIGCONT');
  }

  /** Ends it and removes its data. */
  async remove(): Promise<void> {
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }

  #signal(signal: NodeJS.Signals): void {
    const { pid, exitCode, signalCode } = this.#process ?? {};
    if (pid === undefined || exitCode !== null || signalCode !== null) return;
    // Its processes are the children of one.
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
    for (const each of [pid, ...children]) {
      try {
        process.kill(each, signal);
      } catch {
        // It has ended meanwhile.
      }
    }
  }

  async #exit(): Promise<void> {
    const child = this.#process;
    if (child !== null && child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
}

/** Of the user that the server runs as. */
async function newFolder(): Promise<string> {
  const folder = await mkdtemp('/tmp/countersign-postgres-');
  if (asPostgres.length > 0) execFileSync('chown', ['postgres:', folder]);
  return folder;
}
