/** `npm run soak`: the faults of test/faults for as long as one likes. Hands what it is told to the run itself, which is a test. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const usage = `npm run soak -- [--minutes 30] [--folder soak] [--seed 1] [--on sqlite,postgres,redis]

Kills, cuts off and confuses two nodes and what they stand on, round after round, while honest clients and thieves use them. Each round writes
its history into the folder; at the end there is one summary. Ends with 1 when a promise was broken.`;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    folder: { type: 'string', default: 'soak' },
    seed: { type: 'string', default: '1' },
    on: { type: 'string', default: 'sqlite,postgres,redis' },
    help: { type: 'boolean', default: false },
  },
});
const isNumber = (text) => Number.isFinite(Number(text)) && Number(text) > 0;
if (values.help || !isNumber(values.minutes) || !isNumber(values.seed)) {
  console.log(usage);
  process.exit(values.help ? 0 : 2);
}

const root = join(import.meta.dirname, '../..');
const settings = { SOAK_MINUTES: values.minutes, SOAK_FOLDER: values.folder, SOAK_SEED: values.seed, SOAK_ON: values.on };
const args = [
  'run',
  '--config',
  join(import.meta.dirname, 'soak.config.ts'),
  '--root',
  root,
  '--disable-console-intercept',
  '--reporter=dot',
];
const child = spawn(process.execPath, [join(root, 'node_modules/vitest/vitest.mjs'), ...args], {
  stdio: 'inherit',
  env: { ...process.env, ...settings },
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code) => process.exit(code ?? 1));
