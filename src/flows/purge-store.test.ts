import { describe, expect, test } from 'vitest';
import { purgeStore } from './purge-store.js';

describe('purging a store', () => {
  test('goes on until nothing is left', async () => {
    let left = 3;
    await purgeStore({ purge: () => Promise.resolve((left -= 1) > 0) }, () => false);
    expect(left).toBe(0);
  });

  test('ends after the step under way when it is told to', async () => {
    let steps = 0;
    const store = {
      purge: () => {
        steps += 1;
        return Promise.resolve(true);
      },
    };
    await purgeStore(store, () => steps === 2);
    expect(steps).toBe(2);
  });

  test('a store that fails ends it, and is told', async () => {
    const failing = { purge: () => Promise.reject(new Error('gone')) };
    await expect(purgeStore(failing, () => false)).rejects.toThrow('gone');
  });
});
