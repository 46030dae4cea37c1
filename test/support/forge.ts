/** Access tokens with any header and claims, signed with the application's own key: what a thief of the key, or a bug in the issuer, could make. */
import type { AccessClaims } from '../../dist/tokens/access-token.js';
import type { Client } from './client.js';
import type { TestApp } from './start-app.js';

export function encode(part: unknown): string {
  const text = typeof part === 'string' ? part : JSON.stringify(part);
  return Buffer.from(text).toString('base64url');
}

export function claimsOf(token: string): AccessClaims & Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')) as AccessClaims & Record<string, unknown>;
}

export function headerOf(token: string): { alg: string; typ: string; kid: string } {
  return JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString('utf8')) as { alg: string; typ: string; kid: string };
}

/** Signs any two parts. A string is taken as the JSON text itself, a Buffer as its bytes. */
export function signWithOurKey(app: TestApp, header: unknown, payload: unknown): string {
  const { signing } = app.internals.core.ring();
  const bytes = Buffer.isBuffer(payload) ? payload.toString('base64url') : encode(payload);
  const input = `${header === undefined ? signing.header : encode(header)}.${bytes}`;
  return `${input}.${signing.key.sign(Buffer.from(input)).toString('base64url')}`;
}

/** The client's own token with other claims, signed by us; `undefined` removes one. */
export function withClaims(client: Client, changes: Readonly<Record<string, unknown>>): string {
  const claims = { ...claimsOf(client.currentAccessToken), ...changes };
  return signWithOurKey(client.app, undefined, claims);
}
