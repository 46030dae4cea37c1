/** Reads a new password: from standard input, or from a person, twice and without showing it. */
import { createInterface, type Interface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { flag, RefusedError, UsageError, type Invocation } from './command.js';

export const passwordOption = { 'password-stdin': { type: 'boolean' } } as const;

/** @throws {UsageError} when there is nobody to ask. */
export async function readNewPassword(invocation: Invocation): Promise<string> {
  if (flag(invocation, 'password-stdin')) return readAll();
  if (!process.stdin.isTTY) throw new UsageError('There is no terminal to ask for the password: pipe it in and add --password-stdin.');
  const [password, again] = await askHidden(['Password: ', 'The same again: ']);
  if (password === undefined || password !== again) throw new RefusedError('The two passwords differ; nothing was changed.');
  return password;
}

/** All of it but the line break at its end. */
async function readAll(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\r?\n$/, '');
}

/** The terminal echoes nothing: what readline would show goes nowhere. @throws {RefusedError} after Ctrl-C or the end of input. */
async function askHidden(questions: readonly string[]): Promise<string[]> {
  const nowhere = new Writable({
    write(_chunk, _encoding, done) {
      done();
    },
  });
  return ask(questions, createInterface({ input: process.stdin, output: nowhere, terminal: true }));
}

async function ask(questions: readonly string[], terminal: Interface): Promise<string[]> {
  terminal.on('SIGINT', () => {
    terminal.close();
  });
  // Unlike questions of readline's own, it loses no line of those that were typed ahead.
  const lines = terminal[Symbol.asyncIterator]();
  try {
    const answers: string[] = [];
    for (const question of questions) answers.push(await askOne(question, lines));
    return answers;
  } finally {
    terminal.close();
  }
}

async function askOne(question: string, lines: AsyncIterator<string, unknown>): Promise<string> {
  process.stderr.write(question);
  const line = await lines.next();
  process.stderr.write('\n');
  if (line.done === true) throw new RefusedError('Nothing was changed.');
  return line.value;
}

/** @throws {UsageError} when there is nobody to ask. */
export async function confirm(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw new UsageError('There is no terminal to ask: add --yes if it is meant.');
  const [answer = ''] = await ask([`${question} [y/N] `], createInterface({ input: process.stdin, terminal: false }));
  return answer.trim().toLowerCase() === 'y';
}
