/** The command line: finds the command, reads its options, runs it, and turns what went wrong into a sentence and an exit code. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { AuthError, ConfigError, type ConfigProblem } from '../errors.js';
import { StoreUnavailableError } from '../model/store.js';
import { nearestName } from '../settings/nearest-name.js';
import { RefusedError, UsageError, print, type Command } from './command.js';

interface Entry {
  readonly about: string;
  readonly load: () => Promise<{ readonly command: Command }>;
}

/** Loaded when called: `countersign secret` needs no database. */
const commands: Readonly<Record<string, Entry>> = {
  serve: { about: 'run the stand-alone server', load: () => import('./serve.js') },
  migrate: { about: 'bring the schema of the database up to date', load: () => import('./migrate.js') },
  'migrate-store': { about: 'move to PostgreSQL while the server runs', load: () => import('./migrate-store.js') },
  secret: { about: 'print a new master secret', load: () => import('./secret.js') },
  doctor: { about: 'check the settings, the database and the machine', load: () => import('./doctor.js') },
  'user create': { about: 'create a user', load: () => import('./user-create.js') },
  'user list': { about: 'list users, newest first', load: () => import('./user-list.js') },
  'user role': { about: 'give and take roles', load: () => import('./user-role.js') },
  'user disable': { about: 'disable a user; all sessions end', load: () => import('./user-disable.js') },
  'user enable': { about: 'enable a user again', load: () => import('./user-enable.js') },
  'user delete': { about: 'delete a user for good', load: () => import('./user-delete.js') },
  'user password': { about: 'set a new password; all sessions end, API keys are revoked', load: () => import('./user-password.js') },
  'user reset-mfa': {
    about: 'remove a second factor that its user has lost; all sessions end',
    load: () => import('./user-reset-mfa.js'),
  },
  import: { about: 'bring users from elsewhere, with their password hashes', load: () => import('./import.js') },
  export: { about: 'print all users in the form that is imported', load: () => import('./export.js') },
  'session list': { about: 'list the sessions of a user', load: () => import('./session-list.js') },
  'session revoke': { about: 'end one session, or all of a user', load: () => import('./session-revoke.js') },
  'api-key create': { about: 'create an API key for a program', load: () => import('./api-key-create.js') },
  'api-key list': { about: 'list API keys, newest first', load: () => import('./api-key-list.js') },
  'api-key rotate': { about: 'give an API key a new secret', load: () => import('./api-key-rotate.js') },
  'api-key revoke': { about: 'revoke an API key for good', load: () => import('./api-key-revoke.js') },
  'keys list': { about: 'list the signing keys', load: () => import('./keys-list.js') },
  'keys rotate': { about: 'add the next signing key', load: () => import('./keys-rotate.js') },
  'events verify': { about: 'prove that the record of events is as it was written', load: () => import('./events-verify.js') },
  'restore-epoch': { about: 'after restoring a backup: end every session, revoke every API key', load: () => import('./restore-epoch.js') },
};

const footer = `\`countersign COMMAND --help\` says more. Settings come from the environment and from .env in the working directory.`;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const name = findCommand(args);
  const entry = name === null ? undefined : commands[name];
  if (name === null || !entry) return withoutCommand(args);
  const { command } = await entry.load();
  try {
    return await runCommand(command, args.slice(name.split(' ').length));
  } catch (error) {
    return explain(error, command);
  }
}

function findCommand(args: readonly string[]): string | null {
  const [first = '', second = ''] = args;
  return [`${first} ${second}`, first].find((name) => Object.hasOwn(commands, name)) ?? null;
}

async function runCommand(command: Command, args: readonly string[]): Promise<number> {
  const { values, positionals } = parse(command, args);
  if (values['help'] === true) {
    print(`Usage: countersign ${command.usage}\n\n${command.about}`);
    return 0;
  }
  const { least, most } = command.operands;
  if (positionals.length < least) throw new UsageError('Something is missing.');
  if (positionals.length > most) throw new UsageError(`"${positionals[most] ?? ''}" is too much.`);
  await command.run({ values, operands: positionals });
  return 0;
}

type Parsed = Pick<ReturnType<typeof parseArgs>, 'values' | 'positionals'>;

function parse({ options }: Command, args: readonly string[]): Parsed {
  try {
    const help = { type: 'boolean', short: 'h' } as const;
    return parseArgs({ args: [...args], options: { ...options, help }, allowPositionals: true });
  } catch (error) {
    // Its first line says what is wrong; with a dash the reason is in the others.
    throw new UsageError((error as Error).message.replace(/\. To specify.*$/s, '.').replaceAll('\n', ' '));
  }
}

function withoutCommand(args: readonly string[]): number {
  const words = args.filter((arg) => !arg.startsWith('-'));
  const [group = ''] = words;
  const list = overview(words.length > 0 ? Object.keys(commands).filter((name) => name.startsWith(`${group} `)) : Object.keys(commands));
  if (args.includes('--version') && words.length === 0) {
    print(version());
    return 0;
  }
  const wantsHelp = args.includes('--help') || args.includes('-h') || (args.length === 1 && group === 'help');
  if (wantsHelp && (words.length === 0 || group === 'help')) print(overview(Object.keys(commands)));
  else if (wantsHelp && list !== '' && words.length === 1) print(list);
  else return unknownCommand(words, list);
  return 0;
}

function unknownCommand(words: readonly string[], list: string): number {
  const wrong = words.slice(0, 2).join(' ');
  const meant = nearestName(wrong, Object.keys(commands));
  const sentence =
    meant === null ? `There is no command "${wrong}".` : `There is no command "${wrong}". Did you mean \`countersign ${meant}\`?`;
  const isGroup = words.length === 1 && list !== '';
  complain(words.length === 0 || isGroup ? list : `${sentence}\nSee \`countersign --help\`.`);
  return 2;
}

function overview(names: readonly string[]): string {
  if (names.length === 0) return '';
  const lines = names.map((name) => `  ${name.padEnd(16)}${commands[name]?.about ?? ''}`);
  return `Usage: countersign COMMAND\n\n${lines.join('\n')}\n\n${footer}`;
}

function version(): string {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
  return manifest.version;
}

/** The exit code. */
function explain(error: unknown, { usage }: Command): number {
  if (error instanceof UsageError) {
    complain(`${error.message}\nUsage: countersign ${usage}`);
    return 2;
  }
  if (error instanceof ConfigError) complain(problemList(error.problems));
  else if (error instanceof AuthError) complain(refusal(error));
  else if (error instanceof RefusedError || error instanceof StoreUnavailableError) complain(error.message);
  else complain(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return 1;
}

function problemList(problems: readonly ConfigProblem[]): string {
  const width = Math.max(...problems.map(({ path }) => path.length));
  const count = problems.length === 1 ? 'There is 1 problem' : `There are ${problems.length} problems`;
  return [`${count}:`, ...problems.map(({ path, message }) => `  ${path.padEnd(width)}  ${message}`)].join('\n');
}

function refusal({ message, detail, fields = [] }: AuthError): string {
  return [detail ?? message, ...fields.map((field) => `  ${field.path} ${field.message}`)].join('\n');
}

function complain(text: string): void {
  if (text !== '') process.stderr.write(`${text}\n`);
}
