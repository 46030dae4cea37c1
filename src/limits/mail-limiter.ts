/** Limits the mails that people have sent: by the address that they go to, and by the address that they are asked for from. */
import { hmacSha256 } from '../crypto/digest.js';
import type { SecretRing } from '../crypto/master-secret.js';
import { AuthError } from '../errors.js';
import type { Counted, CounterStore, Limit, LimitState } from '../model/limits.js';

/** To one address, and so for one proof after the other: 50 codes a day can be tried, of a million. */
const toOneAddress: readonly Limit[] = [
  { count: 3, windowSeconds: 900 },
  { count: 10, windowSeconds: 86_400 },
];

export interface MailLimiterOptions {
  readonly counters: CounterStore;
  /** By the address that asks; null: nothing is limited. */
  readonly limit: Limit | null;
  readonly secrets: SecretRing;
}

export class MailLimiter {
  readonly #counters: CounterStore;
  readonly #limit: Limit | null;
  readonly #secrets: SecretRing;

  constructor({ counters, limit, secrets }: MailLimiterOptions) {
    this.#counters = counters;
    this.#limit = limit;
    this.#secrets = secrets;
  }

  /** @throws {AuthError} `too_many_attempts` */
  async takeFrom(client: string, note: (state: LimitState) => void): Promise<void> {
    const limit = this.#limit;
    if (limit === null) return;
    const [counted] = await this.#counters.add([countingOf(`mail from ${client}`, limit)]);
    if (counted === undefined) return;
    note({ name: 'mail', limit, remaining: Math.max(0, limit.count - counted.count), resetSeconds: secondsOf(counted) });
    if (!counted.added) throw new AuthError('too_many_attempts', { reason: 'mails asked for', retryAfterSeconds: secondsOf(counted) });
  }

  /** Null: one more may be sent. Otherwise the seconds until one may. The same act, whether or not the address has an account. */
  async takeFor(emailKey: string): Promise<number | null> {
    if (this.#limit === null) return null;
    const name = hmacSha256(this.#secrets[0].counting, `mail to\n${emailKey}`).toString('base64url');
    const counted = await this.#counters.add(
      toOneAddress.map((limit) => countingOf(`mail to ${name} ${String(limit.windowSeconds)}`, limit)),
    );
    const full = counted.filter(({ added }) => !added);
    return full.length === 0 ? null : Math.max(...full.map(secondsOf));
  }
}

function countingOf(
  key: string,
  { count: most, windowSeconds }: Limit,
): { key: string; amount: number; windowSeconds: number; most: number } {
  return { key, amount: 1, windowSeconds, most };
}

function secondsOf({ resetsInMilliseconds }: Counted): number {
  return Math.max(1, Math.ceil(resetsInMilliseconds / 1000));
}
