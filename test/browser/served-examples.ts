/** The examples with a page, each served in the ways that its README tells, beside a server of its own. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, createServer, preview } from 'vite';
import { root } from '../docs/markdown.js';
import { openStage } from '../docs/stage.js';
import { ServerHome } from '../server/server-process.js';
import { freePort } from '../support/free-port.js';

export interface Served {
  readonly origin: string;
  close(): Promise<void>;
}

const example = join(root, 'examples/react-spa');
const quiet = { root: example, logLevel: 'error' } as const;
const proxyTo = (port: number) => ({ '/api': `http://localhost:${port}` });

async function withServer(serve: (port: number, folder: string) => Promise<Served>): Promise<Served> {
  const home = await ServerHome.open();
  const folder = await mkdtemp(join(tmpdir(), 'countersign-example-'));
  const closeHome = async (): Promise<void> => {
    await home.close();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await home.start();
    const page = await serve(home.port, folder);
    return { origin: page.origin, close: () => page.close().finally(closeHome) };
  } catch (error) {
    await closeHome();
    throw error;
  }
}

/** `npm start`: as it is developed, one origin. */
function developed(): Promise<Served> {
  return withServer(async (port, cacheDir) => {
    const server = await createServer({ ...quiet, cacheDir, server: { port: await freePort(), proxy: proxyTo(port) } });
    await server.listen();
    return { origin: originOf(server.config.server.port), close: () => server.close() };
  });
}

/** As it is built. With `VITE_API` the page asks the server across ports, without it through the proxy. */
function built(isDirect: boolean): Promise<Served> {
  return withServer(async (port, outDir) => {
    const before = { ...process.env };
    // As on a command line: not those of a test.
    Object.assign(process.env, { NODE_ENV: 'production', ...(isDirect && { VITE_API: `http://localhost:${port}` }) });
    try {
      await build({ ...quiet, build: { outDir } });
    } finally {
      process.env = before;
    }
    const server = await preview({
      ...quiet,
      build: { outDir },
      preview: { port: await freePort(), proxy: isDirect ? {} : proxyTo(port) },
    });
    return { origin: originOf(server.config.preview.port), close: () => server.close() };
  });
}

async function vanilla(): Promise<Served> {
  const stage = await openStage('vanilla');
  return { origin: originOf(stage.port), close: stage.close };
}

const originOf = (port: number): string => `http://localhost:${port}`;

export const servedExamples: readonly (readonly [string, () => Promise<Served>])[] = [
  ['React, as it is developed', developed],
  ['React, built, behind one origin', () => built(false)],
  ['React, built, across ports', () => built(true)],
  ['one HTML file', vanilla],
];
