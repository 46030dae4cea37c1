/** Presents a token in every place where an access token is looked for. */
import { AuthError } from 'countersign';
import { send } from './http.js';
import type { TestApp } from './start-app.js';

/** What a header can carry at all; anything else cannot reach the server but is tried on the verifier itself. */
const sendable = /^[\t\x20-\x7e\x80-\xff]*$/;
/** Node refuses more than 16 KiB of headers before anybody sees them. */
const longestHeader = 12_000;

/** The different outcomes of one token: as bearer and in the cookie, on a route of ours and of the application's, and for the verifier itself. */
export async function presentEverywhere(app: TestApp, token: string): Promise<string[]> {
  const cookie = app.cookie('access');
  const outcomes = new Set([verifyDirectly(app, { authorization: `Bearer ${token}` })]);
  // A semicolon ends a cookie: what is behind it would be another.
  if (!token.includes(';')) outcomes.add(verifyDirectly(app, { cookie: `${cookie}=${token}` }));
  if (sendable.test(token) && token.length < longestHeader) {
    for (const path of ['/hello', '/api/users/me']) {
      outcomes.add((await send({ port: app.port, path, headers: [['authorization', `Bearer ${token}`]] })).outcome);
      if (!token.includes(';')) outcomes.add((await send({ port: app.port, path, headers: [['cookie', `${cookie}=${token}`]] })).outcome);
    }
  }
  return [...outcomes];
}

export function verifyDirectly(app: TestApp, headers: Record<string, string>): string {
  try {
    app.auth.getPrincipal({ headers });
    return '200';
  } catch (error) {
    if (error instanceof AuthError) return `${error.status} ${error.code}`;
    throw error;
  }
}
