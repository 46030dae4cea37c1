/** Two nodes and one refresh token: many clients present it at the same moment, and all must get the same next one. */
import type { Account } from './client.js';
import type { Traffic } from './traffic.js';

export interface RaceResult {
  readonly races: number;
  /** Answers other than 200, by what they were. */
  readonly refused: Readonly<Record<string, number>>;
}

interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
}

export interface RaceOptions {
  readonly account: Account & { readonly password: string };
  readonly nodes: readonly string[];
  readonly races: number;
  /** Requests in each race. */
  readonly racers: number;
  /** However many were run by then. */
  readonly withinSeconds: number;
}

/** One session, race after race; the checker judges every answer. */
export async function race(traffic: Traffic, { account, nodes, races, racers, withinSeconds }: RaceOptions): Promise<RaceResult> {
  const own = { role: 'honest', client: `racer ${account.username}`, user: account.id, method: 'POST' } as const;
  const { username: identifier, password } = account;
  const json = { identifier, password, delivery: 'bearer' };
  const opened = await traffic.send({ ...own, act: 'login', path: '/api/auth/login', json, password });
  let { refreshToken: refresh } = opened?.document as Tokens;
  const refused: Record<string, number> = {};
  const until = performance.now() + withinSeconds * 1000;
  let run = 0;
  for (; run < races && performance.now() < until; run += 1) {
    const asked = { ...own, act: 'refresh', path: '/api/auth/refresh', json: { refreshToken: refresh }, refresh } as const;
    const replies = await Promise.all(
      Array.from({ length: racers }, (_, racer) => traffic.send({ ...asked, node: nodes[racer % nodes.length] ?? '' })),
    );
    for (const reply of replies) {
      if (reply?.status === 200) refresh = (reply.document as Tokens).refreshToken;
      else refused[reply?.code ?? 'lost'] = (refused[reply?.code ?? 'lost'] ?? 0) + 1;
    }
  }
  return { races: run, refused };
}
