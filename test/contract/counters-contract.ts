/** The contract of `CounterStore`. */
import { describe, expect, test } from 'vitest';
import { eachWithStore, startAt, type MakeStore } from './store-under-test.js';

export function countersContract(makeStore: MakeStore): void {
  describe('counters', () => counting(makeStore));
}

function counting(makeStore: MakeStore): void {
  const at = eachWithStore(makeStore);
  const add = async (key: string, amount: number, most?: number): Promise<{ added: boolean; count: number; resetsIn: number }> => {
    const [counted] = await at.store.counters.add([{ key, amount, windowSeconds: 60, ...(most === undefined ? {} : { most }) }]);
    return { added: counted!.added, count: counted!.count, resetsIn: counted!.resetsInMilliseconds };
  };

  test('a counter counts up within its window, which begins with the first addition, and from 0 afterwards', async () => {
    expect(await add('a', 1)).toEqual({ added: true, count: 1, resetsIn: 60_000 });
    at.world.advance(20_000);
    expect(await add('a', 5)).toEqual({ added: true, count: 6, resetsIn: 40_000 });
    expect(await add('a', 0)).toEqual({ added: true, count: 6, resetsIn: 40_000 });
    at.world.setTo(startAt + 60_000);
    expect(await add('a', 0)).toMatchObject({ count: 0 });
    expect(await add('a', 1)).toEqual({ added: true, count: 1, resetsIn: 60_000 });
  });

  test('what is given back is never more than there was', async () => {
    await add('a', 2);
    expect(await add('a', -1)).toMatchObject({ added: true, count: 1 });
    expect(await add('a', -5)).toMatchObject({ added: true, count: 0 });
    expect(await add('a', 1)).toMatchObject({ count: 1 });
  });

  test('nothing is added beyond the most, and another key is another counter', async () => {
    expect(await add('a', 2, 2)).toMatchObject({ added: true, count: 2 });
    expect(await add('a', 1, 2)).toMatchObject({ added: false, count: 2 });
    expect(await add('a', -1, 2)).toMatchObject({ added: true, count: 1 });
    expect(await add('b', 1, 2)).toMatchObject({ added: true, count: 1 });
  });

  test('several counters are answered in the order asked for, and none is an answer too', async () => {
    await add('b', 3);
    const counted = await at.store.counters.add(['c', 'b', 'a'].map((key, index) => ({ key, amount: index, windowSeconds: 60 })));
    expect(counted.map(({ count }) => count)).toEqual([0, 4, 2]);
    expect(await at.store.counters.add([])).toEqual([]);
  });

  test('of many additions at once, by several processes, each sees the one before', async () => {
    const other = await at.world.open();
    const adding = Array.from({ length: 40 }, (_, index) =>
      (index % 2 === 0 ? at.store : other).counters.add([{ key: 'a', amount: 1, windowSeconds: 60, most: 10 }]),
    );
    const counted = (await Promise.all(adding)).flat();
    expect(
      counted
        .filter(({ added }) => added)
        .map(({ count }) => count)
        .toSorted((a, b) => a - b),
    ).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(await add('a', 0)).toMatchObject({ count: 10 });
  });

  test('additions of many counters at once, in any order, all arrive', async () => {
    const other = await at.world.open();
    const keys = Array.from({ length: 20 }, (_, index) => `key ${index}`);
    const countings = keys.map((key) => ({ key, amount: 1, windowSeconds: 60 }));
    await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        (index % 2 === 0 ? at.store : other).counters.add(index % 3 === 0 ? countings.toReversed() : countings),
      ),
    );
    const counted = await at.store.counters.add(keys.map((key) => ({ key, amount: 0, windowSeconds: 60 })));
    expect(new Set(counted.map(({ count }) => count))).toEqual(new Set([20]));
  });

  test('a counter of a clock that was far ahead does not stand for longer than its window', async () => {
    at.world.advance(3_600_000);
    await add('a', 5);
    at.world.setTo(startAt);
    expect(await add('a', 1)).toEqual({ added: true, count: 1, resetsIn: 60_000 });
  });

  test('counters whose window has passed are purged', async () => {
    await add('a', 5);
    at.world.advance(60_000);
    expect(await at.store.purge(1)).toBe(true);
    expect(await at.store.purge(1)).toBe(false);
    expect(await add('a', 0)).toMatchObject({ count: 0 });
  });
}
