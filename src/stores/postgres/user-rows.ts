/** Rows of users, alone or joined to others, and the records they make. */
import type { UserRecord } from '../../model/store.js';

/** Columns that make a `UserRecord`. */
const userColumns = [
  'id',
  'username',
  'email',
  'email_verified',
  'name',
  'roles',
  'profile',
  'mfa_enabled',
  'session_epoch',
  'authz_version',
  'disabled_at',
  'created_at',
] as const;

export interface UserRow {
  readonly id: string;
  readonly username: string | null;
  readonly email: string | null;
  readonly email_verified: boolean;
  readonly name: string | null;
  readonly roles: readonly string[];
  readonly profile: object;
  readonly mfa_enabled: boolean;
  readonly session_epoch: number;
  readonly authz_version: number;
  readonly disabled_at: number | null;
  readonly created_at: number;
}

export interface CredentialRow extends UserRow {
  readonly password_hash: string | null;
}

export function userFromRow(row: UserRow): UserRecord {
  return {
    id: row.id,
    username: row.username,
    email: row.email,
    emailVerified: row.email_verified,
    name: row.name,
    roles: row.roles,
    profile: row.profile,
    mfaEnabled: row.mfa_enabled,
    sessionEpoch: row.session_epoch,
    authzVersion: row.authz_version,
    disabledAt: row.disabled_at,
    createdAt: row.created_at,
  };
}

/** To be selected from `users`. */
export const columns: string = userColumns.join(', ');

/** For a row that is joined with its user, who stands in the table or expression of this name. */
export const joinedUserColumns = (table: string): string => userColumns.map((column) => `${table}.${column} AS user__${column}`).join(', ');

export type JoinedUserRow = Record<`user__${keyof UserRow}`, unknown>;

/** Null when he is gone. */
export function joinedUser(row: JoinedUserRow): UserRecord | null {
  if (row.user__id === null) return null;
  const user: Record<string, unknown> = {};
  for (const [column, joined] of joinedNames) user[column] = row[joined];
  return userFromRow(user as unknown as UserRow);
}

const joinedNames = userColumns.map((column) => [column, `user__${column}`] as const);
