/** All that CI runs besides the tests, on what the build made. Runs everything, one line each; shows the output of what failed. */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const bin = (name) => join(root, 'node_modules/.bin', name);
const tool = (name) => [process.execPath, join(import.meta.dirname, `${name}.js`)];

/** The slowest first, so that none of them is alone at the end. */
const checks = {
  lint: [bin('eslint'), '--max-warnings=0', '.'],
  types: [bin('tsc'), '-p', 'tsconfig.json'],
  // Apart, for what runs in pages knows `document`.
  'types of pages': [bin('tsc'), '-p', 'test/browser'],
  'types of React': [bin('tsc'), '-p', 'examples/react-spa'],
  knip: [bin('knip'), '--no-progress', '--no-config-hints'],
  format: [bin('prettier'), '--check', '--log-level=warn', '.'],
  exports: tool('check-exports'),
  'client size': tool('check-client-size'),
  footprint: tool('check-footprint'),
  docs: tool('check-docs'),
  layers: tool('check-layers'),
};

/** `NO_COLOR` because colours in a log are noise. */
function run([command, ...args]) {
  const started = performance.now();
  return new Promise((done) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NO_COLOR: '1' } });
    const output = [];
    const end = (passed) => done({ passed, output: Buffer.concat(output).toString(), seconds: (performance.now() - started) / 1000 });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => output.push(chunk));
    child.on('error', (error) => {
      output.push(Buffer.from(`${error.message}\n`));
      end(false);
    });
    child.on('close', (code) => end(code === 0));
  });
}

const failures = [];
const waiting = Object.entries(checks);

async function work() {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const [name, command] = next;
    const { passed, output, seconds } = await run(command);
    console.log(`${passed ? 'ok    ' : 'FAILED'} ${name.padEnd(14)} ${seconds.toFixed(1)} s`);
    if (!passed) failures.push(`── ${name}\n${output.trimEnd()}`);
  }
}

await Promise.all(Array.from({ length: availableParallelism() }, work));

if (failures.length > 0) {
  console.error(`\n${failures.join('\n\n')}`);
  process.exitCode = 1;
}
