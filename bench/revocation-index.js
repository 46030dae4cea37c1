/** What the index of revoked sessions holds in memory and costs at each request, beside a `Set` of session ids. */
import { randomBytes, randomUUID } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createRevocationIndex } from '../dist/revocation/revocation-index.js';
import { interleave, rowOf, short } from './measure.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc');

export const revocationIndex = {
  name: 'revocation-index',
  about: 'P10: 1,000,000 revoked sessions in the index: memory and look-up',
  async measure({ rounds, quick, progress }) {
    const sizes = quick ? [1000, 10_000] : [10_000, 1_000_000];
    const filled = sizes.flatMap((size) => {
      progress(`${size.toLocaleString('en')} revoked sessions`);
      return kinds.map((kind) => fill(kind, size));
    });
    progress('look-ups');
    return [memoryFigure(filled.slice(-kinds.length), sizes.at(-1)), await lookUpFigure(filled, sizes, rounds)];
  },
};

/** `fill(ids)` keeps them; `finder(kept, ids)` gives a look-up of one of these ids, by its number. */
const kinds = [
  {
    name: 'Countersign',
    role: 'ours',
    newId: newSessionId,
    fill(ids) {
      const index = createRevocationIndex();
      const expiresAt = Date.now() + 3_600_000;
      for (const subject of ids) index.apply([{ kind: 'session', subject, value: 1, revokedAt: 0, expiresAt }]);
      return index;
    },
    finder(index, ids) {
      // As a token in the cache has it: what is looked for was computed when the token was verified.
      const tokens = ids.map((sessionId) => ({ sessionId, userId: 'usr', epoch: 1, authzVersion: 1 }));
      const fingerprints = ids.map((id) => index.fingerprintsOf(id, 'usr'));
      return (number) => index.check(tokens[number], fingerprints[number]) !== null;
    },
  },
  { name: 'Set of strings', role: 'peer', newId: newSessionId, ...strings() },
  { name: 'Set of strings as randomUUID() gives them', role: 'peer', newId: () => randomUUID(), ...strings() },
];

function strings() {
  return { fill: (ids) => new Set(ids), finder: (set, ids) => (number) => set.has(ids[number]) };
}

function newSessionId() {
  return `ses_${randomBytes(16).toString('base64url')}`;
}

function* newIds(newId, size) {
  for (let number = 0; number < size; number++) yield newId();
}

function fill(kind, size) {
  const before = heldBytes();
  const kept = kind.fill(newIds(kind.newId, size));
  const bytes = heldBytes() - before;
  // Few of them are revoked, as in life; many, so that they are not all in the processor's cache.
  const find = kind.finder(kept, [...newIds(kind.newId, 10_000)]);
  return { ...kind, size, bytes, find };
}

function heldBytes() {
  collectGarbage();
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function memoryFigure(filled, size) {
  const [{ bytes }] = filled;
  const megabytes = bytes / 1e6;
  return {
    id: 'P10',
    title: `${size.toLocaleString('en')} revoked sessions in memory`,
    unit: 'MB',
    better: 'lower',
    rows: filled.map(({ name, role, bytes: held }) => rowOf(name, role, [held / 1e6])),
    goals: [{ text: 'at most 64 MB', measured: `${short(megabytes)} MB`, reached: megabytes <= 64 }],
  };
}

async function lookUpFigure(filled, sizes, rounds) {
  const nameOf = ({ name, size }) => `${name}, ${size.toLocaleString('en')}`;
  const variants = Object.fromEntries(filled.map((one) => [nameOf(one), repeating(one)]));
  const measured = await interleave(variants, { count: 200_000, rounds });
  const rows = filled.map((one) =>
    rowOf(
      nameOf(one),
      one.role,
      measured[nameOf(one)].map((nanoseconds) => nanoseconds / 1000),
    ),
  );
  const goals = rows
    .filter(({ role }) => role === 'ours')
    .map(({ median }, which) => {
      const most = [0.15, 0.3][which];
      return {
        text: `at most ${String(most)} µs at ${sizes[which].toLocaleString('en')}`,
        measured: `${short(median)} µs`,
        reached: median <= most,
      };
    });
  return { id: 'P10', title: 'One look-up of a session that was not revoked', unit: 'µs', better: 'lower', rows, goals };
}

function repeating({ find }) {
  return (count) => {
    let revoked = 0;
    for (let index = 0; index < count; index++) if (find(index % 10_000)) revoked++;
    if (revoked > 0) throw new Error('a session that was not revoked was found');
  };
}
