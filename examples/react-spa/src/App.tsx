/** Which page is shown: to guests a form, to users what the address says. */
import { SignedIn } from 'countersign/react';
import { ChangePassword } from './ChangePassword';
import { Devices } from './Devices';
import { Header } from './Header';
import { Profile } from './Profile';
import { Register } from './Register';
import { SignIn } from './SignIn';
import { usePage } from './use-page';
import { Waiting } from './Waiting';

export function App() {
  const page = usePage();
  return (
    <>
      <Header page={page} />
      <main>
        <SignedIn loading={<Waiting />} fallback={page === 'register' ? <Register /> : <SignIn />}>
          {page === 'devices' ? <Devices /> : page === 'password' ? <ChangePassword /> : <Profile />}
        </SignedIn>
      </main>
    </>
  );
}
