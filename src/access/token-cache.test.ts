import { describe, expect, it } from 'vitest';
import { TokenCache } from './token-cache.js';

const entry = (token: string): { token: string } => ({ token });

describe('the cache of verified tokens', () => {
  it('gives a token only to the identical token', () => {
    const cache = new TokenCache<{ token: string }>(10);
    cache.set(entry('head.claims.signature'));
    expect(cache.get('head.claims.signature')).toBeDefined();
    expect(cache.get('head.other-claims.signature')).toBeUndefined();
    expect(cache.get('other-head.claims.signature')).toBeUndefined();
    expect(cache.get('signature')).toBeUndefined();
  });

  it('stays bounded, and keeps what is used', () => {
    const cache = new TokenCache<{ token: string }>(100);
    cache.set(entry('h.c.used'));
    for (let index = 0; index < 1000; index++) {
      cache.set(entry(`h.c.${String(index)}`));
      expect(cache.get('h.c.used')).toBeDefined();
    }
    const kept = Array.from({ length: 1000 }, (_, index) => cache.get(`h.c.${String(index)}`)).filter(Boolean);
    expect(kept.length).toBeLessThanOrEqual(200);
  });

  it('forgets what is deleted or cleared, in both of its generations', () => {
    const cache = new TokenCache<{ token: string }>(1);
    const first = entry('h.c.1');
    cache.set(first);
    cache.set(entry('h.c.2'));
    cache.delete(first);
    expect(cache.get('h.c.1')).toBeUndefined();
    cache.clear();
    expect(cache.get('h.c.2')).toBeUndefined();
  });
});
