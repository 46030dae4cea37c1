/** A process of its own that appends batches of events to the database that it is given, and ends. */
import { createSecretKey } from 'node:crypto';
import { postgres } from 'countersign/postgres';
import { sqlite } from 'countersign/sqlite';

const [place, name, batches] = process.argv.slice(2);
const ignore = () => undefined;
const store = await (place.startsWith('postgres') ? postgres(place) : sqlite(place)).open({
  clock: { now: () => Date.now() },
  logger: { info: ignore, warn: ignore, error: ignore },
  accessTtlSeconds: 300,
  mode: 'use',
  onRevocations: ignore,
});
const signers = [{ id: 7, events: createSecretKey(Buffer.alloc(32, 7)) }];
const none = { userId: null, sessionId: null, actorId: null, address: null, addressSalt: null, addressDigest: null, details: '{}' };
for (let batch = 0; batch < Number(batches); batch += 1) {
  const rows = Array.from({ length: 1 + (batch % 3) }, (_, index) => ({
    ...none,
    id: `evt_${name}_${batch}_${index}`,
    at: Date.now(),
    type: 'login.failed',
  }));
  await store.events.append(rows, signers);
}
await store.close();
