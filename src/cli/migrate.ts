/** `countersign migrate` */
import { systemClock } from '../crypto/system-clock.js';
import type { OpenStore } from '../model/store.js';
import { currentSettings, openBySettings } from '../settings/read-settings.js';
import { jsonOption, minute, report, type Command } from './command.js';
import { commandLogger } from './with-core.js';

export const command: Command = {
  usage: 'migrate [--json]',
  about: `Brings the schema of the database up to date; makes the database when there is none. The server does the same when it starts.
Says which migrations the database has. A database that a newer version has changed is refused.`,
  options: jsonOption,
  operands: { least: 0, most: 0 },
  async run(invocation) {
    const store = await openStore();
    try {
      const items = (await store.appliedMigrations()).map(({ version, name, appliedAt }) => ({
        version,
        name,
        appliedAt: new Date(appliedAt).toISOString(),
      }));
      const lines = items.map(({ version, name, appliedAt }) => `  ${version}  ${minute(appliedAt)}  ${name}`);
      report(invocation, { items }, ['The schema is up to date:', ...lines].join('\n'));
    } finally {
      await store.close();
    }
  },
};

/** Without signing keys: those are made by whoever signs first. */
function openStore(): Promise<OpenStore> {
  const { options, config } = currentSettings();
  return openBySettings(() =>
    options.store.open({
      clock: systemClock,
      logger: commandLogger,
      accessTtlSeconds: config.tokens.accessSeconds,
      mode: 'use',
      onRevocations: () => undefined,
    }),
  );
}
