/** Asks for what has no method of its own in the client, and gives the answer in the same form. */
import { resultOf, type AuthClient, type Result } from 'countersign/client';

export async function send<Value>(auth: AuthClient, method: string, path: string, body?: object): Promise<Result<Value>> {
  const response = await auth.fetch(path, {
    method,
    ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  return resultOf(response);
}
