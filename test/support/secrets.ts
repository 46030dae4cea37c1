/** Collects every secret that a run saw, so that it can be looked for where no secret may be. */
import type { HttpAnswer } from './http.js';
import { decodeBase32 } from './authenticator.js';
import { parseSetCookie } from './cookie-jar.js';

export type SecretKind =
  'password' | 'access token' | 'refresh token' | 'csrf token' | 'key' | 'API key' | 'one-time token' | 'second factor';

export interface Secret {
  readonly kind: SecretKind;
  readonly needle: Buffer;
}

export class Secrets {
  readonly #found = new Map<string, Secret>();

  add(kind: SecretKind, value: string | Buffer): void {
    const needle = Buffer.from(value);
    // What is shorter would be found by chance.
    if (needle.byteLength >= 8) this.#found.set(`${kind} ${needle.toString('hex')}`, { kind, needle });
  }

  /** Adds what an answer hands to its client. */
  observe(answer: HttpAnswer): void {
    for (const line of answer.setCookies) {
      const { name, value } = parseSetCookie(line);
      if (name.endsWith('-access') && value !== '') this.addAccessToken(value);
      if (name.endsWith('-refresh') && value !== '') this.addRefreshToken(value);
    }
    if (!answer.text.startsWith('{')) return;
    const document = answer.json as Partial<Record<string, string>>;
    const { accessToken, refreshToken, csrfToken, secret, access_token: clientToken, ticket } = document;
    if (secret !== undefined && document['uri'] === undefined) this.addApiKey(secret);
    if (secret !== undefined && document['uri'] !== undefined) {
      this.add('second factor', secret);
      this.add('second factor', decodeBase32(secret));
    }
    const { recoveryCodes = [] } = answer.json as { readonly recoveryCodes?: readonly string[] };
    for (const code of recoveryCodes) for (const text of [code, code.replaceAll('-', '')]) this.add('second factor', text);
    if (ticket !== undefined) this.addOneTimeToken(ticket);
    if (clientToken !== undefined) this.addAccessToken(clientToken);
    if (accessToken !== undefined) this.addAccessToken(accessToken);
    if (refreshToken !== undefined) this.addRefreshToken(refreshToken);
    if (csrfToken !== undefined) {
      this.add('csrf token', csrfToken);
      this.add('csrf token', Buffer.from(csrfToken, 'base64url'));
    }
  }

  /** The signature makes it one: header and claims alone let nobody in. */
  addAccessToken(token: string): void {
    const signature = token.slice(token.lastIndexOf('.') + 1);
    this.add('access token', signature);
    this.add('access token', Buffer.from(signature, 'base64url'));
  }

  /** Its text, the session secret in it, and its MAC. */
  addRefreshToken(token: string): void {
    this.add('refresh token', token);
    const bytes = Buffer.from(token.slice('csr_'.length), 'base64url');
    for (const part of [bytes.subarray(22, 38), bytes.subarray(38)]) {
      this.add('refresh token', part);
      this.add('refresh token', part.toString('base64url'));
      this.add('refresh token', part.toString('hex'));
    }
  }

  /** Its text, what of it is neither prefix nor time nor checksum, and the secret in it. */
  addApiKey(key: string): void {
    this.add('API key', key);
    this.add('API key', key.slice(26, 69));
    const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
    const content = Array.from(key.slice(4, 69)).reduce((sofar, digit) => sofar * 62n + BigInt(digits.indexOf(digit)), 0n);
    const secret = Buffer.from(content.toString(16).padStart(96, '0'), 'hex').subarray(16);
    this.add('API key', secret);
    this.add('API key', secret.toString('base64url'));
    this.add('API key', secret.toString('hex'));
  }

  /** Its text, and the secret and the MAC in it. */
  addOneTimeToken(token: string): void {
    this.add('one-time token', token);
    const bytes = Buffer.from(token.slice('cso_'.length), 'base64url');
    for (const part of [bytes.subarray(19, 51), bytes.subarray(51)]) {
      this.add('one-time token', part);
      this.add('one-time token', part.toString('base64url'));
      this.add('one-time token', part.toString('hex'));
    }
  }

  get size(): number {
    return this.#found.size;
  }

  count(kind: SecretKind): number {
    return [...this.#found.values()].filter((secret) => secret.kind === kind).length;
  }

  /** Each secret that occurs in `haystack`, as its kind and its first bytes. */
  foundIn(haystack: string | Buffer): string[] {
    const bytes = Buffer.from(haystack);
    const found = [...this.#found.values()].filter(({ needle }) => bytes.includes(needle));
    return found.map(({ kind, needle }) => `${kind} ${needle.subarray(0, 8).toString('latin1')}…`);
  }
}
