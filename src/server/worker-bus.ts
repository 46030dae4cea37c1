/** A bus between the workers of one machine: the first process passes each hint on to the others. */
import type { Worker } from 'node:cluster';
import type { Bus, OpenBus } from '../model/bus.js';
import { hearPrimary, tellPrimary, tellWorker } from './worker-messages.js';

export const workerBus: Bus = { kind: 'workers', open: async () => openWorkerBus() };

function openWorkerBus(): OpenBus {
  let isTelling = false;
  const subscriptions = new Set<() => void>();
  return {
    kind: 'workers',
    async subscribe(onHint) {
      const unsubscribe = hearPrimary(({ says }) => {
        if (says === 'hint') onHint();
      });
      subscriptions.add(unsubscribe);
      return unsubscribe;
    },
    publish() {
      // One for all that is revoked in this turn.
      if (isTelling) return;
      isTelling = true;
      setImmediate(() => {
        isTelling = false;
        void tellPrimary({ says: 'hint' });
      });
    },
    async close() {
      for (const unsubscribe of subscriptions) unsubscribe();
    },
  };
}

/** In the first process. */
export function passOnHint(from: Worker, workers: Iterable<Worker>): void {
  for (const worker of workers) if (worker !== from) tellWorker(worker, { says: 'hint' });
}

/** One bus that is all of these. */
export function joinBuses(...buses: readonly Bus[]): Bus {
  return {
    kind: buses.map(({ kind }) => kind).join('+'),
    async open(context) {
      const open = await Promise.all(buses.map((bus) => bus.open(context)));
      return {
        kind: open.map(({ kind }) => kind).join('+'),
        async subscribe(onHint) {
          const unsubscribe = await Promise.all(open.map((bus) => bus.subscribe(onHint)));
          return () => {
            for (const end of unsubscribe) end();
          };
        },
        publish() {
          for (const bus of open) bus.publish();
        },
        async close() {
          await Promise.all(open.map((bus) => bus.close()));
        },
      };
    },
  };
}
