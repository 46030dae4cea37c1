/** Reads the value of one setting from its text. Each function gives the value or throws what is wrong; no message repeats the text. */
import { isIP } from 'node:net';
import type { Duration } from '../model/app-types.js';
import type { AuthOptions, CookieOptions } from '../model/options.js';
import { parseDuration } from '../policy/durations.js';

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

export function parseText(text: string): string {
  return text;
}

export function parseDurationText(text: string): Duration {
  if (parseDuration(text) === null) throw new UnusableValue('is no duration such as "30s", "15m", "12h" or "7d".');
  return text as Duration;
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

export function parseRoles(text: string): NonNullable<AuthOptions['roles']> {
  const roles = parseList(text);
  if (roles.some((role) => !/^[A-Za-z0-9][A-Za-z0-9:._-]{0,63}$/.test(role)))
    throw new UnusableValue('must be a list of names: "user,editor,admin".');
  return Object.fromEntries(roles.map((role) => [role, []]));
}

export function parseTopology(text: string): NonNullable<CookieOptions['topology']> {
  if (text === 'same-origin' || text === 'cross-site') return text;
  const domain = /^subdomains:([a-z0-9.-]+)$/.exec(text)?.[1];
  if (domain === undefined)
    throw new UnusableValue('must be same-origin, cross-site, or subdomains: and a domain: "subdomains:example.com".');
  return { subdomainsOf: domain };
}

/** The database file. */
export function parseStore(text: string): string {
  if (/^postgres(?:ql)?:/.test(text)) throw new UnusableValue('PostgreSQL is not part of this version: use sqlite: and a path.');
  const file = /^sqlite:(.+)$/.exec(text)?.[1];
  if (file === undefined || file.startsWith('//')) {
    throw new UnusableValue('must be sqlite: and the path of a file: "sqlite:./data/countersign.db" or "sqlite:/srv/auth/countersign.db".');
  }
  return file;
}

/** How many in which time; or `insecure-off`. */
export function parseLimit(text: string): string {
  const [, count = '', per = ''] = /^(\d{1,6})\/(\w+)$/.exec(text) ?? [];
  if (text === 'insecure-off' || (Number(count) > 0 && parseDuration(per) !== null)) return text;
  throw new UnusableValue('must be a number and a time such as "10/15m", or "insecure-off".');
}

export function parseWorkers(text: string): number {
  const count = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (count < 1) throw new UnusableValue('must be a whole number from 1.');
  if (count > 1) throw new UnusableValue('more than one process is not part of this version: set it to 1.');
  return count;
}

/** For what is not there yet and must not be taken for working. */
export function refuse(message: string): Parse<never> {
  return () => {
    throw new UnusableValue(message);
  };
}
