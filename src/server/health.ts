/** Says whether the process lives and whether it can do its work; for load balancers, without anything that is worth knowing to others. */
import type { Core } from '../core.js';
import type { Answer } from '../http/message.js';

export const livePath = '/health/live';
export const readyPath = '/health/ready';

/** Why it is not ready: a closed set. */
export type NotReady = 'stopping' | 'store_unreachable' | 'revocations_stale';

const storeTimeoutMilliseconds = 2000;
/** As often as a load balancer asks. */
const keptMilliseconds = 1000;

export function live(): Answer {
  return { status: 200, document: { status: 'ok' } };
}

export class Readiness {
  readonly #core: Pick<Core, 'store' | 'feed'>;
  #asked: Promise<boolean> | null = null;
  #askAgainAt = 0;

  constructor(core: Pick<Core, 'store' | 'feed'>) {
    this.#core = core;
  }

  async answer(isStopping: boolean): Promise<Answer> {
    const storeAnswers = await this.#storeAnswers();
    const reasons: NotReady[] = [];
    if (isStopping) reasons.push('stopping');
    if (!storeAnswers) reasons.push('store_unreachable');
    if (!this.#core.feed.isFresh()) reasons.push('revocations_stale');
    if (reasons.length === 0) return { status: 200, document: { status: 'ok' } };
    return { status: 503, document: { status: 'unavailable', reasons }, headers: [['retry-after', '1']] };
  }

  /** Asked once for all who want to know: anybody may, as often as he likes. */
  #storeAnswers(): Promise<boolean> {
    if (this.#asked === null || performance.now() >= this.#askAgainAt) {
      this.#askAgainAt = Infinity;
      this.#asked = answersInTime(this.#core.store.now()).finally(() => {
        this.#askAgainAt = performance.now() + keptMilliseconds;
      });
    }
    return this.#asked;
  }
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
