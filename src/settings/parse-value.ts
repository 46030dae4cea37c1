/** Reads the value of one setting from its text. Each function gives the value or throws what is wrong; no message repeats the text. */
import { isIP } from 'node:net';
import { ConfigError } from '../errors.js';
import type { Duration } from '../model/app-types.js';
import type { Bus } from '../model/bus.js';
import type { AuthOptions, CookieOptions, LimitText } from '../model/options.js';
import type { Store } from '../model/store.js';
import { parseDuration } from '../policy/durations.js';
import { parseLimit } from '../policy/parse-limit.js';
import { postgres } from '../stores/postgres/index.js';
import { redis } from '../stores/redis/index.js';

/** What is wrong with a value, and what would be right. */
export class UnusableValue extends Error {}

type Parse<Value> = (text: string) => Value;

export function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw new UnusableValue('must be a number from 1 to 65535.');
  return port;
}

export function parseHost(text: string): string {
  if (isIP(text) !== 0 || /^[A-Za-z0-9][A-Za-z0-9.-]*$/.test(text)) return text;
  throw new UnusableValue('must be an address or a host name such as 127.0.0.1, ::1 or 0.0.0.0, without a port.');
}

export function parseWholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new UnusableValue('must be a whole number.');
  return Number(text);
}

export function parseText(text: string): string {
  return text;
}

export function parseDurationText(text: string): Duration {
  if (parseDuration(text) === null) throw new UnusableValue('is no duration such as "30s", "15m", "12h" or "7d".');
  return text as Duration;
}

export function parseStopDelay(text: string): Duration {
  const delay = parseDurationText(text);
  if ((parseDuration(delay) ?? 0) > 60) throw new UnusableValue('must not be longer than 60s.');
  return delay;
}

/** Separated by commas; spaces around an entry do not count. */
export function parseList(text: string): readonly string[] {
  const entries = text.split(',').map((entry) => entry.trim());
  if (entries.some((entry) => entry === '')) throw new UnusableValue('has an empty entry: separate the entries by one comma each.');
  return entries;
}

export function oneOf<const Value extends string>(...values: readonly Value[]): Parse<Value> {
  return (text) => {
    const value = values.find((candidate) => candidate === text);
    if (value === undefined) throw new UnusableValue(`must be one of: ${values.join(', ')}.`);
    return value;
  };
}

export function parseIdentifiers(text: string): NonNullable<AuthOptions['identifiers']> {
  const entries = new Set(parseList(text));
  const [username, email] = [entries.delete('username'), entries.delete('email')];
  if (entries.size > 0) throw new UnusableValue('must be username, email, or both: "username,email".');
  if (username && email) return ['username', 'email'];
  return username ? ['username'] : ['email'];
}

/** Each role alone, or with its permissions: `editor=article:write+article:publish`. */
export function parseRoles(text: string): NonNullable<AuthOptions['roles']> {
  const roles = parseList(text).map((entry) => {
    const [, role, permissions] = /^([A-Za-z0-9][A-Za-z0-9:._-]{0,63})(?:=([A-Za-z0-9:._/-]+(?:\+[A-Za-z0-9:._/-]+)*))?$/.exec(entry) ?? [];
    if (role === undefined)
      throw new UnusableValue(
        'must be a list of names, each with its permissions or without: "user,editor=article:write+article:publish,admin".',
      );
    return [role, permissions?.split('+') ?? []] as const;
  });
  return Object.fromEntries(roles);
}

export function parseTopology(text: string): NonNullable<CookieOptions['topology']> {
  if (text === 'same-origin' || text === 'cross-site') return text;
  const domain = /^subdomains:([a-z0-9.-]+)$/.exec(text)?.[1];
  if (domain === undefined)
    throw new UnusableValue('must be same-origin, cross-site, or subdomains: and a domain: "subdomains:example.com".');
  return { subdomainsOf: domain };
}

/** Where the data is: in a file, or on a PostgreSQL server. */
export type StorePlace = { readonly file: string } | { readonly store: Store; readonly shownUrl: string };

export function parseStore(text: string): StorePlace {
  if (/^postgres(?:ql)?:/.test(text)) return { store: usable(() => postgres(text)), shownUrl: withoutCredentials(text) };
  const file = /^sqlite:(.+)$/.exec(text)?.[1];
  if (file === undefined || file.startsWith('//')) {
    throw new UnusableValue('must be "sqlite:" and the path of a file, or a URL such as "postgres://user:password@host:5432/database".');
  }
  return { file };
}

/** A URL as it may be shown: a password can stand before the last `@`, and after the `?`. */
export function withoutCredentials(url: string): string {
  return url.replace(/:\/\/\S*@/, '://…@').replace(/(:\/\/[^?]*\?).*$/, '$1…');
}

/** What is made with a value, or what is wrong with that. */
function usable<Made>(make: () => Made): Made {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new UnusableValue(error.problems.map(({ message }) => message).join(' '));
  }
}

export function parseRedis(text: string): Bus {
  return usable(() => redis(text));
}

/** As RFC 6750 section 2.1 has it, and long enough not to be guessed. */
export function parseMetricsToken(text: string): string {
  if (/^[A-Za-z0-9._~+/-]{20,}=*$/.test(text)) return text;
  throw new UnusableValue('must be at least 20 letters, digits, "-", ".", "_", "~", "+" or "/": make one with `npx countersign secret`.');
}

/** How many in which time; or `insecure-off`. */
export function parseLimitText(text: string): LimitText {
  if (parseLimit(text) === null) throw new UnusableValue('must be a number and a time such as "10/15m", or "insecure-off".');
  return text as LimitText;
}

/** A number of hops, or addresses, which the options judge. */
export function parseProxies(text: string): number | readonly string[] {
  return /^\d{1,3}$/.test(text) ? Number(text) : parseList(text);
}

export function parseWorkers(text: string): number {
  const count = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (count < 1) throw new UnusableValue('must be a whole number from 1.');
  return count;
}
