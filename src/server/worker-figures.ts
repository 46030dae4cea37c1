/** Figures of all workers: one asks, the first process passes it on to all, and each answers through it. */
import type { Worker } from 'node:cluster';
import type { Gather } from './metrics-endpoint.js';
import type { Figure, Metrics } from './metrics.js';
import { hearPrimary, tellPrimary, tellWorker, type FromWorker } from './worker-messages.js';

/** Whose figures are not there by then is left out: it is ending, or hangs. */
const withinMilliseconds = 1000;

/** Answers whoever asks from now on. */
export function gatherFromWorkers(own: Metrics): Gather {
  let asked = 0;
  const waiting = new Map<number, (figures: readonly Figure[], expected: number) => void>();
  hearPrimary((message) => {
    if (message.says === 'give figures') void own.figures().then((figures) => tellPrimary({ ...message, says: 'figures', figures }));
    else if (message.says === 'figures') waiting.get(message.question)?.(message.figures, message.expected);
  });
  return () => {
    const question = (asked += 1);
    const gathered: (readonly Figure[])[] = [];
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(deadline);
        waiting.delete(question);
        resolve(gathered);
      };
      const deadline = setTimeout(end, withinMilliseconds);
      waiting.set(question, (figures, expected) => {
        gathered.push(figures);
        if (gathered.length >= expected) end();
      });
      void tellPrimary({ says: 'ask for figures', question });
    });
  };
}

interface Workers {
  /** Also those that are about to end: they may have asked. */
  readonly running: readonly Worker[];
  readonly serving: readonly Worker[];
}

/** In the first process. */
export function passOnFigures(message: FromWorker, from: Worker, { running, serving }: Workers): void {
  if (message.says === 'ask for figures') {
    const asked = { question: message.question, asker: from.id, expected: serving.length };
    for (const worker of serving) tellWorker(worker, { says: 'give figures', ...asked });
  } else if (message.says === 'figures') {
    const asker = running.find(({ id }) => id === message.asker);
    if (asker) tellWorker(asker, message);
  }
}
