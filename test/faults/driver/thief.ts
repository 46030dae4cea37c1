/** A thief: copies what honest clients hold, lets it grow old, and presents it where he may meet a node that does not know yet. */
import { setTimeout as pause } from 'node:timers/promises';
import type { SeededRandom } from '../../support/seeded-random.js';
import type { Person } from './person.js';
import type { Reply, Traffic } from './traffic.js';

interface Loot {
  readonly user: string;
  readonly delivery: 'cookie' | 'bearer';
  readonly headers: Readonly<Record<string, string>>;
  readonly access: string;
  readonly refresh: string;
  readonly stolenAt: number;
}

const mostLoot = 500;

export class Thief {
  readonly replies: Record<string, number> = {};
  readonly #traffic: Traffic;
  readonly #people: readonly Person[];
  readonly #random: SeededRandom;
  readonly #loot: Loot[] = [];

  constructor(traffic: Traffic, people: readonly Person[], random: SeededRandom) {
    this.#traffic = traffic;
    this.#people = people;
    this.#random = random;
  }

  /**
   * Steals all the time. Presents access tokens of any age; refresh tokens only when they are older than `patienceSeconds`: a copier who keeps
   * pace is not noticed, and nothing promises that he is.
   */
  async live(
    { patienceSeconds, pauseMilliseconds }: { patienceSeconds: number; pauseMilliseconds: number },
    signal: AbortSignal,
  ): Promise<void> {
    while (!signal.aborted) {
      await pause(this.#random.below(pauseMilliseconds));
      this.#steal();
      await this.#presentAccess(this.#random.pick(this.#loot));
      const old = this.#loot.findIndex(({ stolenAt }) => performance.now() - stolenAt > patienceSeconds * 1000);
      if (old >= 0) await this.#presentRefresh(this.#loot.splice(old, 1)[0]);
    }
  }

  #steal(): void {
    const { account, devices } = this.#random.pick(this.#people);
    const { keys } = this.#random.pick(devices);
    const { access, refresh, delivery } = keys;
    if (access === undefined || refresh === undefined || this.#loot.length >= mostLoot) return;
    this.#loot.push({ user: account.id, delivery, headers: keys.headers(), access, refresh, stolenAt: performance.now() });
  }

  async #presentAccess(loot: Loot | undefined): Promise<void> {
    if (loot === undefined) return;
    const { user, access } = loot;
    const headers = { authorization: `Bearer ${access}` };
    await this.#traffic.send({ role: 'thief', client: 'thief', act: 'read', user, method: 'GET', path: '/api/users/me', headers, access });
  }

  async #presentRefresh(loot: Loot | undefined): Promise<void> {
    if (loot === undefined) return;
    const { user, delivery, headers, refresh } = loot;
    const reply: Reply | null = await this.#traffic.send({
      role: 'thief',
      client: 'thief',
      act: 'refresh',
      user,
      method: 'POST',
      path: '/api/auth/refresh',
      headers: delivery === 'cookie' ? headers : {},
      ...(delivery === 'cookie' ? {} : { json: { refreshToken: refresh } }),
      refresh,
    });
    const outcome = reply === null ? 'lost' : (reply.code ?? String(reply.status));
    this.replies[outcome] = (this.replies[outcome] ?? 0) + 1;
  }
}
