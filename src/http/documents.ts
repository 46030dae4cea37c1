/** Records as answers show them. */
import type { ApiKeyRecord } from '../model/api-key.js';
import type { HeldSession, UserRecord } from '../model/store.js';
import { sessionExpiresAt } from '../policy/session-life.js';
import type { EventRecord } from '../model/event-store.js';
import type {
  AdminEventDocument,
  AdminUserDocument,
  ApiKeyDocument,
  EventDocument,
  SessionDocument,
  UserDocument,
} from '../protocol/documents.js';

export function userDocument(user: UserRecord): UserDocument {
  return {
    id: user.id,
    username: user.username,
    email: user.email,
    emailVerified: user.emailVerified,
    name: user.name,
    roles: user.roles,
    mfaEnabled: user.mfaEnabled,
    createdAt: instant(user.createdAt),
    ...(Object.keys(user.profile).length === 0 ? {} : { profile: user.profile }),
  };
}

export function adminUserDocument(user: UserRecord): AdminUserDocument {
  return { ...userDocument(user), disabled: user.disabledAt !== null };
}

export function sessionDocument(session: HeldSession, currentId: string): SessionDocument {
  return {
    id: session.id,
    createdAt: instant(session.createdAt),
    lastUsedAt: instant(session.lastUsedAt),
    authenticatedAt: instant(session.authenticatedAt),
    expiresAt: instant(sessionExpiresAt(session)),
    current: session.id === currentId,
    device: session.device,
    delivery: session.delivery,
  };
}

export function apiKeyDocument(key: ApiKeyRecord): ApiKeyDocument {
  return {
    id: key.id,
    userId: key.userId,
    name: key.name,
    scopes: key.scopes,
    createdAt: instant(key.createdAt),
    rotatedAt: instantOrNull(key.rotatedAt),
    expiresAt: instantOrNull(key.expiresAt),
    lastUsedAt: instantOrNull(key.lastUsedAt),
    revokedAt: instantOrNull(key.revokedAt),
    previousSecretUntil: instantOrNull(key.previousUntil),
  };
}

export function eventDocument(event: EventRecord): EventDocument {
  const byAdministrator = event.actorId !== null;
  return {
    id: event.id,
    type: event.type,
    at: instant(event.at),
    sessionId: event.sessionId,
    address: byAdministrator ? null : event.address,
    byAdministrator,
  };
}

export function adminEventDocument(event: EventRecord): AdminEventDocument {
  return {
    id: event.id,
    position: event.position,
    type: event.type,
    at: instant(event.at),
    userId: event.userId,
    sessionId: event.sessionId,
    actorId: event.actorId,
    address: event.address,
    details: JSON.parse(event.details) as Record<string, unknown>,
  };
}

function instantOrNull(milliseconds: number | null): string | null {
  return milliseconds === null ? null : instant(milliseconds);
}

function instant(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
