/** Who is signed in, and the name, which can be changed. */
import { useAuth, useSession } from 'countersign/react';
import { Field } from './Field';
import { Form } from './Form';
import { Page } from './Page';
import { send } from './send';
import { Waiting } from './Waiting';

export function Profile() {
  const auth = useAuth();
  const session = useSession();
  // After a reload the page knows at once that somebody is signed in, and a moment later who.
  const user = session.status === 'authenticated' ? session.user : null;

  async function save({ name = '' }) {
    const saved = await send(auth, 'PATCH', '/api/users/me', { name });
    if (saved.ok) await auth.reload();
    return saved;
  }

  return (
    <Page title="Profile">
      {user === null ? (
        <Waiting />
      ) : (
        <>
          <dl>
            <dt>User name</dt>
            <dd>{user.username}</dd>
            <dt>Role</dt>
            <dd>{user.roles.join(', ')}</dd>
            <dt>Member since</dt>
            <dd>{new Date(user.createdAt).toLocaleDateString(undefined, { dateStyle: 'long' })}</dd>
          </dl>
          <Form button="Save" done="Saved." submit={save} key={user.id}>
            <Field label="Name" name="name" autoComplete="name" defaultValue={user.name ?? ''} />
          </Form>
        </>
      )}
    </Page>
  );
}
