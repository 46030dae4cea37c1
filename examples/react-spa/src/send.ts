/** Asks for what has no method of its own in the client, and gives the answer in the same form. */
import type { AuthClient, Result } from 'countersign/client';

export async function send<Value>(auth: AuthClient, method: string, path: string, body?: object): Promise<Result<Value>> {
  const response = await auth.fetch(path, {
    method,
    ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  const answer = await response.json();
  if (response.ok) return { ok: true, value: answer };
  return { ok: false, code: answer.code, message: answer.detail ?? answer.title, errors: answer.errors ?? [] };
}
