/** Which tokens the index refuses, and what a million revocations cost. */
import { describe, expect, it } from 'vitest';
import type { Revocation } from '../model/store.js';
import { createRevocationIndex } from './revocation-index.js';

const token = { sessionId: 'ses_1', userId: 'usr_1', epoch: 3, authzVersion: 7 };
const row = (kind: Revocation['kind'], subject: string, value = 0, expiresAt = 10_000): Revocation => ({
  kind,
  subject,
  value,
  revokedAt: 0,
  expiresAt,
});

describe('the revocation index', () => {
  it('lets every token pass while nothing was revoked', () => {
    expect(createRevocationIndex().check(token)).toBeNull();
  });

  it('refuses the tokens of a session that has ended, and no others', () => {
    const index = createRevocationIndex();
    index.apply([row('session', 'ses_1')]);
    expect(index.check(token)).toBe('session_revoked');
    expect(index.check({ ...token, sessionId: 'ses_2' })).toBeNull();
    expect(index.check({ ...token, sessionId: 'ses_2', userId: 'ses_1' })).toBeNull();
  });

  it('refuses the tokens of sessions that are older than the epoch of their user', () => {
    const index = createRevocationIndex();
    index.apply([row('epoch', 'usr_1', 4)]);
    expect(index.check(token)).toBe('session_revoked');
    expect(index.check({ ...token, epoch: 4 })).toBeNull();
    expect(index.check({ ...token, epoch: 5 })).toBeNull();
    expect(index.check({ ...token, userId: 'usr_2' })).toBeNull();
  });

  it('sends the holder of old rights to refresh', () => {
    const index = createRevocationIndex();
    index.apply([row('authz', 'usr_1', 8)]);
    expect(index.check(token)).toBe('token_expired');
    expect(index.check({ ...token, authzVersion: 8 })).toBeNull();
    expect(index.check({ ...token, userId: 'usr_2' })).toBeNull();
  });

  it('says that the session has ended rather than that its rights are old', () => {
    const index = createRevocationIndex();
    index.apply([row('authz', 'usr_1', 8), row('epoch', 'usr_1', 4)]);
    expect(index.check(token)).toBe('session_revoked');
  });

  it('keeps the greatest number when rows come twice and out of order', () => {
    const index = createRevocationIndex();
    index.apply([row('epoch', 'usr_1', 5), row('epoch', 'usr_1', 4), row('epoch', 'usr_1', 5), row('epoch', 'usr_1', 0)]);
    expect(index.size).toBe(1);
    expect(index.check({ ...token, epoch: 4 })).toBe('session_revoked');
    expect(index.check({ ...token, epoch: 5 })).toBeNull();
  });

  it('refuses a token without numbers as soon as anything was revoked', () => {
    const index = createRevocationIndex();
    index.apply([row('session', 'ses_9')]);
    expect(index.check({ ...token, epoch: Number.NaN })).toBe('session_revoked');
    expect(index.check({ ...token, authzVersion: undefined as unknown as number })).toBe('token_expired');
  });

  it('judges by fingerprints that were computed before as by the ids', () => {
    const index = createRevocationIndex();
    const fingerprints = index.fingerprintsOf(token.sessionId, token.userId);
    expect(index.check(token, fingerprints)).toBeNull();
    index.apply([row('session', 'ses_1')]);
    expect(index.check(token, fingerprints)).toBe('session_revoked');
  });

  it('knows compromised keys by their exact name until they expire', () => {
    const index = createRevocationIndex();
    index.apply([row('key', 'kid-1', 0, 10_000), row('key', 'kid-1', 0, 5_000)]);
    index.prune(9_999);
    expect([index.isKeyCompromised('kid-1'), index.isKeyCompromised('kid-2'), index.size]).toEqual([true, false, 1]);
    index.prune(10_000);
    expect([index.isKeyCompromised('kid-1'), index.size]).toEqual([false, 0]);
  });

  it('forgets expired revocations when pruned, and no others', () => {
    const index = createRevocationIndex();
    index.apply([
      row('session', 'ses_1', 0, 5_000),
      row('session', 'ses_2', 0, 20_000),
      row('epoch', 'usr_9', 1, 5_000),
      row('authz', 'usr_9', 1, 5_000),
    ]);
    index.prune(10_000);
    expect(index.size).toBe(1);
    expect(index.check(token)).toBeNull();
    expect(index.check({ ...token, sessionId: 'ses_2' })).toBe('session_revoked');
  });

  it('holds a million ended sessions in less than 32 MB, and epochs and versions of a million users in less than 64 MB each', () => {
    const index = createRevocationIndex();
    const million = (kind: Revocation['kind']) => {
      for (let start = 0; start < 1_000_000; start += 10_000) {
        index.apply(Array.from({ length: 10_000 }, (_, offset) => row(kind, `${kind}_${start + offset}`, 2)));
      }
    };
    million('session');
    expect([index.size, index.bytes < 32e6]).toEqual([1_000_000, true]);
    million('epoch');
    expect([index.size, index.bytes < 96e6]).toEqual([2_000_000, true]);
    expect(index.check({ ...token, sessionId: 'session_999999' })).toBe('session_revoked');
    expect(index.check({ ...token, userId: 'epoch_999999', epoch: 1 })).toBe('session_revoked');
  });
});
