/** A form that asks the server: it waits, shows what was refused, and keeps what was typed. */
import { createContext, useEffect, useRef, type ReactNode, type SubmitEvent } from 'react';
import type { Result } from 'countersign/client';
import { Notice } from './Notice';
import { useTask, type TaskState } from './use-task';

/** For the fields, each of which shows what concerns it. */
export const FormState = createContext<TaskState>({ status: 'idle' });

interface FormProps {
  submit: (fields: Record<string, string>) => Promise<Result<unknown>>;
  button: string;
  /** What is said when it worked, if the page stays. */
  done?: string;
  /** Empties the form when it worked. */
  clears?: boolean;
  children: ReactNode;
}

export function Form({ submit, button, done, clears = false, children }: FormProps) {
  const form = useRef<HTMLFormElement>(null);
  const { state, run } = useTask();

  useEffect(() => {
    if (state.status === 'failed') form.current?.querySelector<HTMLInputElement>('[aria-invalid=true]')?.focus();
    if (state.status === 'done' && clears) form.current?.reset();
  }, [state, clears]);

  function onSubmit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault();
    const fields = Object.fromEntries(new FormData(event.currentTarget)) as Record<string, string>;
    void run(() => submit(fields));
  }

  return (
    <FormState value={state}>
      <form ref={form} onSubmit={onSubmit} aria-busy={state.status === 'busy'}>
        <Notice state={state} done={done} />
        {children}
        {/* Not `disabled`, which would take the focus away. */}
        <button type="submit" aria-disabled={state.status === 'busy'}>
          {state.status === 'busy' ? 'One moment…' : button}
        </button>
      </form>
    </FormState>
  );
}
