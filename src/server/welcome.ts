/** What a developer sees when the server has started: where it is, where the data is, and three lines that work as they are printed. */
import { mkdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Core } from '../core.js';
import { parseUsername } from '../policy/identifiers.js';
import type { Settings } from '../settings/read-settings.js';

const password = 'correct horse battery staple';

export async function welcome(settings: Settings, core: Core): Promise<string> {
  const { dataFolder, databaseFile, database, secret } = settings;
  const made = secret === null ? `made up, in ${shown(join(dataFolder, 'secret'))} (production needs COUNTERSIGN_SECRET)` : 'yours';
  return `
  Countersign is ready at ${core.config.publicUrl.origin}

  data    ${databaseFile === null ? database : databaseFile === ':memory:' ? 'in memory, gone when this ends' : shown(databaseFile)}
  secret  ${made}

  ${core.config.registration === 'open' ? 'Register, log in, read the own profile:' : 'Log in and read the own profile, once there is a user (npx countersign user create --help):'}

${(await curlLines(settings, core)).join('\n')}

`;
}

function shown(path: string): string {
  const fromHere = relative(process.cwd(), path);
  return fromHere.startsWith('..') ? path : fromHere;
}

async function curlLines({ dataFolder, port }: Settings, core: Core): Promise<string[]> {
  const { publicUrl, basePath, registration, identifiers } = core.config;
  // The store or the secret may be elsewhere, and curl makes no folder.
  mkdirSync(dataFolder, { recursive: true, mode: 0o700 });
  const root = (publicUrl.secure ? publicUrl.origin : `http://${publicUrl.hostname}:${port}`) + basePath;
  const jar = quoted(join(dataFolder, 'cookies.txt'));
  const name = await freeName(core);
  const account = identifiers.has('username') ? { username: name } : { email: `${name}@example.com` };
  const delivery = core.config.delivery === 'cookie' ? {} : { delivery: 'cookie' };
  const post = (path: string, body: object): string =>
    `${root}${path} -H 'content-type: application/json' -d ${quoted(JSON.stringify(body))}`;
  return [
    ...(registration === 'open' ? [`curl ${post('/auth/register', { ...account, password })}`] : []),
    `curl -c ${jar} ${post('/auth/login', { ...account, password, ...delivery })}`,
    `curl -b ${jar} ${root}/users/me`,
  ];
}

/** `ada`, or when she is there already, a namesake: the lines work each time. */
async function freeName({ store, random }: Core): Promise<string> {
  const name = 'ada';
  const usernameKey = parseUsername(name)?.key ?? name;
  const isTaken = (await store.users.find({ usernameKey })) ?? (await store.users.find({ emailKey: `${name}@example.com` }));
  return isTaken ? `${name}-${random(3).toString('hex')}` : name;
}

/** As a POSIX shell reads it. */
function quoted(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
