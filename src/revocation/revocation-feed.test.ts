/** The feed: what it has read, how old that is, and who waits for what. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RevocationHints } from '../model/bus.js';
import type { Revocation, RevocationPage, RevocationStore } from '../model/store.js';
import { createRevocationFeed, type RevocationFeed, type RevocationFeedOptions } from './revocation-feed.js';
import { createRevocationIndex, type RevocationIndex } from './revocation-index.js';

const wallStart = 1_700_000_000_000;
const farAway = wallStart + 3_600_000;

/** A store in memory whose answers the test can hold back or refuse. */
class SourceInHand implements RevocationStore {
  readonly rows: Revocation[] = [];
  readonly positions: (string | null)[] = [];
  pageSize = 100;
  failure: Error | null = null;
  reading = 0;
  mostReading = 0;
  /** While set, answers wait for it; their content is that of when they were asked. */
  gate: Promise<void> | null = null;

  async read(position: string | null): Promise<RevocationPage> {
    this.positions.push(position);
    this.reading += 1;
    this.mostReading = Math.max(this.mostReading, this.reading);
    const start = Number(position ?? 0);
    const rows = this.rows.slice(start, start + this.pageSize);
    const page = { rows, position: String(start + rows.length), more: start + rows.length < this.rows.length, now: wall };
    const { failure } = this;
    try {
      await this.gate;
      if (failure !== null) throw failure;
      return page;
    } finally {
      this.reading -= 1;
    }
  }

  revoke(sessionId: string, expiresAt: number = farAway): void {
    this.rows.push({ kind: 'session', subject: sessionId, value: 0, revokedAt: wall, expiresAt });
  }

  fail(message: string): void {
    this.failure = new Error(message);
  }

  /** Fails no more, and holds nothing back but what was asked before. */
  answerAgain(): void {
    this.failure = null;
    this.gate = null;
  }

  /** Until the function that it gives is called. */
  hold(): () => void {
    let open = (): void => {};
    this.gate = new Promise((resolve) => {
      open = () => {
        this.gate = null;
        resolve();
      };
    });
    return open;
  }
}

let source: SourceInHand;
let index: RevocationIndex;
let feed: RevocationFeed;
let monotonic: number;
let wall: number;
const logger = { info: vi.fn(), warn: vi.fn(), error: vi.fn() };

function makeFeed(options: Partial<RevocationFeedOptions> = {}): RevocationFeed {
  feed = createRevocationFeed({
    source,
    index,
    maxStalenessSeconds: 5,
    clock: { now: () => wall },
    monotonicNow: () => monotonic,
    logger,
    ...options,
  });
  return feed;
}

/** Both clocks and the timers go on together. */
async function pass(milliseconds: number): Promise<void> {
  for (let left = milliseconds; left > 0; left -= 100) {
    const step = Math.min(left, 100);
    monotonic += step;
    wall += step;
    await vi.advanceTimersByTimeAsync(step);
    await settle();
  }
}

/** Lets promises and turns of the loop run that need no time. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
}

const isRevoked = (sessionId: string) => index.check({ sessionId, userId: 'usr_1', epoch: 0, authzVersion: 0 }) === 'session_revoked';
const spy = (promise: Promise<unknown>) => {
  const seen = { outcome: 'pending' as unknown };
  promise.then(
    (value) => (seen.outcome = value ?? 'done'),
    (error: unknown) => (seen.outcome = error),
  );
  return seen;
};

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] });
  vi.clearAllMocks();
  source = new SourceInHand();
  index = createRevocationIndex();
  monotonic = 1000;
  wall = wallStart;
});

afterEach(() => {
  feed.stop();
  vi.useRealTimers();
});

describe('starting', () => {
  it('loads all pages before it resolves', async () => {
    source.pageSize = 3;
    for (let number = 0; number < 10; number += 1) source.revoke(`ses_${number}`);
    expect(makeFeed().isFresh()).toBe(false);
    await feed.start();
    expect(source.positions).toEqual([null, '3', '6', '9']);
    expect([index.size, feed.isFresh(), feed.ageMilliseconds()]).toEqual([10, true, 0]);
  });

  it('rejects when the store cannot be read, and may be tried again', async () => {
    source.fail('connection refused');
    await expect(makeFeed().start()).rejects.toThrow('connection refused');
    expect([feed.isFresh(), feed.ageMilliseconds()]).toEqual([false, Infinity]);
    source.answerAgain();
    await feed.start();
    expect(feed.isFresh()).toBe(true);
  });

  it('rejects when the store does not answer', async () => {
    source.hold();
    const started = spy(makeFeed().start());
    await pass(5000);
    expect(started.outcome).toEqual(new Error('no answer within 5000 ms'));
  });

  it('loads once, however often it is asked', async () => {
    makeFeed();
    await Promise.all([feed.start(), feed.start()]);
    await feed.start();
    expect(source.positions).toHaveLength(1);
  });
});

describe('keeping up', () => {
  it('reads on from the last position, each second', async () => {
    source.revoke('ses_1');
    await makeFeed().start();
    source.revoke('ses_2');
    await pass(900);
    expect(isRevoked('ses_2')).toBe(false);
    await pass(100);
    expect(isRevoked('ses_2')).toBe(true);
    await pass(1000);
    expect(source.positions).toEqual([null, '1', '2']);
  });

  it('does not start a read while one is running', async () => {
    await makeFeed().start();
    const open = source.hold();
    await pass(4000);
    expect(source.positions).toHaveLength(2);
    open();
    await pass(1000);
    expect(source).toMatchObject({ mostReading: 1, reading: 0 });
  });

  it('goes on past a store that never answers', async () => {
    await makeFeed().start();
    source.hold();
    await pass(6000);
    source.answerAgain();
    source.revoke('ses_1');
    await pass(1000);
    expect([isRevoked('ses_1'), feed.isFresh()]).toEqual([true, true]);
  });

  it('reads on after a failure, and not everything again, which would add to what a slow database has to do', async () => {
    source.revoke('ses_1');
    await makeFeed().start();
    source.fail('no connection became free');
    await pass(1000);
    source.answerAgain();
    source.revoke('ses_2');
    await pass(1000);
    expect(source.positions).toEqual([null, '1', '1']);
    expect([isRevoked('ses_1'), isRevoked('ses_2')]).toEqual([true, true]);
  });

  it('logs the first failure and the recovery, and nothing between', async () => {
    await makeFeed().start();
    source.fail('connection lost');
    await pass(10_000);
    expect(logger.error.mock.calls).toEqual([
      [{ err: new Error('connection lost') }, 'revocations cannot be read; trying again until they can'],
    ]);
    source.answerAgain();
    await pass(2000);
    expect(logger.info.mock.calls).toEqual([[{ failures: 10 }, 'revocations are read again']]);
    expect(logger.error).toHaveBeenCalledTimes(1);
  });

  it('prunes the index each minute', async () => {
    source.revoke('ses_1', wallStart + 30_000);
    await makeFeed().start();
    await pass(59_000);
    expect(index.size).toBe(1);
    await pass(2000);
    expect(index.size).toBe(0);
  });

  it('stops for good', async () => {
    await makeFeed().start();
    feed.stop();
    feed.wake();
    await pass(10_000);
    expect([source.positions.length, feed.isFresh()]).toEqual([1, false]);
    expect(await feed.waitUntilFresh()).toBe(false);
  });

  it('does not keep the process alive', async () => {
    const unref = vi.spyOn(globalThis, 'setInterval');
    await makeFeed().start();
    expect((unref.mock.results[0]?.value as NodeJS.Timeout).hasRef()).toBe(false);
  });
});

describe('propagation', () => {
  it('counts no page of what is read from the start, and every page of what follows', async () => {
    source.pageSize = 3;
    for (let number = 0; number < 10; number += 1) source.revoke(`ses_${number}`);
    await pass(600_000);
    await makeFeed().start();
    expect(feed.propagation().count).toBe(0);
    for (let number = 10; number < 15; number += 1) source.revoke(`ses_${number}`);
    await pass(1000);
    expect(feed.propagation()).toMatchObject({ count: 5, maxMilliseconds: 1000 });
  });
});

describe('age', () => {
  it('counts from the start of the last completed read', async () => {
    const open = source.hold();
    const started = makeFeed().start();
    await settle();
    await pass(700);
    open();
    await started;
    expect(feed.ageMilliseconds()).toBe(700);
  });

  it('is that of the clock that has advanced more', async () => {
    await makeFeed().start();
    monotonic += 100;
    wall += 3000;
    expect(feed.ageMilliseconds()).toBe(3000);
    monotonic += 4000;
    expect(feed.ageMilliseconds()).toBe(4100);
  });

  it('is within bounds up to the greatest staleness', async () => {
    await makeFeed().start();
    monotonic += 5000;
    expect([feed.isFresh(), feed.isFresh(wall + 5000), feed.isFresh(wall + 5001)]).toEqual([true, true, false]);
    monotonic += 1;
    expect(feed.isFresh()).toBe(false);
  });

  it('does not become less when the clock is set back', async () => {
    await makeFeed().start();
    monotonic += 6000;
    wall -= 86_400_000;
    expect([feed.ageMilliseconds() >= 6000, feed.isFresh()]).toEqual([true, false]);
  });

  it('covers the time that the machine slept, which the monotonic clock may not count', async () => {
    await makeFeed().start();
    wall += 3_600_000;
    expect(feed.isFresh()).toBe(false);
  });

  it('is unbounded while revocations may be missing that were dropped under a clock that was wrong', async () => {
    source.revoke('ses_1');
    await makeFeed().start();
    wall += 86_400_000;
    await pass(61_000);
    expect(isRevoked('ses_1')).toBe(false);
    wall -= 86_400_000;
    expect(feed.ageMilliseconds()).toBe(Infinity);
    await pass(1000);
    expect([isRevoked('ses_1'), feed.isFresh()]).toEqual([true, true]);
  });
});

describe('catching up', () => {
  it('brings in everything that was committed before the call, also when a read was under way', async () => {
    await makeFeed().start();
    const open = source.hold();
    const first = feed.catchUp();
    source.revoke('ses_1');
    const second = spy(feed.catchUp());
    const third = feed.catchUp();
    open();
    await first;
    expect([second.outcome, isRevoked('ses_1')]).toEqual(['pending', false]);
    await third;
    expect([second.outcome, isRevoked('ses_1')]).toEqual(['done', true]);
    expect(source).toMatchObject({ mostReading: 1 });
    expect(source.positions).toHaveLength(3);
  });

  it('shares a read that others began after the call', async () => {
    await makeFeed({ readTimeoutSeconds: 60 }).start();
    const open = source.hold();
    await pass(8000);
    source.revoke('ses_1');
    const waiting = feed.waitUntilFresh();
    const caughtUp = feed.catchUp();
    open();
    await Promise.all([waiting, caughtUp]);
    expect(isRevoked('ses_1')).toBe(true);
    expect(source).toMatchObject({ mostReading: 1 });
    expect(source.positions).toHaveLength(3);
  });

  it('rejects when the read fails', async () => {
    await makeFeed().start();
    source.fail('connection lost');
    await expect(feed.catchUp()).rejects.toThrow('connection lost');
  });
});

describe('a request that meets a stale index', () => {
  it('passes at once when it is fresh', async () => {
    await makeFeed().start();
    expect(await feed.waitUntilFresh()).toBe(true);
    expect(source.positions).toHaveLength(1);
  });

  it('shares one read with all others', async () => {
    await makeFeed().start();
    monotonic += 6000;
    const answers = await Promise.all(Array.from({ length: 50 }, () => feed.waitUntilFresh()));
    expect(new Set(answers)).toEqual(new Set([true]));
    expect(source.positions).toHaveLength(2);
    expect(vi.getTimerCount()).toBe(1);
  });

  it('joins a read that is under way, and wants another when that one began too long ago', async () => {
    await makeFeed({ readTimeoutSeconds: 60 }).start();
    const open = source.hold();
    await pass(8000);
    const waiting = spy(feed.waitUntilFresh());
    expect(source.positions).toHaveLength(2);
    open();
    await settle();
    expect(waiting.outcome).toBe(true);
    expect(source.positions).toHaveLength(3);
  });

  it('gives up after its own time when the store does not answer', async () => {
    await makeFeed().start();
    monotonic += 6000;
    source.hold();
    const [short, usual] = [spy(feed.waitUntilFresh(500)), spy(feed.waitUntilFresh())];
    await pass(500);
    expect([short.outcome, usual.outcome]).toEqual([false, 'pending']);
    await pass(1500);
    expect(usual.outcome).toBe(false);
  });

  it('is refused when the shared read fails; it does not reject', async () => {
    await makeFeed().start();
    monotonic += 6000;
    source.fail('connection refused');
    expect(await feed.waitUntilFresh()).toBe(false);
  });

  it('adds no reads of its own while the store fails, but profits from the next regular one', async () => {
    await makeFeed().start();
    source.fail('connection refused');
    await pass(6000);
    const before = source.positions.length;
    const waiting = Array.from({ length: 50 }, () => spy(feed.waitUntilFresh()));
    await settle();
    expect(source.positions).toHaveLength(before);
    source.answerAgain();
    await pass(1000);
    expect(waiting.every(({ outcome }) => outcome === true)).toBe(true);
    expect(source.positions).toHaveLength(before + 1);
  });

  it('is answered when the feed is stopped', async () => {
    await makeFeed().start();
    monotonic += 6000;
    source.hold();
    const waiting = feed.waitUntilFresh();
    feed.stop();
    expect(await waiting).toBe(false);
  });
});

describe('a hint', () => {
  it('leads to a read at once', async () => {
    await makeFeed().start();
    source.revoke('ses_1');
    feed.wake();
    await settle();
    expect(isRevoked('ses_1')).toBe(true);
  });

  it('that comes during a read leads to another one, and a hundred of them to no more', async () => {
    await makeFeed().start();
    const open = source.hold();
    feed.wake();
    source.revoke('ses_1');
    for (let hint = 0; hint < 100; hint += 1) feed.wake();
    open();
    await settle();
    expect(isRevoked('ses_1')).toBe(true);
    expect(source.positions).toHaveLength(3);
  });

  it('that leads to a failing read harms nobody', async () => {
    await makeFeed().start();
    source.fail('connection lost');
    feed.wake();
    feed.wake();
    await settle();
    expect(logger.error).toHaveBeenCalledTimes(1);
  });
});

describe('a bus', () => {
  class HintsInHand implements RevocationHints {
    onHint: (() => void) | null = null;
    failure: Error | null = null;
    attempts = 0;
    readonly log: string[] = [];

    async subscribe(onHint: () => void): Promise<() => void> {
      this.attempts += 1;
      await settle();
      if (this.failure !== null) throw this.failure;
      this.log.push(`subscribed before read ${source.positions.length + 1}`);
      this.onHint = onHint;
      return () => {
        this.log.push('unsubscribed');
        this.onHint = null;
      };
    }
  }

  it('is subscribed to before the first read, and left at the end', async () => {
    const hints = new HintsInHand();
    await makeFeed({ hints: [hints] }).start();
    source.revoke('ses_1');
    hints.onHint?.();
    await settle();
    expect(isRevoked('ses_1')).toBe(true);
    feed.stop();
    expect(hints.log).toEqual(['subscribed before read 1', 'unsubscribed']);
  });

  it('that hints during the first load, which may have passed the row already, is followed by a read', async () => {
    const hints = new HintsInHand();
    const answer = source.hold();
    const started = makeFeed({ hints: [hints] }).start();
    await settle();
    await settle();
    source.revoke('ses_1');
    hints.onHint?.();
    answer();
    await started;
    await settle();
    expect(isRevoked('ses_1')).toBe(true);
  });

  it('that is down delays nothing, is reported once, and is followed by a read when it is back', async () => {
    const hints = new HintsInHand();
    hints.failure = new Error('no bus');
    await makeFeed({ hints: [hints] }).start();
    await pass(3000);
    expect(feed.isFresh()).toBe(true);
    expect(hints.attempts).toBeGreaterThan(2);
    expect(logger.warn).toHaveBeenCalledTimes(1);
    hints.failure = null;
    const reads = source.positions.length;
    await pass(1000);
    expect(hints.onHint).not.toBeNull();
    expect(source.positions).toHaveLength(reads + 2);
    const { attempts } = hints;
    await pass(2000);
    expect(hints.attempts).toBe(attempts);
  });

  it('that never answers is not waited for', async () => {
    const hints: RevocationHints = { subscribe: () => new Promise(() => {}) };
    const started = spy(makeFeed({ hints: [hints] }).start());
    await pass(5100);
    expect([started.outcome, feed.isFresh()]).toEqual(['done', true]);
  });

  it('that throws is the same as one that is down', async () => {
    const hints: RevocationHints = {
      subscribe: () => {
        throw new Error('no bus');
      },
    };
    await makeFeed({ hints: [hints] }).start();
    await pass(2000);
    expect(logger.warn).toHaveBeenCalledTimes(1);
  });

  it('is left when the load fails, and joined anew when it is tried again', async () => {
    const hints = new HintsInHand();
    source.fail('connection refused');
    await expect(makeFeed({ hints: [hints] }).start()).rejects.toThrow('connection refused');
    source.answerAgain();
    await feed.start();
    expect(hints.log).toEqual(['subscribed before read 1', 'unsubscribed', 'subscribed before read 2']);
  });
});
