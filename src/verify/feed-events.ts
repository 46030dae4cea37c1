/** Reads what the events of the revocation feed hold. Whatever is not as it should be is refused: half of it would be a wrong answer. */
import type { Revocation } from '../model/store.js';
import type { FreshnessFact, IssuerFacts } from '../protocol/revocation-events.js';

const kinds: readonly string[] = ['session', 'epoch', 'authz', 'key'] satisfies Revocation['kind'][];

/** @throws when it says something else, or speaks for another issuer. */
export function parseFacts(data: string, issuer: string): IssuerFacts {
  const facts = JSON.parse(data) as Partial<IssuerFacts> | null;
  const { roles, longestAccessSeconds, keys } = facts ?? {};
  if (facts?.issuer !== issuer) throw new Error('the feed speaks for another issuer');
  const areRoles = typeof roles === 'object' && Object.values(roles).every((names) => isList(names, (name) => typeof name === 'string'));
  if (!areRoles || !isWhole(longestAccessSeconds) || !Array.isArray(keys)) throw new Error('the facts of the issuer have another shape');
  return { issuer, roles, longestAccessSeconds, keys };
}

/** Rows of a kind that a later version may have are left out, and counted. @throws when it says something else. */
export function parseRows(data: string): { readonly rows: readonly Revocation[]; readonly unknown: number } {
  const tuples: unknown = JSON.parse(data);
  if (!Array.isArray(tuples)) throw new Error('the revocations have another shape');
  const rows = tuples.map(toRow);
  const known = rows.filter(({ kind }) => kinds.includes(kind));
  return { rows: known, unknown: rows.length - known.length };
}

function toRow(tuple: unknown): Revocation {
  const [kind, subject, value, expiresAt] = Array.isArray(tuple) ? (tuple as readonly unknown[]) : [];
  if (typeof kind !== 'string' || typeof subject !== 'string' || !isWhole(value) || !isWhole(expiresAt)) {
    throw new Error('a revocation has another shape');
  }
  return { kind: kind as Revocation['kind'], subject, value, revokedAt: 0, expiresAt: expiresAt * 1000 };
}

/** In milliseconds; null: the issuer does not know. @throws when it says something else. */
export function parseAge(data: string): number | null {
  const { age } = (JSON.parse(data) as Partial<FreshnessFact> | null) ?? {};
  if (age !== null && !isWhole(age)) throw new Error('the age has another shape');
  return age;
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isList<Item>(value: unknown, isItem: (item: unknown) => item is Item): value is readonly Item[] {
  return Array.isArray(value) && value.every(isItem);
}
