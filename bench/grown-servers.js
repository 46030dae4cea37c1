/** Starts servers on stores that have grown, and ends them. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('grown-server.js', import.meta.url));

/** Resolves when it answers. */
export async function startServer(place, secret) {
  const startedAt = performance.now();
  const child = fork(script, [place, secret], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const ended = once(child, 'exit');
  const hear = (what) =>
    new Promise((resolve, reject) => {
      const listen = (message) => {
        if (!(what in message)) return;
        child.off('message', listen);
        resolve(message);
      };
      child.on('message', listen);
      void ended.then(([code]) => reject(new Error(`the server ended with ${String(code)}`)));
    });
  const ask = async (what, ...parameters) => {
    const heard = hear(what);
    child.send([what, ...parameters]);
    return (await heard)[what];
  };
  const { port, openedInMilliseconds } = await hear('port');
  return {
    port,
    openedInMilliseconds,
    startedInMilliseconds: performance.now() - startedAt,
    megabytes: async () => (await ask('memory')) / 2 ** 20,
    /** Resolves when it is through: the milliseconds that it took. */
    purge: () => ask('purge'),
    /** Microseconds that one verification takes. */
    verify: (identifier) => ask('verify', identifier),
    async stop() {
      child.kill();
      await ended;
    },
  };
}
