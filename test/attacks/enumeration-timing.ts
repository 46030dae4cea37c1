/**
 * Measures whether the time of an answer tells a known user from an unknown one (E-01): of a failed login, of "forgot my password", or of a
 * registration by e-mail alone. Not a test, for its answer is a number: |t| above 4.5 says that the two can be told apart with this many
 * samples. In the folder of the package, after `npm run build`, on a quiet machine; `WHAT` is `login` (default), `forgot` or `register`:
 *
 *     WHAT=forgot node -e "import('vite').then(({ runnerImport }) => runnerImport('./test/attacks/enumeration-timing.ts'))"
 *
 * Each pair asks for both, in random order, so that whatever else slows the machine slows both.
 */
import { createAuth, masterSecret, newSecret } from '../../dist/index.js';
import { sqlite } from '../../dist/stores/sqlite/index.js';
import { SeededRandom } from '../support/seeded-random.js';

const pairs = Number(process.env['PAIRS'] ?? 1500);
const origin = 'https://app.example.test';
const random = new SeededRandom(1);

const auth = await createAuth({
  publicUrl: origin,
  secret: masterSecret(newSecret()),
  store: sqlite(':memory:'),
  identifiers: process.env['WHAT'] === 'register' ? ['email'] : ['username', 'email'],
  sendMail: () => Promise.resolve(),
  limits: { login: 'insecure-off', api: 'insecure-off' },
  logger: { info: () => undefined, warn: () => undefined, error: () => undefined },
});
const password = 'the password of them all';
const addressOf = (name: string): string => `${name}@example.test`;
for (let count = 0; count < 50; count += 1) {
  const named = process.env['WHAT'] === 'register' ? {} : { username: `known${count}` };
  await auth.users.create({ ...named, email: addressOf(`known${count}`), password });
}

/** What is asked about somebody, and how everybody is answered. */
const questions = {
  login: { path: 'login', body: (name: string) => ({ identifier: name, password: 'a wrong password' }), status: 401 },
  forgot: { path: 'password/forgot', body: (name: string) => ({ email: addressOf(name) }), status: 202 },
  register: { path: 'register', body: (name: string) => ({ email: addressOf(name), password }), status: 202 },
};
const question = questions[(process.env['WHAT'] ?? 'login') as keyof typeof questions];

async function millisecondsOf(name: string): Promise<number> {
  const request = new Request(`${origin}/api/auth/${question.path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(question.body(name)),
  });
  const started = performance.now();
  const answer = await auth.fetch(request, { remoteAddress: null });
  const milliseconds = performance.now() - started;
  if (answer.status !== question.status) throw new Error(`${String(answer.status)}: ${await answer.text()}`);
  return milliseconds;
}

const known: number[] = [];
const unknown: number[] = [];
for (let count = -50; count < pairs; count += 1) {
  const number = String(random.below(50));
  // Nobody is unknown twice: who registered is known afterwards.
  const stranger = `never${count}`;
  const knownFirst = random.below(2) === 0;
  const first = await millisecondsOf(knownFirst ? `known${number}` : stranger);
  const second = await millisecondsOf(knownFirst ? stranger : `known${number}`);
  // The first fifty warm up.
  if (count >= 0) known.push(knownFirst ? first : second);
  if (count >= 0) unknown.push(knownFirst ? second : first);
}
await auth.close();

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;

/** Of the paired differences; with `trimmed` without the tenth that other work on the machine slowed most. */
function tStatistic(trimmed: boolean): number {
  const all = known.map((value, index) => value - (unknown[index] ?? NaN)).toSorted((a, b) => Math.abs(a) - Math.abs(b));
  const differences = trimmed ? all.slice(0, Math.floor(all.length * 0.9)) : all;
  const average = mean(differences);
  const variance = mean(differences.map((value) => (value - average) ** 2)) * (differences.length / (differences.length - 1));
  return average / Math.sqrt(variance / differences.length);
}

console.log(`${pairs} pairs: known ${median(known).toFixed(3)} ms, unknown ${median(unknown).toFixed(3)} ms (medians)`);
console.log(`t = ${tStatistic(false).toFixed(2)}, without the slowest tenth ${tStatistic(true).toFixed(2)}`);
