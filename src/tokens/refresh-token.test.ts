import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deriveKeys, masterSecret, newSecret, type SecretRing } from '../crypto/master-secret.js';
import { sha256 } from '../crypto/digest.js';
import { formatId } from '../crypto/random.js';
import { issueRefreshToken, verifyRefreshToken } from './refresh-token.js';

const ring = deriveKeys(masterSecret(newSecret()));
const parts = { sessionIdBytes: randomBytes(16), sessionSecret: randomBytes(16) };

/** Another secret whose key id differs from those of `known`. */
function ringWithOtherId(known: SecretRing): SecretRing {
  for (;;) {
    const other = deriveKeys(masterSecret(newSecret()));
    if (known.every((keys) => keys.id !== other[0].id)) return other;
  }
}

describe('a refresh token', () => {
  it('says which session and generation it is of', () => {
    const verdict = verifyRefreshToken(ring, issueRefreshToken(ring, { ...parts, generation: 7 }));
    expect(verdict).toMatchObject({
      ok: true,
      content: { sessionId: formatId('ses', parts.sessionIdBytes), generation: 7, secretDigest: sha256(parts.sessionSecret) },
    });
  });

  it('has one successor, a function of itself', () => {
    const verdict = verifyRefreshToken(ring, issueRefreshToken(ring, { ...parts, generation: 7 }));
    if (!verdict.ok) throw new Error('not ok');
    expect(verdict.content.atGeneration(8)).toBe(issueRefreshToken(ring, { ...parts, generation: 8 }));
  });

  it('is refused with any one character changed, removed or added', () => {
    const token = issueRefreshToken(ring, { ...parts, generation: 0 });
    fc.assert(
      fc.property(fc.nat(token.length), fc.string({ minLength: 0, maxLength: 2 }), fc.nat(1), (at, text, removed) => {
        const mutated = token.slice(0, at) + text + token.slice(at + removed);
        return mutated === token || !verifyRefreshToken(ring, mutated).ok;
      }),
      { numRuns: 5000 },
    );
  });

  it('is refused with any one bit flipped', () => {
    const bytes = Buffer.from(issueRefreshToken(ring, { ...parts, generation: 0 }).slice(4), 'base64url');
    for (let bit = 0; bit < bytes.byteLength * 8; bit++) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(verifyRefreshToken(ring, `csr_${flipped.toString('base64url')}`).ok).toBe(false);
    }
  });

  it('stays good while its secret is anywhere in the list, and is signed with the first from then on', () => {
    const newer = ringWithOtherId(ring);
    const both: SecretRing = [...newer, ...ring];
    const verdict = verifyRefreshToken(both, issueRefreshToken(ring, { ...parts, generation: 1 }));
    if (!verdict.ok) throw new Error('not ok');
    expect(verifyRefreshToken(newer, verdict.content.atGeneration(2)).ok).toBe(true);
  });

  it('of a secret that is not here is told from a forged one', () => {
    const foreign = issueRefreshToken(ringWithOtherId(ring), { ...parts, generation: 1 });
    expect(verifyRefreshToken(ring, foreign)).toEqual({ ok: false, why: 'unknown_key' });
    expect(verifyRefreshToken(ring, 'csr_')).toEqual({ ok: false, why: 'invalid' });
  });
});
