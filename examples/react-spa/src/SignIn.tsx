/** Shown to guests in place of every page; afterwards the page is there that was asked for. */
import { useAuth } from 'countersign/react';
import { Field } from './Field';
import { Form } from './Form';
import { Page } from './Page';

export function SignIn() {
  const auth = useAuth();
  return (
    <Page title="Sign in">
      <Form
        button="Sign in"
        submit={({ identifier = '', password = '', remember }) => auth.login({ identifier, password, remember: remember === 'on' })}
      >
        <Field label="User name" name="identifier" autoComplete="username" autoCapitalize="none" spellCheck={false} required />
        <Field label="Password" name="password" type="password" autoComplete="current-password" required />
        <label className="check">
          <input type="checkbox" name="remember" defaultChecked /> Stay signed in on this device
        </label>
      </Form>
      <p className="aside">
        New here? <a href="#/register">Create an account</a>
      </p>
    </Page>
  );
}
