/** Sends requests into the network and writes each of them, with its answer or its loss, into the history. */
import { Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { parseSetCookie } from '../../support/cookie-jar.js';
import type { Answer, Act, Issued, Request, Role } from '../checker/entries.js';
import { idHeader, nodeHeader, type Balancer, type Passed } from './balancer.js';
import { now, type History } from './history.js';

/** What is sent, and what of it goes into the history as a digest. */
export interface Sending {
  readonly role: Role;
  readonly client: string;
  readonly act: Act;
  readonly user: string;
  readonly method: 'GET' | 'POST' | 'PATCH';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly access?: string | undefined;
  readonly refresh?: string | undefined;
  readonly password?: string;
  readonly newPassword?: string;
  readonly name?: string;
  /** The node that is to answer; otherwise any. */
  readonly node?: string;
}

export interface Reply {
  readonly node: string;
  readonly status: number;
  readonly code: string | undefined;
  readonly headers: IncomingHttpHeaders;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- what comes over the wire has no type
  readonly document: any;
  /** The access token that it issued. */
  readonly access: string | undefined;
}

/** The time after which a client gives up waiting. Servers answer sooner, whatever happens to their store. */
const patience = 20_000;

export class Traffic {
  readonly history: History;
  readonly #balancer: Balancer;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 256 });
  readonly #open: Map<number, Request> = new Map();

  constructor(history: History, balancer: Balancer) {
    this.history = history;
    this.#balancer = balancer;
    Object.assign(balancer, { onRepeated: (id: number) => this.#echo(id) });
  }

  /** Null: there was no answer. */
  async send(sending: Sending): Promise<Reply | null> {
    const { history } = this;
    const request = this.#requestOf(sending);
    this.#open.set(request.id, request);
    history.append(request);
    try {
      const passed = await this.#ask(sending, request.id);
      const reply = replyOf(passed);
      history.append(this.#answerOf(request, passed, reply));
      return reply;
    } catch (error) {
      history.append({ kind: 'loss', id: request.id, at: now(), why: (error as NodeJS.ErrnoException).code ?? String(error) });
      return null;
    } finally {
      this.#open.delete(request.id);
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  #requestOf({ role, client, act, user, name, ...sending }: Sending): Request {
    const { access, refresh, password, newPassword } = sending;
    const digests = Object.entries({ access, refresh, password, newPassword }).flatMap(([key, secret]) =>
      secret === undefined ? [] : [[key, this.history.digest(key === 'access' ? signatureOf(secret) : secret)] as const],
    );
    const id = this.history.nextId();
    return {
      kind: 'request',
      id,
      at: now(),
      role,
      client,
      act,
      user,
      ...(name === undefined ? {} : { name }),
      ...Object.fromEntries(digests),
    };
  }

  #answerOf({ id }: Request, { node, status, headers }: Passed, { code, document, access }: Reply): Answer {
    const user = (status < 300 ? document?.user : undefined) as { id: string; name: string | null } | undefined;
    return {
      kind: 'answer',
      id,
      at: now(),
      node,
      status,
      ...(code === undefined ? {} : { code }),
      ...(access === undefined ? {} : { issued: this.#issued(access, refreshTokenOf(headers, document), document) }),
      ...(user === undefined ? {} : { user: user.id, name: user.name ?? '' }),
      ...(cookieOf(headers, 'cs-refresh') === '' ? { clears: true } : {}),
      ...(Array.isArray(document?.items) ? { sessions: (document.items as { id: string }[]).map((session) => session.id) } : {}),
    };
  }

  #issued(access: string, refresh: string, { csrfToken }: { csrfToken?: string }): Issued {
    const claims = JSON.parse(Buffer.from(access.split('.')[1] ?? '', 'base64url').toString('utf8')) as Issued;
    if (csrfToken !== undefined) this.history.digest(csrfToken);
    const { sub, sid, exp } = claims;
    return { access: this.history.digest(signatureOf(access)), sub, sid, exp, refresh: this.history.digest(refresh) };
  }

  /** The copy that the network makes is a request of its own. */
  #echo(id: number): (passed: Passed | null, why: string) => void {
    const original = this.#open.get(id);
    if (original === undefined) return () => undefined;
    const copy: Request = { ...original, id: this.history.nextId(), at: now(), role: original.role === 'honest' ? 'echo' : original.role };
    this.history.append(copy);
    return (passed, why) => {
      if (passed === null) this.history.append({ kind: 'loss', id: copy.id, at: now(), why });
      else this.history.append(this.#answerOf(copy, passed, replyOf(passed)));
    };
  }

  #ask({ method, path, headers, json, node }: Sending, id: number): Promise<Passed> {
    const body = json === undefined ? undefined : JSON.stringify(json);
    const all: Record<string, string> = {
      host: `localhost:${this.#balancer.port}`,
      ...headers,
      [idHeader]: String(id),
      ...(node === undefined ? {} : { [nodeHeader]: node }),
      ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }),
    };
    return new Promise((resolve, reject) => {
      const target = { host: '127.0.0.1', port: this.#balancer.port, method, path, headers: all, agent: this.#agent };
      const outgoing = httpRequest({ ...target, signal: AbortSignal.timeout(patience) }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const by = String(response.headers[nodeHeader]);
          resolve({ node: by, status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString('utf8') });
        });
      });
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }
}

/** The part that nobody can make up; header and claims alone let nobody in. */
function signatureOf(access: string): string {
  return access.slice(access.lastIndexOf('.') + 1);
}

function replyOf({ node, status, headers, body }: Passed): Reply {
  const isJson = /json/.test(headers['content-type'] ?? '');
  const document: unknown = isJson && body !== '' ? JSON.parse(body) : undefined;
  const { code, accessToken } = (document ?? {}) as { code?: string; accessToken?: string };
  const access = accessToken ?? cookieOf(headers, 'cs-access');
  return { node, status, code: status < 400 ? undefined : code, headers, document, access: access === '' ? undefined : access };
}

function refreshTokenOf(headers: IncomingHttpHeaders, document: { refreshToken?: string } | undefined): string {
  return document?.refreshToken ?? cookieOf(headers, 'cs-refresh') ?? '';
}

/** Empty when it is taken away. */
function cookieOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const line = (headers['set-cookie'] ?? []).find((one) => one.startsWith(`${name}=`));
  return line === undefined ? undefined : parseSetCookie(line).value;
}
