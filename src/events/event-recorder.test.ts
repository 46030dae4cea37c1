import { deriveKeys, masterSecret, newSecret } from '../crypto/master-secret.js';
import { systemRandom } from '../crypto/random.js';
import type { NewEventRecord } from '../model/event-store.js';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { EventRecorder } from './event-recorder.js';

const secrets = deriveKeys(masterSecret(newSecret()));

describe('the recorder of events', () => {
  let batches: (readonly NewEventRecord[])[];
  let isAway: boolean;
  let said: string[];
  let recorder: EventRecorder;

  beforeEach(() => {
    vi.useFakeTimers();
    batches = [];
    said = [];
    isAway = false;
    recorder = newRecorder();
  });
  afterEach(() => vi.useRealTimers());

  function newRecorder(): EventRecorder {
    const say = (_: object, message: string): void => void said.push(message);
    return new EventRecorder({
      store: {
        append: async (events) => {
          batches.push(events);
          if (isAway) throw new Error('away');
        },
      },
      secrets,
      random: systemRandom,
      clock: { now: () => 5000 },
      logger: { info: say, warn: say, error: say },
      keepsAddresses: true,
    });
  }

  const record = (count: number, address?: string): void => {
    for (let index = 0; index < count; index += 1) recorder.record({ type: 'login.failed', at: new Date(index) }, address);
  };

  test('waits for a second, so that what happens together is appended together', async () => {
    record(3);
    await vi.advanceTimersByTimeAsync(999);
    expect(batches).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(batches.map((batch) => batch.length)).toEqual([3]);
  });

  test('does not wait when 100 are together', async () => {
    record(250);
    await vi.advanceTimersByTimeAsync(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(batches.map((batch) => batch.length)).toEqual([100, 100]);
    await vi.advanceTimersByTimeAsync(1000);
    expect(batches.map((batch) => batch.length)).toEqual([100, 100, 50]);
  });

  test('gives the same rows again when it is not known whether they are there', async () => {
    isAway = true;
    record(2);
    await vi.advanceTimersByTimeAsync(1000);
    record(1);
    isAway = false;
    await vi.advanceTimersByTimeAsync(3000);
    expect(batches.map((batch) => batch.length)).toEqual([2, 2, 1]);
    expect(batches[1]).toEqual(batches[0]);
  });

  test('drops the oldest while the store is away for long, and says how many in the record', async () => {
    isAway = true;
    record(10_005);
    await vi.advanceTimersByTimeAsync(1);
    record(150);
    isAway = false;
    batches = [];
    await vi.advanceTimersByTimeAsync(60_000);
    const rows = batches.flat();
    const lost = rows.filter(({ type }) => type === 'events.lost').map(({ details }) => (JSON.parse(details) as { count: number }).count);
    expect([...new Set(lost)]).toEqual([5, 50]);
    expect(rows.filter(({ type }) => type === 'login.failed')).toHaveLength(10_100);
    expect(said).toContain('events were dropped while the record could not be written');
  });

  test('appends what waits when it is closed, and says what it could not', async () => {
    record(120);
    await recorder.close();
    expect(batches.map((batch) => batch.length)).toEqual([100, 20]);
    record(1);
    expect(said.at(-1)).toBe('an event is not in the record: it happened while this process was closing');
    isAway = true;
    const other = newRecorder();
    other.record({ type: 'login.failed', at: new Date(0) }, undefined);
    await other.close();
    expect(said.at(-1)).toBe('events are lost: the record could not be written when this process ended');
  });

  test('keeps an address beside the digest of it that is hashed', async () => {
    record(1, '192.0.2.1');
    await recorder.close();
    expect(batches[0]?.[0]).toMatchObject({ address: '192.0.2.1', addressSalt: expect.any(Buffer), addressDigest: expect.any(Buffer) });
  });
});
