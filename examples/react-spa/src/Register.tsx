/** Makes an account and signs in to it. */
import { useState } from 'react';
import { useAuth } from 'countersign/react';
import { Field } from './Field';
import { Form } from './Form';
import { Page } from './Page';
import { goTo } from './use-page';

export function Register() {
  const auth = useAuth();
  /** Should the network break between the two steps, only the second one is repeated. */
  const [made, setMade] = useState<string | null>(null);

  async function register({ username = '', name = '', password = '' }) {
    if (made !== username) {
      const registered = await auth.register({ username, password, ...(name && { name }) });
      if (!registered.ok) return registered;
      setMade(username);
    }
    const signedIn = await auth.login({ identifier: username, password });
    if (signedIn.ok) goTo('profile');
    return signedIn;
  }

  return (
    <Page title="Create an account">
      <Form button="Create account" submit={register}>
        <Field label="User name" name="username" autoComplete="username" autoCapitalize="none" spellCheck={false} required />
        <Field label="Name" name="name" autoComplete="name" hint="How others see you. It can be left out." />
        <Field
          label="Password"
          name="password"
          type="password"
          autoComplete="new-password"
          hint="A few words are easier to remember."
          required
        />
      </Form>
      <p className="aside">
        You have an account? <a href="#/profile">Sign in</a>
      </p>
    </Page>
  );
}
