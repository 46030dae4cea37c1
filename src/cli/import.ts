/** `countersign import` */
import { createReadStream } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import type { FirebaseProject } from '../crypto/password-schemes/firebase-scrypt.js';
import { importUsers, type ImportCounts, type ImportProblem } from '../flows/import-users.js';
import { textLines } from '../flows/text-lines.js';
import {
  flag,
  jsonOption,
  operand,
  printable,
  RefusedError,
  report,
  textOption,
  UsageError,
  type Command,
  type Invocation,
} from './command.js';
import { withCore } from './with-core.js';

export const command: Command = {
  usage: 'import (FILE | -) [--dry-run] [--firebase FILE] [--json]',
  about: `Brings users from elsewhere, with their password hashes: one JSON object on each line, from a file or from standard input. Servers may run
meanwhile. Who is there already is left as he is, so that it can be called again, also after it was interrupted. Lines with a problem are
told on standard error and passed over; then the exit code is 1.

Fields, of which a user name or an e-mail address is needed: id, externalId, username, email, emailVerified, name, roles, passwordHash,
createdAt, disabled, profile. Hashes: Argon2, bcrypt, scrypt, PBKDF2 (Django, passlib, ASP.NET Core Identity), better-auth, Firebase.

  --dry-run          tells all problems, and writes nothing
  --firebase FILE    the password hash parameters as the Firebase console shows them`,
  options: { 'dry-run': { type: 'boolean' }, firebase: { type: 'string' }, ...jsonOption },
  operands: { least: 1, most: 1 },
  async run(invocation) {
    const firebaseFile = textOption(invocation, 'firebase');
    const firebase = firebaseFile === undefined ? null : await readFirebase(firebaseFile);
    const chunks = await openInput(operand(invocation));
    const counts = await withStopSignals((signal) =>
      withCore((core) =>
        importUsers(core, {
          lines: textLines(chunks),
          isDryRun: flag(invocation, 'dry-run'),
          firebase,
          onProblem: complain,
          onProgress: progress(),
          signal,
        }),
      ),
    );
    tell(invocation, counts);
  },
};

function tell(invocation: Invocation, counts: ImportCounts & { readonly isStopped: boolean }): void {
  const { imported, alreadyThere, problems, isStopped } = counts;
  const isDryRun = flag(invocation, 'dry-run');
  const said = isDryRun ? `${users(imported)} would be imported` : `${users(imported)} imported`;
  const there = `${alreadyThere} ${alreadyThere === 1 ? 'was' : 'were'} there already`;
  const wrong = `${problems} ${problems === 1 ? 'line has' : 'lines have'} a problem`;
  report(invocation, { dryRun: isDryRun, imported, alreadyThere, problems, stopped: isStopped }, `${said}; ${there}; ${wrong}.`);
  if (isStopped) throw new RefusedError('Stopped before the end: call the same again, and it goes on.');
  if (problems > 0) throw new RefusedError();
}

function users(count: number): string {
  return count === 1 ? '1 user' : `${count} users`;
}

async function openInput(file: string): Promise<AsyncIterable<Buffer>> {
  if (file === '-') return process.stdin;
  try {
    const handle = await open(file);
    if (!(await handle.stat()).isDirectory()) return createReadStream('', { fd: handle });
    await handle.close();
  } catch (error) {
    throw new RefusedError(`${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'}).`);
  }
  throw new RefusedError(`${file} is a folder.`);
}

/** As the console shows them, `base64_signer_key: …,`, or the same as JSON. */
async function readFirebase(file: string): Promise<FirebaseProject> {
  const text = await readFile(file, 'utf8').catch(() => {
    throw new RefusedError(`${file} cannot be read.`);
  });
  const find = (name: string, value: string): string | undefined => new RegExp(`\\b${name}"?\\s*[:=]\\s*"?(${value})`).exec(text)?.[1];
  const signerKey = find('base64_signer_key', '[\\w+/-]+={0,2}');
  const saltSeparator = find('base64_salt_separator', '[\\w+/-]*={0,2}');
  const [rounds, memoryCost] = [Number(find('rounds', '\\d+')), Number(find('mem_cost', '\\d+'))];
  if (signerKey === undefined || saltSeparator === undefined || Number.isNaN(rounds) || Number.isNaN(memoryCost))
    throw new UsageError('The file of --firebase must have base64_signer_key, base64_salt_separator, rounds and mem_cost.');
  return { signerKey, saltSeparator, rounds, memoryCost };
}

const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** A batch that is being written is finished; a second signal ends the process. */
async function withStopSignals(
  work: (signal: AbortSignal) => Promise<ImportCounts>,
): Promise<ImportCounts & { readonly isStopped: boolean }> {
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  for (const signal of stopSignals) process.once(signal, stop);
  try {
    const counts = await work(stopping.signal);
    return { ...counts, isStopped: stopping.signal.aborted };
  } finally {
    for (const signal of stopSignals) process.off(signal, stop);
  }
}

function complain({ line, reason }: ImportProblem): void {
  process.stderr.write(`line ${line}: ${printable(reason)}\n`);
}

const progressEveryMilliseconds = 2000;

/** On standard error, so that what a program reads is the report alone. */
function progress(): (counts: ImportCounts) => void {
  let saidAt = performance.now();
  return ({ imported, alreadyThere, problems }) => {
    if (performance.now() - saidAt < progressEveryMilliseconds) return;
    saidAt = performance.now();
    process.stderr.write(`${imported + alreadyThere + problems} lines: ${imported} imported, ${alreadyThere} there already\n`);
  };
}
