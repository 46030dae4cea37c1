import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { ViteUserConfig } from 'vitest/config';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Unit tests load the source beside them; everything under `test/` loads the built package by its own name, as an application does. */
const config: ViteUserConfig = {
  resolve: {
    alias: [
      { find: /^countersign$/, replacement: at('dist/index.js') },
      { find: /^countersign\/(express|fastify|hono|node)$/, replacement: `${at('dist/adapters')}/$1.js` },
      { find: /^countersign\/(sqlite|postgres|redis)$/, replacement: `${at('dist/stores')}/$1/index.js` },
      { find: /^countersign\/(client|verify)$/, replacement: `${at('dist')}/$1/index.js` },
      { find: /^countersign\/smtp$/, replacement: at('dist/mail/smtp.js') },
      { find: /^countersign\/react$/, replacement: at('dist/client/react.js') },
    ],
  },
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    server: { deps: { external: [/\/dist\//] } },
    // Most suites wait for sockets, disks and timers more than they compute.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // A bound for what hangs, not for what is slow: many suites start servers, and a machine may be busy.
    testTimeout: 90_000,
    hookTimeout: 90_000,
  },
};

export default config;
