/** Something that is asked of the server: whether it is under way, and what became of it. */
import { useState } from 'react';
import type { Result } from 'countersign/client';

type Refused = Extract<Result<unknown>, { ok: false }>;

export type TaskState =
  | { readonly status: 'idle' | 'busy' | 'done' }
  | { readonly status: 'failed'; readonly message: string; readonly errors: Refused['errors'] };

const unreachable = { status: 'failed', message: 'The server cannot be reached. Nothing is lost: try again.', errors: [] } as const;

export function useTask() {
  const [state, setState] = useState<TaskState>({ status: 'idle' });

  async function run(task: () => Promise<Result<unknown>>): Promise<void> {
    if (state.status === 'busy') return;
    setState({ status: 'busy' });
    try {
      const result = await task();
      setState(result.ok ? { status: 'done' } : { status: 'failed', message: headlineOf(result), errors: result.errors });
    } catch (error) {
      // A refusal is a value. What is thrown is the network's fault.
      console.warn(error);
      setState(unreachable);
    }
  }

  return { state, run };
}

/** Where single fields are refused, they say it themselves. */
function headlineOf({ code, message, errors }: Refused): string {
  return code === 'invalid_request' && errors.length > 0 ? 'Please correct what is marked.' : message;
}
