/** What an application costs before it does anything: bytes and packages installed, the time until it answers, memory at rest. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { install, installed, makeApplication, packOurs, start } from './footprint-application.js';
import { rowOf } from './measure.js';

const read = (file) => JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8'));
const versions = { express: read('../node_modules/express/package.json').version, ...read('peers/package.json').dependencies };
const exactly = (...names) => names.map((name) => `${name}@${versions[name]}`);
const sqlitePackage = hasSqlite() ? [] : exactly('@photostructure/sqlite');

const applications = [
  { name: 'bare Node', role: 'limit', source: 'node.js', packages: [] },
  { name: 'bare Express', role: 'limit', source: 'express.js', packages: exactly('express') },
  { name: 'Express and a thread with SQLite', role: 'limit', source: 'express-and-thread.js', packages: exactly('express'), sqlite: true },
  {
    name: 'Countersign',
    role: 'ours',
    source: 'countersign.js',
    packages: exactly('express'),
    sqlite: true,
    register: '/api/auth/register',
    login: '/api/auth/login',
  },
  {
    name: 'the tutorials’ design',
    role: 'peer',
    source: 'tutorials.js',
    packages: exactly('express', 'jsonwebtoken', 'bcryptjs', 'cookie-parser'),
  },
  {
    name: 'better-auth',
    role: 'peer',
    source: 'better-auth.js',
    packages: exactly('express', 'better-auth', 'kysely'),
    sqlite: true,
    register: '/api/auth/sign-up/email',
    login: '/api/auth/sign-in/email',
  },
];

export const footprint = {
  name: 'footprint',
  about: 'P12: installed size, packages, start to the first answer and memory at rest of a minimal application',
  async measure({ rounds, quick, progress }) {
    const folder = mkdtempSync(join(tmpdir(), 'countersign-footprint-'));
    try {
      const made = await makeAll(folder, progress);
      const starts = await measureStarts(made, quick ? 1 : Math.max(rounds, 11), progress);
      const memory = await measureMemory(made, quick ? 1 : 3, progress);
      return [installedFigure(made), packagesFigure(made), startFigure(starts), memoryFigure(memory)];
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

function hasSqlite() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  return major > 22 || (major === 22 && minor >= 13);
}

async function makeAll(folder, progress) {
  const ours = packOurs(folder);
  const made = [];
  for (const [index, application] of applications.entries()) {
    progress(`installing ${application.name}`);
    const own = join(folder, String(index));
    const packages = application.role === 'ours' ? [...application.packages, ours] : application.packages;
    const size = makeApplication(own, application.source, packages);
    if (application.sqlite) install(own, sqlitePackage);
    const withSqlite = installed(own);
    if (application.register !== undefined) await once(own, application.register);
    made.push({ ...application, folder: own, size, withSqlite });
  }
  return made;
}

async function once(folder, path) {
  const running = await start(folder);
  await running.ask('POST', path);
  await running.stop();
}

async function measureStarts(made, rounds, progress) {
  const samples = new Map(made.map((application) => [application, { answers: [], logins: [] }]));
  for (let round = -1; round < rounds; round++) {
    progress(`starts, round ${String(round + 1)} of ${String(rounds)}`);
    for (const [application, { answers, logins }] of samples) {
      const running = await start(application.folder);
      if (application.login !== undefined) await running.ask('POST', application.login);
      const untilLogin = running.millisecondsSinceSpawn();
      await running.stop();
      // The first round fills the caches of the file system.
      if (round < 0) continue;
      answers.push(running.milliseconds);
      if (application.login !== undefined) logins.push(untilLogin);
    }
  }
  return samples;
}

/** Collects garbage each second, so that it is not chance that decides how much of it is counted. */
const collecting = ['--expose-gc', '--import', 'data:text/javascript,setInterval(() => gc(), 1000).unref()'];

async function measureMemory(made, rounds, progress) {
  const samples = new Map(made.map((application) => [application, { atRest: [], afterLogin: [] }]));
  for (let round = 0; round < rounds; round++) {
    progress(`memory, round ${String(round + 1)} of ${String(rounds)}`);
    for (const [application, { atRest, afterLogin }] of samples) {
      const running = await start(application.folder, collecting);
      for (let request = 0; request < 50; request++) await running.ask('GET', '/');
      await pause(3000);
      atRest.push(running.residentBytes() / 1e6);
      if (application.login !== undefined) {
        await running.ask('POST', application.login);
        await pause(3000);
        afterLogin.push(running.residentBytes() / 1e6);
      }
      await running.stop();
    }
  }
  return samples;
}

const megabytes = (bytes) => bytes / 1e6;

function beyondExpress(made, what) {
  const express = made.find(({ name }) => name === 'bare Express').size[what];
  return made.find(({ role }) => role === 'ours').size[what] - express;
}

function installedFigure(made) {
  const ours = megabytes(beyondExpress(made, 'bytes'));
  return {
    id: 'P12',
    title: 'Installed: the whole application',
    unit: 'MB',
    better: 'lower',
    rows: made
      .filter(({ name }) => name !== 'Express and a thread with SQLite')
      .map(({ name, role, size, withSqlite }) => {
        const more = megabytes(withSqlite.bytes - size.bytes);
        return rowOf(name, role, [megabytes(size.bytes)], more > 0 ? { 'and SQLite for Node 20': `${more.toFixed(1)} MB` } : {});
      }),
    goals: [{ text: 'at most 25 MB beyond Express', measured: `${ours.toFixed(1)} MB`, reached: ours <= 25 }],
    notes: ['The sizes of all files. Before Node 22.13 SQLite comes from a package, with binaries for six platforms; it is counted apart.'],
  };
}

function packagesFigure(made) {
  const ours = beyondExpress(made, 'packages');
  return {
    id: 'P12',
    title: 'Packages of the whole application',
    unit: 'packages',
    better: 'lower',
    rows: made
      .filter(({ name }) => name !== 'Express and a thread with SQLite')
      .map(({ name, role, size }) => rowOf(name, role, [size.packages])),
    goals: [{ text: 'at most 45 beyond Express', measured: String(ours), reached: ours <= 45 }],
  };
}

function startFigure(starts) {
  const rows = [...starts].map(([{ name, role }, { answers, logins }]) =>
    rowOf(name, role, answers, logins.length === 0 ? {} : { 'until the first login': `${rowOf('', role, logins).median.toFixed(0)} ms` }),
  );
  const times = ratio(rows);
  return {
    id: 'P12',
    title: 'From the start of the process to its first answer',
    unit: 'ms',
    better: 'lower',
    rows,
    goals: [{ text: 'at most 1.2 times bare Express', measured: `${times.toFixed(2)} times`, reached: times <= 1.2 }],
    notes: ['With a database that has its tables and one user. Thread and database are open when the first request is answered.'],
  };
}

function ratio(rows) {
  return rows.find(({ role }) => role === 'ours').median / rows.find(({ name }) => name === 'bare Express').median;
}

function memoryFigure(memory) {
  const rows = [...memory].map(([{ name, role }, { atRest, afterLogin }]) =>
    rowOf(name, role, atRest, afterLogin.length === 0 ? {} : { 'after a login': `${rowOf('', role, afterLogin).median.toFixed(1)} MB` }),
  );
  const of = (wanted) => rows.find(({ name }) => name === wanted).median;
  const more = of('Countersign') - of('bare Express');
  const thread = of('Express and a thread with SQLite') - of('bare Express');
  return {
    id: 'P12',
    title: 'Memory at rest',
    unit: 'MB resident',
    better: 'lower',
    rows,
    goals: [{ text: 'at most 12 MB above bare Express', measured: `${more.toFixed(1)} MB`, reached: more <= 12 }],
    notes: [
      'Three seconds after fifty answers, garbage collected.',
      `The thread that keeps syncs to disk off the requests is ${thread.toFixed(1)} MB of that: a second JavaScript engine, and SQLite.`,
    ],
  };
}
