/** An issuer that says what a test wants: other keys, other documents, a feed of its own. Signs with a JOSE library, not with our code. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type JWK } from 'jose';
import { issueApiKey } from '../../dist/tokens/api-key.js';
import { articleRoles } from './start-app.js';
import { serviceName } from './start-service.js';

type Key = Awaited<ReturnType<typeof generateKeyPair>>['privateKey'];
type Answer = (request: IncomingMessage, response: ServerResponse) => void;

export class FakeIssuer {
  readonly url: string;
  readonly server: Server;
  readonly privateKey: Key;
  /** How often each path was asked for. */
  readonly requests: Map<string, number> = new Map();
  metadata: Record<string, unknown>;
  keys: (JWK | Record<string, unknown>)[];
  facts: Record<string, unknown>;
  /** Instead of the usual answer of a path. */
  readonly answers: Map<string, Answer> = new Map();
  /** A key of the right form; this issuer believes any. */
  readonly serviceKey: string = issueApiKey(`key_${'A'.repeat(22)}`, Buffer.alloc(32, 7));

  private constructor(server: Server, privateKey: Key, jwk: JWK) {
    this.server = server;
    this.privateKey = privateKey;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    this.metadata = { issuer: this.url, access_token_signing_alg_values_supported: ['ES256'] };
    this.keys = [{ ...jwk, kid: 'k1', alg: 'ES256', use: 'sig' }];
    this.facts = { issuer: this.url, roles: articleRoles, longestAccessSeconds: 900, keys: [...this.keys] };
    server.on('request', (request, response) => {
      this.#answer(request, response);
    });
  }

  static async open(): Promise<FakeIssuer> {
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new FakeIssuer(server, privateKey, await exportJWK(publicKey));
  }

  get claims(): Record<string, unknown> {
    const now = Math.floor(Date.now() / 1000);
    const ids = { iss: this.url, aud: serviceName, sub: 'usr_1', sid: 'ses_1', jti: 'j1' };
    return { ...ids, iat: now, exp: now + 900, roles: ['user'], azv: 0, sep: 0, amr: ['pwd'], auth_time: now };
  }

  /** As an honest issuer would make it, but for what is named. */
  token(
    claims: Readonly<Record<string, unknown>> = {},
    header: Readonly<Record<string, unknown>> = {},
    key: Key = this.privateKey,
  ): Promise<string> {
    const all = Object.fromEntries(Object.entries({ ...this.claims, ...claims }).filter(([, value]) => value !== undefined));
    return new SignJWT(all).setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'k1', ...header }).sign(key);
  }

  countOf(path: string): number {
    return this.requests.get(path) ?? 0;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? '';
    this.requests.set(path, this.countOf(path) + 1);
    const answer = this.answers.get(path);
    if (answer) answer(request, response);
    else if (path === '/.well-known/countersign') response.end(JSON.stringify(this.metadata));
    else if (path === '/.well-known/jwks.json') response.end(JSON.stringify({ keys: this.keys }));
    else if (path === feedPath) this.feed(response);
    else response.writeHead(404).end();
  }

  /** What an issuer says at the beginning, and each second; `more` in between. */
  feed(response: ServerResponse, more = ''): void {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const fresh = `event: fresh\nid: p1\ndata: {"age":0}\n\n`;
    response.write(`event: issuer\ndata: ${JSON.stringify(this.facts)}\n\n${more}${fresh}`);
    const timer = setInterval(() => response.write(fresh), 500);
    response.on('close', () => {
      clearInterval(timer);
    });
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}

export const feedPath = '/.well-known/countersign/revocations';
