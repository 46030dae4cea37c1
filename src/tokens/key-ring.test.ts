import { describe, expect, it } from 'vitest';
import type { SigningKeyRecord } from '../model/store.js';
import { keyStates } from './key-ring.js';

const key = (kid: string, signsFrom: number, compromisedAt: number | null = null): SigningKeyRecord => ({
  kid,
  algorithm: 'ES256',
  publicJwk: {},
  sealedPrivate: new Uint8Array(),
  createdAt: 0,
  signsFrom,
  compromisedAt,
});

const statesAt = (now: number, records: readonly SigningKeyRecord[]): Record<string, string> =>
  Object.fromEntries(keyStates(records, { now, tokenSeconds: 10 }) ?? []);

describe('signing keys', () => {
  const records = [key('a', 0), key('b', 100_000), key('c', 200_000)];

  it('take over from each other at the instant that was published', () => {
    expect(statesAt(99_999, records)).toEqual({ a: 'signing', b: 'next', c: 'next' });
    expect(statesAt(100_000, records)).toEqual({ a: 'verifying', b: 'signing', c: 'next' });
  });

  it('verify for as long as a token of them can be alive', () => {
    expect(statesAt(109_999, records)['a']).toBe('verifying');
    expect(statesAt(110_000, records)['a']).toBe('expired');
  });

  it('sign all the same when the clock went back behind all of them', () => {
    expect(statesAt(-1, records)).toEqual({ a: 'signing', b: 'next', c: 'next' });
    expect(statesAt(-1, [key('x', 0, 5), ...records.slice(1)])).toEqual({ x: 'compromised', b: 'signing', c: 'next' });
  });

  it('that are compromised never sign or verify, whichever they are', () => {
    expect(statesAt(150_000, [key('a', 0), key('b', 100_000, 120_000)])).toEqual({ a: 'signing', b: 'compromised' });
    expect(keyStates([key('a', 0, 1)], { now: 5, tokenSeconds: 10 })).toBeNull();
  });
});
