/** Rows of sessions, joined with their users, as the store's records. */
import type {
  HeldSession,
  LiveSession,
  RotatedSession,
  SessionAndUser,
  SessionEndReason,
  SessionRecord,
  UserRecord,
} from '../../model/store.js';
import { notBeforeRetirement } from '../not-before-retirement.js';
import { joinedUser, type JoinedUserRow } from './user-rows.js';

/** What the holder of a session is served by. */
export const heldColumns = [
  'id',
  'user_id',
  'generation',
  'delivery',
  'remember',
  'epoch',
  'authenticated_at',
  'factors',
  'device',
  'created_at',
  'last_used_at',
  'idle_expires_at',
  'absolute_expires_at',
  'ended_at',
  'end_reason',
] as const;

export const sessionColumns: readonly string[] = [...heldColumns, 'secret_digest', 'retirements', 'late_double_generation'];

export interface HeldRow {
  readonly id: string;
  readonly user_id: string;
  readonly generation: number;
  readonly delivery: SessionRecord['delivery'];
  readonly remember: boolean;
  readonly epoch: number;
  readonly authenticated_at: number;
  readonly factors: readonly string[];
  readonly device: string;
  readonly created_at: number;
  readonly last_used_at: number;
  readonly idle_expires_at: number;
  readonly absolute_expires_at: number;
  readonly ended_at: number | null;
  readonly end_reason: SessionEndReason | null;
}

export interface SessionRow extends HeldRow {
  readonly secret_digest: Uint8Array;
  readonly retirements: readonly number[];
  readonly late_double_generation: number | null;
}

export type Found<Row extends HeldRow> = Row & JoinedUserRow & { readonly now: number };

export function sessionFromRow(row: SessionRow): SessionRecord {
  return {
    ...heldFromRow(row),
    secretDigest: row.secret_digest,
    retirements: row.retirements,
    lateDoubleGeneration: row.late_double_generation,
  };
}

function heldFromRow(row: HeldRow): HeldSession {
  return {
    id: row.id,
    userId: row.user_id,
    generation: row.generation,
    delivery: row.delivery,
    remember: row.remember,
    epoch: row.epoch,
    authenticatedAt: row.authenticated_at,
    factors: row.factors,
    device: row.device,
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at,
    idleExpiresAt: row.idle_expires_at,
    absoluteExpiresAt: row.absolute_expires_at,
    endedAt: row.ended_at,
    endReason: row.end_reason,
  };
}

/** Named one by one: with `*`, a column that a newer version adds would break the statements that nodes of this one have prepared. */
export const ofSession = (table: string, columns: readonly string[] = sessionColumns): string =>
  columns.map((column) => `${table}.${column}`).join(', ');

export function foundIn([row]: readonly Found<SessionRow>[]): SessionAndUser | null {
  if (row === undefined) return null;
  const session = sessionFromRow(row);
  return { session, user: joinedUser(row), now: notBeforeRetirement(row.now, session.retirements[0]) };
}

/** Of a statement that gives only sessions that are alive. */
export function liveIn([row]: readonly Found<SessionRow>[]): LiveSession | null {
  return row === undefined ? null : { session: sessionFromRow(row), user: joinedUser(row) as UserRecord, now: row.now };
}

export function rotatedIn([row]: readonly Found<HeldRow>[]): RotatedSession | null {
  return row === undefined ? null : { session: heldFromRow(row), user: joinedUser(row) as UserRecord, now: row.now };
}
