/** Work that ends when the verifier is closed, or when its own time is over. */

export interface TimeLimit {
  readonly signal: AbortSignal;
  /** From now on for so long. */
  readonly extend: (milliseconds: number) => void;
}

/**
 * The signal aborts with `closed`, and with `message` after the time. Not by `AbortSignal.any` and `timeout`: what only they hold, Node 20
 * may collect as garbage, and then never aborts.
 */
export async function withinTime<Value>(
  milliseconds: number,
  { closed, message }: { readonly closed: AbortSignal; readonly message: string },
  work: (limit: TimeLimit) => Promise<Value>,
): Promise<Value> {
  const controller = new AbortController();
  const close = (): void => controller.abort(closed.reason);
  const expire = (): void => controller.abort(new Error(message));
  let timer = setTimeout(expire, milliseconds);
  closed.addEventListener('abort', close);
  try {
    closed.throwIfAborted();
    return await work({
      signal: controller.signal,
      extend(more) {
        clearTimeout(timer);
        timer = setTimeout(expire, more);
      },
    });
  } finally {
    clearTimeout(timer);
    closed.removeEventListener('abort', close);
  }
}
