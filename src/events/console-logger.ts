/** Warnings and errors on the console: what an application sees that passes no logger. */
import type { Logger } from '../model/app-types.js';

/* eslint-disable no-console -- this is the place */
export const consoleLogger: Logger = {
  info: () => undefined,
  warn: (facts, message) => console.warn('[countersign]', message, facts),
  error: (facts, message) => console.error('[countersign]', message, facts),
};

export const consolePrint = (block: string): void => console.log(block);
