/** How the texts of statements are built: for one schema, each with its instant, those that revoke with their revocation rows. */
import { sha256 } from '../../crypto/digest.js';
import { keptBeyondTokensSeconds } from '../../model/clock-tolerance.js';
import type { Revocation } from '../../model/store.js';

export interface Statement {
  readonly text: string;
  /** Of the prepared statement; without it the server plans anew each time, by the values. */
  readonly name?: string;
  /** Whether its first parameter is the instant that it is to go by; null: the server's own. */
  readonly isTimed: boolean;
}

/** The names that statements use, as they are put into their texts. */
export interface Wording {
  readonly schema: string;
  readonly meta: string;
  readonly migrations: string;
  readonly users: string;
  readonly sessions: string;
  readonly signingKeys: string;
  readonly apiKeys: string;
  readonly revocations: string;
  readonly counters: string;
  readonly outbox: string;
  readonly proofs: string;
  readonly totpFactors: string;
  readonly recoveryCodes: string;
  readonly events: string;
  readonly eventMarks: string;
  readonly channel: string;
  /** The common table expression `terms`: of one row, with `now`, the longest access-token life and when what is revoked now expires. */
  readonly terms: string;
}

/** Of the server, unless one is given. */
const instant = 'SELECT coalesce($1::bigint, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now';

/** Gives the instant alone, where there may be no schema yet. */
export const instantStatement: Statement = { text: instant, isTimed: true };

/** Columns of `terms` that a statement may give back. */
export interface Terms {
  readonly now: number;
  /** The longest access-token life as it is kept. */
  readonly life: string | null;
}

/** Columns that a row has which stands for a revocation that the statement wrote. */
export interface RevokedRow extends Terms {
  readonly revoked_kind: Revocation['kind'];
  readonly revoked_subject: string;
  readonly revoked_value: number;
  readonly expires_at: number;
}

/** @param schema fit to be put between quotation marks */
export function wordingOf(schema: string, accessTtlSeconds: number): Wording {
  const of = (table: string): string => `"${schema}".${table}`;
  return {
    schema: `"${schema}"`,
    meta: of('meta'),
    migrations: of('migrations'),
    users: of('users'),
    sessions: of('sessions'),
    signingKeys: of('signing_keys'),
    apiKeys: of('api_keys'),
    revocations: of('revocations'),
    counters: of('counters'),
    outbox: of('outbox'),
    proofs: of('proofs'),
    totpFactors: of('totp_factors'),
    recoveryCodes: of('recovery_codes'),
    events: of('events'),
    eventMarks: of('event_marks'),
    channel: `${schema}_revocations`,
    terms: `terms AS MATERIALIZED (
      SELECT clock.now, life.value AS life,
        clock.now + (greatest(${accessTtlSeconds}, (life.value::json ->> 'seconds')::bigint) + ${keptBeyondTokensSeconds}) * 1000 AS expires_at
      FROM (${instant}) AS clock
      LEFT JOIN ${of('meta')} AS life ON life.key = 'longest_access')`,
  };
}

/** A statement that is prepared once on each connection. */
export function prepared(text: string): Statement {
  return { text, name: nameOf(text), isTimed: false };
}

/** A statement that is sent as it is, each time. */
export function plain(text: string): Statement {
  return { text, isTimed: false };
}

/** A prepared statement that goes by `terms`: what stands before its last part are further common table expressions. */
export function timed({ terms }: Wording, ...parts: readonly [...string[], string]): Statement {
  const text = `WITH ${[terms, ...parts.slice(0, -1)].join(',\n')}\n${parts.at(-1) ?? ''}`;
  return { text, name: nameOf(text), isTimed: true };
}

/** What is revoked with each row that a change gives back: SQL over the columns of `changed`. */
interface RevokedBy {
  readonly kind: Revocation['kind'];
  readonly subject: string;
  readonly value: string;
}

/**
 * A change, the revocation of each row that it returns, and the hint for other processes, in one statement. Its rows are those of the change
 * together with what `RevokedRow` says.
 */
export function revoking(wording: Wording, change: string, { kind, subject, value }: RevokedBy): Statement {
  return timed(
    wording,
    `changed AS (${change})`,
    `revoked AS (
      INSERT INTO ${wording.revocations} (kind, subject, value, revoked_at, expires_at)
      SELECT '${kind}', ${subject}, ${value}, terms.now, terms.expires_at FROM changed, terms
      RETURNING pg_notify('${wording.channel}', ''))`,
    `SELECT changed.*, '${kind}' AS revoked_kind, ${subject} AS revoked_subject, ${value} AS revoked_value,
      terms.now, terms.life, terms.expires_at FROM changed, terms`,
  );
}

export function revocationOf(row: RevokedRow): Revocation {
  return {
    kind: row.revoked_kind,
    subject: row.revoked_subject,
    value: row.revoked_value,
    revokedAt: row.now,
    expiresAt: row.expires_at,
  };
}

/** Of a lock that nodes take before something that only one may do at a time. */
export function lockKey({ schema }: Wording, what: 'migrations' | 'admins' | 'imports' | 'events'): string {
  return sha256(Buffer.from(`countersign ${what} ${schema}`))
    .readBigInt64BE()
    .toString();
}

/** The same text has the same name on every connection, and another one another. */
function nameOf(text: string): string {
  return `countersign_${sha256(Buffer.from(text)).toString('hex', 0, 16)}`;
}
