/** Makes an application in a folder of its own, from the npm registry as its users would, and starts it. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { request as send } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Skipped } from './skipped.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const sources = fileURLToPath(new URL('peers/footprint/', import.meta.url));
const credentials = { username: 'ada', email: 'ada@example.com', name: 'Ada', password: 'a horse of no battery 17' };

/** The package as it is published. @returns its file */
export function packOurs(folder) {
  const output = execFileSync('npm', ['pack', '--json', '--pack-destination', folder], { cwd: root, encoding: 'utf8' });
  return join(folder, JSON.parse(output)[0].filename);
}

/** @param {string[]} packages for `npm i` @throws {Skipped} no registry */
export function makeApplication(folder, source, packages) {
  mkdirSync(folder);
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
  copyFileSync(join(sources, source), join(folder, 'server.js'));
  install(folder, packages);
  return installed(folder);
}

export function install(folder, packages) {
  if (packages.length === 0) return;
  const { status, stderr } = spawnSync('npm', ['i', '--no-audit', '--no-fund', ...packages], { cwd: folder, encoding: 'utf8' });
  if (status !== 0) throw new Skipped(`npm i ${packages.join(' ')} does not work here: ${stderr.trim().split('\n').at(-1)}`);
}

export function installed(folder) {
  const record = join(folder, 'node_modules/.package-lock.json');
  if (!existsSync(record)) return { packages: 0, bytes: 0 };
  // A binary for another platform is listed, and not there.
  const packages = Object.keys(JSON.parse(readFileSync(record, 'utf8')).packages).filter((path) => existsSync(join(folder, path)));
  return { packages: packages.length, bytes: bytesIn(join(folder, 'node_modules')) };
}

function bytesIn(folder) {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile());
  return entries.reduce((sum, { parentPath, path, name }) => sum + statSync(join(parentPath ?? path, name)).size, 0);
}

/** Spawned until its first answer. @param {string[]} [flags] of Node */
export async function start(folder, flags = []) {
  const port = await freePort();
  const env = { ...process.env, PORT: String(port), NODE_ENV: undefined };
  const spawnedAt = performance.now();
  const child = spawn(process.execPath, [...flags, 'server.js'], { cwd: folder, env, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  await Promise.race([
    new Promise((resolve) => child.stdout.once('data', resolve)),
    ended.then((code) => Promise.reject(new Error(`the application in ${folder} ended with ${String(code)}`))),
  ]);
  await ask(port, 'GET', '/');
  return {
    milliseconds: performance.now() - spawnedAt,
    millisecondsSinceSpawn: () => performance.now() - spawnedAt,
    ask: (method, path) => ask(port, method, path),
    residentBytes: () => 1024 * Number(execFileSync('ps', ['-o', 'rss=', '-p', String(child.pid)], { encoding: 'utf8' })),
    stop: () => {
      child.kill('SIGKILL');
      return ended;
    },
  };
}

function ask(port, method, path) {
  const headers = { 'content-type': 'application/json', origin: `http://localhost:${String(port)}` };
  return new Promise((resolve, reject) => {
    const request = send({ host: '127.0.0.1', port, path, method, agent: false, headers: method === 'POST' ? headers : {} }, (response) => {
      response.resume();
      const fine = response.statusCode < 300;
      response.on('end', () => (fine ? resolve() : reject(new Error(`${path} answered ${String(response.statusCode)}`))));
    });
    request.on('error', reject);
    request.end(method === 'POST' ? JSON.stringify(bodyFor(path)) : undefined);
  });
}

function bodyFor(path) {
  const { username, email, name, password } = credentials;
  if (path.includes('/sign-up/')) return { email, name, password };
  return path.includes('/sign-in/') ? { email, password } : { username, password };
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
