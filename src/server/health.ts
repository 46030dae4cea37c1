/** Says whether the process lives and whether it can do its work; for load balancers, without anything that is worth knowing to others. */
import type { Core } from '../core.js';
import type { Answer } from '../http/message.js';

export const livePath = '/health/live';
export const readyPath = '/health/ready';

/** Why it is not ready: a closed set. */
export type NotReady = 'stopping' | 'store_unreachable' | 'revocations_stale';

const storeTimeoutMilliseconds = 2000;

export function live(): Answer {
  return { status: 200, document: { status: 'ok' } };
}

export async function ready({ store, feed }: Pick<Core, 'store' | 'feed'>, isStopping: boolean): Promise<Answer> {
  const reasons: NotReady[] = [];
  if (isStopping) reasons.push('stopping');
  if (!(await answersInTime(store.now()))) reasons.push('store_unreachable');
  if (!feed.isFresh()) reasons.push('revocations_stale');
  if (reasons.length === 0) return { status: 200, document: { status: 'ok' } };
  return { status: 503, document: { status: 'unavailable', reasons }, headers: [['retry-after', '1']] };
}

async function answersInTime(work: Promise<unknown>): Promise<boolean> {
  const answered = work.then(
    () => true,
    () => false,
  );
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, storeTimeoutMilliseconds, false);
  });
  try {
    return await Promise.race([answered, late]);
  } finally {
    clearTimeout(timer);
  }
}
