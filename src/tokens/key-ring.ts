/** The signing keys as they stand at one instant: which one signs, which ones still verify, which are published (RFC 7517). */
import type { Jwks } from '../model/app-types.js';
import type { SigningKeyRecord } from '../model/store.js';
import type { SigningKey, VerifyingKey } from './signing-key.js';

/**
 * `next`: published, does not sign yet. `signing`: the one. `verifying`: stopped signing, tokens of it may be alive. `expired`: none can be
 * alive; kept only to tell an expired token from a foreign one. `compromised`: every token of it counts as expired.
 */
export type KeyState = 'next' | 'signing' | 'verifying' | 'expired' | 'compromised';

export interface RingKey {
  readonly kid: string;
  readonly state: KeyState;
  readonly key: VerifyingKey;
}

/** As whoever only verifies needs them. */
export interface VerifyingRing {
  /** Differs whenever any key or its state differs: what was cached under another version must not be used. */
  readonly version: string;
  /** By the encoded header that tokens of a key have, as one exact string: no header of a stranger is ever parsed. */
  readonly byHeader: Pick<ReadonlyMap<string, RingKey>, 'get'>;
}

export interface KeyRing extends VerifyingRing {
  readonly byHeader: ReadonlyMap<string, RingKey>;
  readonly signing: { readonly kid: string; readonly header: string; readonly key: SigningKey };
  readonly jwks: Jwks;
}

export interface OpenedKey {
  readonly record: SigningKeyRecord;
  readonly key: SigningKey;
}

/** The one header that tokens of this key have, encoded. */
export function encodedHeader(record: Pick<SigningKeyRecord, 'algorithm' | 'kid'>): string {
  return Buffer.from(JSON.stringify({ alg: record.algorithm, typ: 'at+jwt', kid: record.kid })).toString('base64url');
}

export interface KeyRingTimes {
  readonly now: number;
  /** How long after a key stopped signing tokens of it can be alive, in seconds. */
  readonly tokenSeconds: number;
}

/** State of each record; `records` in the order in which they were added. Null when none can sign. */
export function keyStates(records: readonly SigningKeyRecord[], { now, tokenSeconds }: KeyRingTimes): ReadonlyMap<string, KeyState> | null {
  const sound = records.filter((record) => record.compromisedAt === null);
  // After the clock went back no key may have begun: the oldest one then signs all the same, or nothing would start.
  const signing = sound.findLast((record) => record.signsFrom <= now) ?? sound[0];
  if (!signing) return null;
  const states = new Map<string, KeyState>(records.map((record) => [record.kid, 'compromised']));
  sound.forEach((record, index) => {
    const retiredAt = sound[index + 1]?.signsFrom ?? Infinity;
    if (record === signing) states.set(record.kid, 'signing');
    else if (record.signsFrom > now) states.set(record.kid, 'next');
    else states.set(record.kid, retiredAt + tokenSeconds * 1000 > now ? 'verifying' : 'expired');
  });
  return states;
}

/** @throws when no key can sign. */
export function buildKeyRing(opened: readonly OpenedKey[], times: KeyRingTimes): KeyRing {
  const states = keyStates(
    opened.map(({ record }) => record),
    times,
  );
  const signing = opened.find(({ record }) => states?.get(record.kid) === 'signing');
  if (!states || !signing) throw new Error('There is no signing key.');
  const entries = opened.map(({ record, key }) => ({ record, ring: { kid: record.kid, state: states.get(record.kid) ?? 'expired', key } }));
  return {
    version: entries.map(({ ring }) => `${ring.kid}:${ring.state}`).join(' '),
    signing: { kid: signing.record.kid, header: encodedHeader(signing.record), key: signing.key },
    byHeader: new Map(entries.map(({ record, ring }) => [encodedHeader(record), ring])),
    jwks: {
      keys: entries.flatMap(({ record, ring }) =>
        record.publicJwk && isPublished(ring.state) ? [{ ...record.publicJwk, kid: record.kid, alg: record.algorithm, use: 'sig' }] : [],
      ),
    },
  };
}

function isPublished(state: KeyState): boolean {
  return state === 'next' || state === 'signing' || state === 'verifying';
}
