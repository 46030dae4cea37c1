/** The long form is no part of `npm test`: it has a configuration of its own, and as much time as it was given. */
import type { ViteUserConfig } from 'vitest/config';
import usual from '../../vitest.config.js';

const config: ViteUserConfig = {
  ...usual,
  test: { ...usual.test, include: ['test/faults/soak.ts'], testTimeout: 0, hookTimeout: 0 },
};

export default config;
