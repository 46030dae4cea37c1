/** Where one is signed in. Each other device can be signed out, and all at once. */
import { useEffect, useRef, useState } from 'react';
import { useAuth } from 'countersign/react';
import { Device, type DeviceSession } from './Device';
import { Notice } from './Notice';
import { Page } from './Page';
import { send } from './send';
import { useTask } from './use-task';
import { Waiting } from './Waiting';

export function Devices() {
  const auth = useAuth();
  const list = useRef<HTMLUListElement>(null);
  const [devices, setDevices] = useState<readonly DeviceSession[] | null>(null);
  const loading = useTask();
  const ending = useTask();

  async function load() {
    const answer = await send<{ items: DeviceSession[] }>(auth, 'GET', '/api/auth/sessions');
    if (answer.ok) setDevices(answer.value.items);
    return answer;
  }
  useEffect(() => void loading.run(load), [auth]);

  async function end(id: string) {
    const ended = await send(auth, 'DELETE', `/api/auth/sessions/${id}`);
    // The button that had the focus goes with the device.
    if (ended.ok) list.current?.focus();
    // Another device may have been faster: then it is gone all the same.
    return ended.ok || ended.code === 'not_found' ? load() : ended;
  }

  return (
    <Page title="Devices">
      <p>You are signed in on these devices. If you do not know one of them, sign it out and change your password.</p>
      <Notice state={loading.state} />
      <Notice state={ending.state} done="Signed out." />
      {loading.state.status === 'failed' && (
        <button type="button" onClick={() => void loading.run(load)}>
          Try again
        </button>
      )}
      {devices === null && loading.state.status === 'busy' && <Waiting />}
      {devices !== null && (
        <>
          <ul ref={list} tabIndex={-1} className="devices" aria-label="Devices" aria-busy={ending.state.status === 'busy'}>
            {devices.map((device) => (
              <Device key={device.id} device={device} onEnd={() => void ending.run(() => end(device.id))} />
            ))}
          </ul>
          <button type="button" className="danger" onClick={() => void ending.run(() => auth.logout({ everywhere: true }))}>
            Sign out everywhere
          </button>
        </>
      )}
    </Page>
  );
}
