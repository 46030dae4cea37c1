/** `countersign doctor` */
import { systemClock } from '../crypto/system-clock.js';
import { diagnose, type Finding } from '../server/diagnose.js';
import { readEnvironment } from '../settings/environment.js';
import { showSettings, type ShownSetting } from '../settings/show-settings.js';
import { jsonOption, printable, RefusedError, report, table, type Command } from './command.js';

export const command: Command = {
  usage: 'doctor [--json]',
  about: `Prints the settings as they are resolved, without secrets, and examines them, the machine and the database.
Each finding is ok, a warning, or a problem with the one change that mends it. Changes nothing: no schema, no key.
Ends with 1 when there is a problem.`,
  options: jsonOption,
  operands: { least: 0, most: 0 },
  async run(invocation) {
    const environment = readEnvironment();
    const { settings, findings } = await diagnose(environment, systemClock);
    const shown = showSettings(environment, settings);
    const count = findings.filter(({ state }) => state === 'problem').length;
    const summary = count === 0 ? 'No problem.' : `${count} ${count === 1 ? 'problem' : 'problems'}.`;
    report(
      invocation,
      { ok: count === 0, settings: shown, findings },
      `${settingTable(shown)}\n\n${findings.map(findingLine).join('\n')}\n\n${summary}`,
    );
    if (count > 0) throw new RefusedError();
  },
};

function settingTable(shown: readonly ShownSetting[]): string {
  const rows = shown.map(({ name, value, source }) => [name, printable(value ?? '-'), source]);
  return table(['SETTING', 'VALUE', 'FROM'], rows);
}

const marks = { ok: 'ok      ', warning: 'warning ', problem: 'PROBLEM ' } as const;

function findingLine({ check, state, message, remedy }: Finding): string {
  const mend = remedy === undefined ? '' : `\n${' '.repeat(20)}→ ${remedy}`;
  return `${marks[state]}  ${check.padEnd(10)}${printable(message)}${mend}`;
}
