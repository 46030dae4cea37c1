/** Fetches a small JSON document of the issuer: no redirects, bounded in size and time. */
import { withinTime } from './limited-work.js';

export interface FetchedDocument {
  readonly document: Readonly<Record<string, unknown>>;
  /** `max-age`, in seconds; null when the answer does not say. */
  readonly maxAgeSeconds: number | null;
}

const mostBytes = 256 * 1024;
const timeoutMilliseconds = 5000;

/** Rejects with an `Error` that says what is wrong. */
export async function fetchDocument(url: string, closed: AbortSignal): Promise<FetchedDocument> {
  const limits = { closed, message: `no answer within ${String(timeoutMilliseconds / 1000)} s` };
  try {
    return await withinTime(timeoutMilliseconds, limits, ({ signal }) => fetchOnce(url, signal));
  } catch (error) {
    throw new Error(`${url} cannot be read: ${describeFailure(error)}`, { cause: error });
  }
}

async function fetchOnce(url: string, signal: AbortSignal): Promise<FetchedDocument> {
  // A copy on the way may be older than what is asked for.
  const headers = { accept: 'application/json', 'cache-control': 'no-cache' };
  const response = await fetch(url, { headers, redirect: 'error', signal });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`the answer is ${String(response.status)}`);
  }
  const document: unknown = JSON.parse(await readText(response));
  if (typeof document !== 'object' || document === null || Array.isArray(document)) throw new Error('the answer is no JSON object');
  return { document: document as FetchedDocument['document'], maxAgeSeconds: maxAgeOf(response.headers.get('cache-control')) };
}

async function readText({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop cancels the rest.
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    if (size > mostBytes) throw new Error('the answer is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function maxAgeOf(cacheControl: string | null): number | null {
  const seconds = /(?:^|,)\s*max-age\s*=\s*"?(\d{1,9})/i.exec(cacheControl ?? '')?.[1];
  return seconds === undefined ? null : Number(seconds);
}

/** `fetch` itself says only that it failed; why is in the cause. */
export function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? error.cause : null;
  return cause === null
    ? error.message
    : `${error.message}: ${cause.message === '' ? ((cause as NodeJS.ErrnoException).code ?? '') : cause.message}`;
}
