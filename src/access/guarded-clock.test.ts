import { describe, expect, it } from 'vitest';
import { guardClock } from './guarded-clock.js';

describe('a guarded clock', () => {
  it('follows the clock forward, goes on at its own pace when that is set back, and follows again when it has caught up', () => {
    let wall = 1000;
    let monotonic = 0;
    const clock = guardClock({ now: () => wall }, () => monotonic);
    expect(clock.now()).toBe(1000);
    wall = 500;
    expect(clock.now()).toBe(1000);
    monotonic += 100;
    expect(clock.now()).toBe(1100);
    wall = 1050;
    expect(clock.now()).toBe(1100);
    wall = 2000;
    expect(clock.now()).toBe(2000);
    wall = 1999;
    monotonic += 1;
    expect(clock.now()).toBe(2000);
  });
});
