/** One device in the list. */
export interface DeviceSession {
  id: string;
  device: string;
  current: boolean;
  createdAt: string;
  lastUsedAt: string;
}

const format = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

export function Device({ device, onEnd }: { device: DeviceSession; onEnd: () => void }) {
  return (
    <li>
      <div>
        <strong>{device.device}</strong>
        {device.current && <span className="badge">this device</span>}
        <small>
          Last used <time dateTime={device.lastUsedAt}>{format.format(new Date(device.lastUsedAt))}</time>
        </small>
      </div>
      {!device.current && (
        <button type="button" className="quiet" aria-label={`Sign out ${device.device}`} onClick={onEnd}>
          Sign out
        </button>
      )}
    </li>
  );
}
