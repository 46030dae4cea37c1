/** Above all pages: who is signed in, the way to the other pages, and the way out. */
import { useAuth, useSession } from 'countersign/react';
import { Notice } from './Notice';
import type { PageName } from './use-page';
import { useTask } from './use-task';

const links: readonly (readonly [PageName, string])[] = [
  ['profile', 'Profile'],
  ['devices', 'Devices'],
  ['password', 'Password'],
];

export function Header({ page }: { page: PageName }) {
  const auth = useAuth();
  const session = useSession();
  const { state, run } = useTask();
  const isSignedIn = session.status === 'authenticated';
  return (
    <header>
      <div className="bar">
        <a className="brand" href="#/profile">
          Accounts
        </a>
        {isSignedIn && (
          <>
            <nav aria-label="Account">
              {links.map(([name, label]) => (
                <a key={name} href={`#/${name}`} aria-current={name === page ? 'page' : undefined}>
                  {label}
                </a>
              ))}
            </nav>
            <span className="who">{session.user?.name || session.user?.username}</span>
            <button type="button" className="quiet" aria-disabled={state.status === 'busy'} onClick={() => void run(() => auth.logout())}>
              Sign out
            </button>
          </>
        )}
      </div>
      {/* Whom it could not sign out is signed in still, and is told. */}
      {isSignedIn && <Notice state={state} />}
    </header>
  );
}
