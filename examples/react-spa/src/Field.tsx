/** An input with its label, and under it what the server said about it. */
import { useContext, useId, type ComponentProps } from 'react';
import { FormState } from './Form';

interface FieldProps extends ComponentProps<'input'> {
  label: string;
  /** As the server calls it. */
  name: string;
  hint?: string;
}

export function Field({ label, hint, ...input }: FieldProps) {
  const state = useContext(FormState);
  const error = state.status === 'failed' ? state.errors.find(({ path }) => path === input.name) : undefined;
  const note = error?.message ?? hint;
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input id={id} aria-invalid={error !== undefined} aria-describedby={note && `${id}-note`} {...input} />
      {note && (
        <small id={`${id}-note`} className={error && 'failed'}>
          {note}
        </small>
      )}
    </div>
  );
}
