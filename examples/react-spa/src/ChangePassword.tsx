/** Changes the password, which signs out all other devices. */
import { useAuth, useSession } from 'countersign/react';
import { Field } from './Field';
import { Form } from './Form';
import { Page } from './Page';

export function ChangePassword() {
  const auth = useAuth();
  const session = useSession();

  async function change({ currentPassword = '', newPassword = '' }) {
    const result = await auth.changePassword({ currentPassword, newPassword });
    if (result.ok || result.code !== 'invalid_credentials') return result;
    // The server's words are those of the login; here it is clear which field is meant.
    const message = 'This is not your password.';
    return { ...result, message, errors: [{ path: 'currentPassword', code: result.code, message }] };
  }

  return (
    <Page title="Password">
      <p>All your other devices will be signed out.</p>
      <Form button="Change password" done="Your password is changed." clears submit={change}>
        {/* Tells password managers whose password it is. */}
        <input
          hidden
          readOnly
          autoComplete="username"
          aria-label="User name"
          value={(session.status === 'authenticated' && session.user?.username) || ''}
        />
        <Field label="Current password" name="currentPassword" type="password" autoComplete="current-password" required />
        <Field label="New password" name="newPassword" type="password" autoComplete="new-password" required />
      </Form>
    </Page>
  );
}
