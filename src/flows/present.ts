/** Records as the application sees them. */
import type { ApiKeyRecord } from '../model/api-key.js';
import type { ApiKey, AppTypes, Session, User } from '../model/app-types.js';
import type { SessionRecord, UserRecord } from '../model/store.js';
import { sessionExpiresAt } from '../policy/session-life.js';

/** Roles and profile are what the application's own checks let in. */
export function presentUser<App extends AppTypes>(record: UserRecord): User<App> {
  return {
    id: record.id,
    username: record.username,
    email: record.email,
    emailVerified: record.emailVerified,
    name: record.name,
    roles: record.roles,
    mfaEnabled: record.mfaEnabled,
    disabled: record.disabledAt !== null,
    createdAt: new Date(record.createdAt),
    profile: record.profile,
  };
}

export function presentSession(record: SessionRecord): Session {
  return {
    id: record.id,
    createdAt: new Date(record.createdAt),
    lastUsedAt: new Date(record.lastUsedAt),
    expiresAt: new Date(sessionExpiresAt(record)),
    device: record.device,
    delivery: record.delivery,
  };
}

export function presentApiKey<App extends AppTypes>(record: ApiKeyRecord): ApiKey<App> {
  const instant = (milliseconds: number | null): Date | null => (milliseconds === null ? null : new Date(milliseconds));
  return {
    id: record.id,
    userId: record.userId,
    name: record.name,
    scopes: record.scopes,
    createdAt: new Date(record.createdAt),
    rotatedAt: instant(record.rotatedAt),
    expiresAt: instant(record.expiresAt),
    lastUsedAt: instant(record.lastUsedAt),
    revokedAt: instant(record.revokedAt),
    previousSecretUntil: instant(record.previousUntil),
  };
}
