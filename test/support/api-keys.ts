/** Makes API keys as people do, and sends what programs send. */
import type { Client } from './client.js';
import { send, type HeaderPairs, type HttpAnswer } from './http.js';
import type { TestApp } from './start-app.js';

export interface Given {
  readonly id: string;
  readonly secret: string;
}

/** What a program sends: its key and nothing else. */
export function asProgram(app: TestApp, key: string, path: string, method = 'GET', headers: HeaderPairs = []): Promise<HttpAnswer> {
  return send({ port: app.port, method, path, headers: [['authorization', `Bearer ${key}`], ...headers] });
}

export async function makeKey(owner: Client, scopes: readonly string[], more: object = {}): Promise<Given> {
  const answer = await owner.post('/api/auth/api-keys', { name: 'Nightly import', scopes, ...more });
  if (answer.status !== 201) throw new Error(answer.outcome);
  return { id: answer.json.apiKey.id as string, secret: answer.json.secret as string };
}
