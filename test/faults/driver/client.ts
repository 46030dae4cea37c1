/** An honest client, which does what "What a client has to do" tells it: one tab of a browser, or a program. Shares no code with ours. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Act } from '../checker/entries.js';
import type { Keyring } from './keyring.js';
import type { Reply, Sending, Traffic } from './traffic.js';

export interface Account {
  readonly id: string;
  readonly username: string;
}

/** What became of something that the person wanted. */
export type Outcome = 'done' | 'refused' | 'signed_out' | 'unreachable';

const paths = {
  login: ['POST', '/api/auth/login'],
  refresh: ['POST', '/api/auth/refresh'],
  logout: ['POST', '/api/auth/logout'],
  password: ['POST', '/api/auth/password'],
  read: ['GET', '/api/users/me'],
  write: ['PATCH', '/api/users/me'],
  list: ['GET', '/api/auth/sessions'],
} as const;

const mayRefresh = ['token_expired', 'token_invalid', 'session_revoked'];
const maxAttempts = 9;
const longestPause = 2000;

export type Details = Pick<Sending, 'json' | 'password' | 'newPassword' | 'name'>;

export class Client {
  readonly name: string;
  readonly account: Account;
  readonly keys: Keyring;
  readonly #traffic: Traffic;
  #refreshing: Promise<Outcome> | null = null;

  constructor(name: string, account: Account, keys: Keyring, traffic: Traffic) {
    this.name = name;
    this.account = account;
    this.keys = keys;
    this.#traffic = traffic;
  }

  /** Whatever needs an access token. */
  async call(act: 'read' | 'write' | 'list' | 'password', details: Details = {}): Promise<Outcome> {
    let reply = await this.#patiently(act, details);
    if (reply?.code === 'csrf_failed') reply = await this.#patiently(act, details);
    else if (reply !== null && mayRefresh.includes(reply.code ?? '')) {
      const outcome = await this.refresh();
      if (outcome !== 'done') return outcome;
      reply = await this.#patiently(act, details);
    }
    return outcomeOf(reply);
  }

  /** However many ask, one request is made. */
  refresh(): Promise<Outcome> {
    this.#refreshing ??= this.#refresh().finally(() => (this.#refreshing = null));
    return this.#refreshing;
  }

  async #refresh(): Promise<Outcome> {
    const reply = await this.#patiently('refresh', {});
    return reply?.status === 401 || reply?.code === 'account_disabled' ? 'signed_out' : outcomeOf(reply);
  }

  async login(password: string): Promise<Outcome> {
    const { username: identifier } = this.account;
    const { delivery } = this.keys;
    return outcomeOf(await this.#patiently('login', { json: { identifier, password, delivery }, password }));
  }

  async logout(): Promise<Outcome> {
    return outcomeOf(await this.#patiently('logout', {}));
  }

  /** On 409, 429, 5xx and a broken network: waits, and repeats with the newest credentials. Null: it cannot be reached. */
  async #patiently(act: Act, details: Details): Promise<Reply | null> {
    for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
      const reply = await this.#send(act, details);
      const isTrouble = reply === null || reply.status >= 500 || reply.status === 429 || reply.status === 409;
      if (!isTrouble) return reply;
      const demanded = Number(reply?.headers['retry-after'] ?? 0) * 1000;
      await pause(Math.max(demanded, Math.min(longestPause, 250 * 2 ** attempt)));
    }
    return null;
  }

  async #send(act: Act, { json, ...details }: Details): Promise<Reply | null> {
    const { access, refresh, delivery } = this.keys;
    const [method, path] = paths[act];
    const isOfSession = act === 'refresh' || act === 'logout';
    const presentsRefresh = isOfSession || (delivery === 'cookie' && (act === 'login' || act === 'password'));
    const body = isOfSession ? this.keys.body() : json;
    const reply = await this.#traffic.send({
      role: 'honest',
      client: this.name,
      act,
      user: this.account.id,
      method,
      path,
      headers: this.keys.headers(),
      ...(body === undefined ? {} : { json: body }),
      ...(act === 'refresh' || act === 'login' || act === 'logout' ? {} : { access }),
      ...(presentsRefresh ? { refresh } : {}),
      ...details,
    });
    if (reply !== null) this.keys.keep(reply);
    return reply;
  }
}

function outcomeOf(reply: Reply | null): Outcome {
  if (reply === null) return 'unreachable';
  return reply.status < 300 ? 'done' : 'refused';
}
