/** Reads what the server answered: a value, or a refusal with its code. */
import type { ProblemDocument } from '../protocol/documents.js';
import type { ErrorCode } from '../protocol/error-codes.js';
import type { Result } from './client-types.js';

/** Null for what is no refusal of ours. The answer can still be read. */
async function problemOf(response: Response): Promise<ProblemDocument | null> {
  if (response.ok || !/^application\/problem\+json/.test(response.headers.get('content-type') ?? '')) return null;
  return (await response
    .clone()
    .json()
    .catch(() => null)) as ProblemDocument | null;
}

export async function codeOf(response: Response): Promise<ErrorCode | undefined> {
  return (await problemOf(response))?.code;
}

/** Milliseconds; undefined: the answer does not say. */
export function retryAfterOf(response: Response): number | undefined {
  const seconds = Number(response.headers.get('retry-after') ?? NaN);
  return Number.isNaN(seconds) ? undefined : seconds * 1000;
}

export function accepted<Value>(value: Value): Result<Value> {
  return { ok: true, value };
}

/** What a route of Countersign's, or one that refuses like them, answered to `auth.fetch`: in the form that the client's own methods have. */
export async function resultOf<Value>(response: Response): Promise<Result<Value>> {
  return response.ok ? accepted((await response.json()) as Value) : refused(response);
}

/** What is no refusal of ours comes from something between: a proxy without a server behind it. */
export async function refused(response: Response): Promise<Result<never>> {
  const problem = await problemOf(response);
  const retryAfter = retryAfterOf(response);
  return {
    ok: false,
    code: problem?.code ?? codeOfStatus(response.status),
    message: problem?.detail ?? problem?.title ?? `The server cannot answer at the moment (${response.status}).`,
    errors: problem?.errors ?? [],
    ...(retryAfter !== undefined && { retryAfterSeconds: retryAfter / 1000 }),
  };
}

function codeOfStatus(status: number): ErrorCode {
  if (status === 429) return 'too_many_attempts';
  return status >= 502 && status <= 504 ? 'overloaded' : 'internal_error';
}
