/** What the server renders and the page takes over: the same components on both sides, written as the guide shows. */
import type { ClientUser } from 'countersign/client';
import { SignedIn, useAuth, useSession } from 'countersign/react';
import { createElement as h, useState, type SubmitEvent, type ReactNode } from 'react';

/** What was on the screen, in the order in which it came. */
const seen: string[] = ((globalThis as { seen?: string[] }).seen ??= []);

function Greeting(): ReactNode {
  const session = useSession();
  const text = session.status === 'authenticated' ? `Hello, ${session.user?.username ?? 'you'}` : `You are ${session.status}`;
  if (seen.at(-1) !== text) seen.push(text);
  return h('h1', null, text);
}

function SignIn(): ReactNode {
  const auth = useAuth();
  const [problem, setProblem] = useState('');
  const signIn = (form: FormData): void => {
    const text = (name: string): string => form.get(name) as string;
    void auth
      .login({ identifier: text('identifier'), password: text('password') })
      .then((result) => setProblem(result.ok ? '' : result.message));
  };
  return h(
    'form',
    {
      onSubmit: (event: SubmitEvent<HTMLFormElement>) => {
        event.preventDefault();
        signIn(new FormData(event.currentTarget));
      },
    },
    h('input', { name: 'identifier', 'aria-label': 'User name' }),
    h('input', { name: 'password', type: 'password', 'aria-label': 'Password' }),
    h('button', null, 'Sign in'),
    h('p', { role: 'alert' }, problem),
  );
}

function SignOut(): ReactNode {
  const auth = useAuth();
  return h('button', { onClick: () => void auth.logout() }, 'Sign out');
}

const rolesOf = ({ roles }: Pick<ClientUser, 'roles'>): string => roles.join(', ');

let made = 0;

function Account(): ReactNode {
  const session = useSession();
  const [first] = useState(() => (made += 1));
  return h('p', { id: 'roles', 'data-made': first }, session.status === 'authenticated' && session.user ? rolesOf(session.user) : '');
}

export function Page(): ReactNode {
  return h(
    'main',
    null,
    h(Greeting),
    h(SignedIn, { fallback: h(SignIn), loading: h('p', null, 'One moment') }, h(Account), h(SignOut)),
    h(
      SignedIn,
      { roles: ['admin'], forbidden: h('p', { id: 'forbidden' }, 'Not for you') },
      h('p', { id: 'secret' }, 'For administrators'),
    ),
  );
}
