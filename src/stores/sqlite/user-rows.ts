/** Rows of users, alone or joined to others, and the records they make. */
import type { UserRecord } from '../../model/store.js';

/** Columns that make a `UserRecord`. */
const userColumns: readonly string[] = [
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
];

export interface UserRow {
  readonly id: string;
  readonly username: string | null;
  readonly email: string | null;
  readonly email_verified: number;
  readonly name: string | null;
  readonly roles: string;
  readonly profile: string;
  readonly mfa_enabled: number;
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
    emailVerified: row.email_verified === 1,
    name: row.name,
    roles: JSON.parse(row.roles) as string[],
    profile: JSON.parse(row.profile) as object,
    mfaEnabled: row.mfa_enabled === 1,
    sessionEpoch: row.session_epoch,
    authzVersion: row.authz_version,
    disabledAt: row.disabled_at,
    createdAt: row.created_at,
  };
}

/** To be selected from `users`. */
export const columns: string = userColumns.join(', ');

/** SQL for the values of a user in one list, to be told in one text. */
export const valuesOfUser: string = userColumns.map((column) => `users.${column}`).join(', ');

/** Of the list that `valuesOfUser` makes. */
export function userFromValues(values: readonly unknown[]): UserRecord {
  const [id, username, email, emailVerified, name, roles, profile, mfaEnabled, sessionEpoch, authzVersion, disabledAt, createdAt] =
    values as UserValues;
  return {
    id,
    username,
    email,
    emailVerified: emailVerified === 1,
    name,
    roles: JSON.parse(roles) as string[],
    profile: JSON.parse(profile) as object,
    mfaEnabled: mfaEnabled === 1,
    sessionEpoch,
    authzVersion,
    disabledAt,
    createdAt,
  };
}

type UserValues = readonly [
  id: string,
  username: string | null,
  email: string | null,
  emailVerified: number,
  name: string | null,
  roles: string,
  profile: string,
  mfaEnabled: number,
  sessionEpoch: number,
  authzVersion: number,
  disabledAt: number | null,
  createdAt: number,
];

/** For a row that is joined with its user. */
export const joinedUserColumns: string = userColumns.map((column) => `users.${column} AS user__${column}`).join(', ');

export type JoinedUserRow = Record<`user__${keyof UserRow}`, unknown>;

/** Null when he is gone. */
export function joinedUser(row: JoinedUserRow): UserRecord | null {
  if (row.user__id === null) return null;
  const user: Record<string, unknown> = Object.fromEntries(
    userColumns.map((column) => [column, row[`user__${column}` as keyof JoinedUserRow]]),
  );
  return userFromRow(user as unknown as UserRow);
}
