/** Measures how far a logout has travelled: logs out at one node and goes on presenting the access token at another. */
import { setTimeout as pause } from 'node:timers/promises';
import type { SeededRandom } from '../../support/seeded-random.js';
import type { Account } from './client.js';
import type { Traffic } from './traffic.js';

export class Canary {
  readonly #account: Account & { readonly password: string };
  readonly #traffic: Traffic;
  readonly #nodes: readonly string[];
  readonly #random: SeededRandom;

  constructor(
    account: Account & { readonly password: string },
    { traffic, nodes, random }: { traffic: Traffic; nodes: readonly string[]; random: SeededRandom },
  ) {
    this.#account = account;
    this.#traffic = traffic;
    this.#nodes = nodes;
    this.#random = random;
  }

  async live(pauseMilliseconds: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#sing(signal);
      await pause(this.#random.below(pauseMilliseconds));
    }
  }

  async #sing(signal: AbortSignal): Promise<void> {
    const { id: user, username: identifier, password } = this.#account;
    const home = this.#random.pick(this.#nodes);
    const abroad = this.#random.pick(this.#nodes.filter((node) => node !== home));
    const own = { role: 'probe', client: 'canary', user } as const;
    const json = { identifier, password, delivery: 'bearer' };
    const opened = await this.#traffic.send({ ...own, act: 'login', method: 'POST', path: '/api/auth/login', json, password, node: home });
    if (opened?.status !== 200) return;
    const { accessToken: access, refreshToken: refresh } = opened.document as { accessToken: string; refreshToken: string };
    const leave = { act: 'logout', method: 'POST', path: '/api/auth/logout', json: { refreshToken: refresh }, refresh } as const;
    const present = { act: 'read', method: 'GET', path: '/api/users/me', headers: { authorization: `Bearer ${access}` }, access } as const;
    await this.#traffic.send({ ...own, ...present, node: abroad });
    const left = await this.#traffic.send({ ...own, ...leave, node: home });
    if (left?.status !== 200) return;
    for (let attempt = 0; attempt < 2000 && !signal.aborted; attempt += 1) {
      const reply = await this.#traffic.send({ ...own, ...present, node: abroad });
      // Refused, or not reachable: nothing more is learned.
      if (reply?.status !== 200) return;
      await pause(3);
    }
  }
}
