/** A program that does what the protocol tells clients to do, and nothing else: it repeats what was not answered, and never forgets a session. */
import { Agent, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

export interface Reply {
  readonly status: number;
  readonly code: string | undefined;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- a test looks into it and says by that what it must be
  readonly body: any;
  readonly retryAfterSeconds: number | undefined;
}

/** What clients have met, all together. */
export class Experience {
  /** Requests that ended without an answer, or with 429 or 5xx: repeated, and no loss to anybody who waits. */
  readonly repeated: string[] = [];
  /** A client that had not logged out was told that it has no session. */
  readonly falseLogouts: string[] = [];
  /** Refusals that nothing explains. */
  readonly surprises: string[] = [];
  answered = 0;
}

interface Call {
  readonly method: string;
  readonly path: string;
  readonly json?: object;
}

/** Longer than any interruption that a test makes. */
const patienceMilliseconds = 60_000;
const longestWaitMilliseconds = 300;

export class HonestClient {
  readonly username: string;
  readonly #experience: Experience;
  readonly #port: () => number;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  password: string;
  accessToken = '';
  refreshToken = '';

  constructor(username: string, { port, experience }: { port: () => number; experience: Experience }) {
    this.username = username;
    // Of his own, and without his name in it, which would be refused.
    this.password = `long enough for ${Array.from(username).reverse().join('')}`;
    this.#port = port;
    this.#experience = experience;
  }

  async register(): Promise<void> {
    const { username, password } = this;
    const { status, code } = await this.send({ method: 'POST', path: '/api/auth/register', json: { username, password } });
    // Taken: by the request before, whose answer was lost.
    if (status !== 201 && code !== 'username_taken') this.#surprise('register', status, code);
  }

  async login(): Promise<void> {
    const { username, password } = this;
    this.#keep('login', await this.send({ method: 'POST', path: '/api/auth/login', json: { username, password, delivery: 'bearer' } }));
  }

  /** Reads the own account. */
  async read(): Promise<void> {
    const { status, code, body } = await this.#authenticated({ method: 'GET', path: '/api/users/me' });
    if (status !== 200) this.#surprise('read', status, code);
    else if (body.user.username !== this.username) this.#surprise('read of another user', status, undefined);
  }

  async refresh(): Promise<void> {
    for (;;) {
      const { refreshToken } = this;
      const reply = await this.send({ method: 'POST', path: '/api/auth/refresh', json: { refreshToken } });
      if (reply.code === 'refresh_superseded') continue;
      if (reply.status === 401) this.#experience.falseLogouts.push(`${this.username}: ${reply.code ?? ''}`);
      else this.#keep('refresh', reply);
      return;
    }
  }

  /** The tokens stay, so that a test can try what they are still worth. */
  async logout(): Promise<void> {
    const { refreshToken } = this;
    const { status, code } = await this.send({ method: 'POST', path: '/api/auth/logout', json: { refreshToken } });
    if (status !== 200) this.#surprise('logout', status, code);
  }

  async changePassword(newPassword: string): Promise<void> {
    const json = { currentPassword: this.password, newPassword };
    const reply = await this.#authenticated({ method: 'POST', path: '/api/auth/password', json });
    if (reply.status === 200) this.password = newPassword;
    this.#keep('password', reply);
  }

  close(): void {
    this.#agent.destroy();
  }

  /** Repeats until there is an answer that is one. */
  async send(call: Call, headers: Readonly<Record<string, string>> = {}): Promise<Reply> {
    const deadline = performance.now() + patienceMilliseconds;
    for (;;) {
      const reply = await this.#try(call, headers).catch((error: unknown) => String(error));
      if (typeof reply !== 'string' && reply.status < 500 && reply.status !== 429) {
        this.#experience.answered += 1;
        return reply;
      }
      const what = typeof reply === 'string' ? reply : `${reply.status} ${reply.code ?? ''}`;
      this.#experience.repeated.push(`${call.path}: ${what}`);
      if (performance.now() > deadline) throw new Error(`${call.path} is not answered: ${what}`);
      const asked = typeof reply === 'string' ? 0.05 : (reply.retryAfterSeconds ?? 0.05);
      await pause(Math.min(asked * 1000, longestWaitMilliseconds));
    }
  }

  /** Refreshes once and repeats once when the access token is over. */
  async #authenticated(call: Call): Promise<Reply> {
    const reply = await this.#withToken(call);
    if (reply.code !== 'token_expired' && reply.code !== 'session_revoked') return reply;
    await this.refresh();
    return this.#withToken(call);
  }

  #withToken(call: Call): Promise<Reply> {
    return this.send(call, { authorization: `Bearer ${this.accessToken}` });
  }

  #keep(act: string, { status, code, body }: Reply): void {
    if (status !== 200) this.#surprise(act, status, code);
    else [this.accessToken, this.refreshToken] = [body.accessToken, body.refreshToken];
  }

  #surprise(act: string, status: number, code: string | undefined): void {
    this.#experience.surprises.push(`${this.username}: ${act} ${status} ${code ?? ''}`);
  }

  #try({ method, path, json }: Call, headers: Readonly<Record<string, string>>): Promise<Reply> {
    const payload = json === undefined ? '' : JSON.stringify(json);
    const own = json === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(payload)) };
    return new Promise((resolve, reject) => {
      const outgoing = request(
        { port: this.#port(), host: '127.0.0.1', method, path, agent: this.#agent, headers: { ...own, ...headers } },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            const text = Buffer.concat(chunks).toString('utf8');
            const body: unknown = response.headers['content-type']?.includes('json') ? JSON.parse(text) : {};
            const { code } = body as { code?: string };
            const retryAfter = response.headers['retry-after'];
            resolve({
              status: response.statusCode ?? 0,
              code,
              body,
              retryAfterSeconds: retryAfter === undefined ? undefined : Number(retryAfter),
            });
          });
        },
      );
      outgoing.setTimeout(20_000, () => outgoing.destroy(new Error('no answer within 20 s')));
      outgoing.on('error', reject);
      outgoing.end(payload);
    });
  }
}
