/** Tells what became of a task, also to those who do not see it. It is there before it has something to say: otherwise nothing is read out. */
import type { TaskState } from './use-task';

export function Notice({ state, done }: { state: TaskState; done?: string }) {
  return (
    <>
      <div role="alert">{state.status === 'failed' && <p className="notice failed">{state.message}</p>}</div>
      <div role="status">{state.status === 'done' && done && <p className="notice done">{done}</p>}</div>
    </>
  );
}
