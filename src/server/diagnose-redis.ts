/** Examines whether Redis answers, with the permissions that are needed. A server starts without it all the same. */
import { ConfigError } from '../errors.js';
import type { Bus } from '../model/bus.js';
import type { Finding } from './diagnose.js';

export async function examineRedis(bus: Bus | undefined): Promise<Finding[]> {
  if (bus === undefined) return [];
  try {
    const reason = await attempt(bus);
    if (reason === null) return [{ check: 'redis', state: 'ok', message: 'Redis answers.' }];
    const message = `Redis cannot be used (${reason}): until it can, other processes learn of revocations within a second instead of at once.`;
    const remedy = 'Look at COUNTERSIGN_REDIS, whether Redis runs, and whether its user may publish and subscribe.';
    return [{ check: 'redis', state: 'warning', message, remedy }];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(({ message }) => ({ check: 'redis', state: 'problem', message: `COUNTERSIGN_REDIS ${message}` }));
  }
}

/** Why it failed; null when it did not. */
async function attempt(bus: Bus): Promise<string | null> {
  let failure: string | null = null;
  const warn = ({ reason = 'for a reason unknown' }: { readonly reason?: string }): void => {
    failure ??= reason;
  };
  const opened = await bus.open({ logger: { info: () => undefined, warn, error: warn } });
  await opened.subscribe(() => undefined);
  await opened.close();
  return failure;
}
