/** Puts a server on the stage for a walk-through: in a folder of its own, on a free port, with the package as an application has it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readSnippets, root } from './markdown.js';
import { freePort } from '../support/free-port.js';

export interface Stage {
  readonly port: number;
  /** Where a reader would type; the server keeps its data in `data` below it. */
  readonly folder: string;
  close(): Promise<void>;
}

/** As readers find it in the documentation. */
const printedPort = '4000';

/** By the name that `<!-- walk-through on: … -->` uses: what is started, and in which folder. */
const servers: Readonly<Record<string, (folder: string, port: number) => { args: readonly string[]; cwd: string }>> = {
  'quick start': (folder, port) => serverOf('README.md', folder, port),
  'getting started': (folder, port) => serverOf('docs/guide/getting-started.md', folder, port),
  'api keys': (folder, port) => serverOf('docs/guide/api-keys.md', folder, port),
  'express-api': () => ({ args: ['server.js'], cwd: join(root, 'examples/express-api') }),
  vanilla: () => ({ args: ['server.js'], cwd: join(root, 'examples/vanilla') }),
  'stand-alone': (folder) => ({ args: [join(root, 'bin/countersign.js'), 'serve'], cwd: folder }),
};

function serverOf(page: string, folder: string, port: number): { args: readonly string[]; cwd: string } {
  saveFiles(page, { folder, port });
  return { args: ['server.mjs'], cwd: folder };
}

/** What the page tells to save, as it is printed, but for the port. */
export function saveFiles(page: string, { folder, port }: Pick<Stage, 'folder' | 'port'>): void {
  for (const { text, marks } of readSnippets(page)) {
    const name = marks.get('file');
    if (name !== undefined) writeFileSync(join(folder, name), text.replaceAll(printedPort, String(port)));
  }
}

export async function openStage(name: string): Promise<Stage> {
  const serve = servers[name];
  if (!serve) throw new Error(`there is no server called ${name}; there are: ${Object.keys(servers).join(', ')}`);
  const folder = makeApplicationFolder();
  const port = await freePort();
  const { args, cwd } = serve(folder, port);
  const env = { ...process.env, PORT: String(port), COUNTERSIGN_DATA: join(folder, 'data'), NODE_ENV: 'development' };
  const child = spawn(process.execPath, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const output: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => output.push(chunk));
  const close = async (): Promise<void> => {
    await stop(child);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await untilAnswering(port, child);
  } catch (error) {
    await close();
    throw new Error(`${name} did not start:\n${Buffer.concat(output).toString()}`, { cause: error });
  }
  return { port, folder, close };
}

/** As after `npm install`, without asking a registry. */
function makeApplicationFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-docs-'));
  const modules = join(folder, 'node_modules');
  mkdirSync(join(modules, '.bin'), { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  symlinkSync(root, join(modules, 'countersign'));
  symlinkSync(join(root, 'bin/countersign.js'), join(modules, '.bin/countersign'));
  for (const name of ['express', '@photostructure', 'jose']) symlinkSync(join(root, 'node_modules', name), join(modules, name));
  return folder;
}

async function untilAnswering(port: number, child: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`);
    const answer = await fetch(`http://localhost:${port}/api/auth/session`).catch(() => null);
    if (answer?.ok === true) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('it does not answer');
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  const killer = setTimeout(() => child.kill('SIGKILL'), 5000);
  await once(child, 'exit');
  clearTimeout(killer);
}
