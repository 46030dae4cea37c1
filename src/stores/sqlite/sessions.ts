/** Sessions: the acts of `SessionStore`, as they run on the database thread. */
import type { LiveSession, OpenSessionInput, SessionAndUser, SessionEndReason, SessionRecord } from '../../model/store.js';
import { notBeforeRetirement } from '../not-before-retirement.js';
import { isAlive } from './alive.js';
import type { ActArguments, ActResult, ActScope, ActsOf } from './acts.js';
import type { SqliteDatabase, SqliteStatement } from './driver.js';
import { Factors } from './factors.js';
import type { Outbox } from './outbox.js';
import { RotateStatement, type Rotation } from './rotation.js';
import { joinedUser, joinedUserColumns, type JoinedUserRow } from './user-rows.js';
import { endReturned } from './users.js';

interface SessionRow {
  readonly id: string;
  readonly user_id: string;
  readonly secret_digest: Uint8Array;
  readonly generation: number;
  readonly retirements: string;
  readonly late_double_generation: number | null;
  readonly delivery: SessionRecord['delivery'];
  readonly remember: number;
  readonly epoch: number;
  readonly authenticated_at: number;
  readonly factors: string;
  readonly device: string;
  readonly created_at: number;
  readonly last_used_at: number;
  readonly idle_expires_at: number;
  readonly absolute_expires_at: number;
  readonly ended_at: number | null;
  readonly end_reason: SessionEndReason | null;
}

interface EpochRow {
  readonly session_epoch: number;
}

function sessionFromRow(row: SessionRow): SessionRecord {
  return {
    id: row.id,
    userId: row.user_id,
    secretDigest: row.secret_digest,
    generation: row.generation,
    retirements: row.retirements === '' ? [] : row.retirements.split(',').map(Number),
    lateDoubleGeneration: row.late_double_generation,
    delivery: row.delivery,
    remember: row.remember === 1,
    epoch: row.epoch,
    authenticatedAt: row.authenticated_at,
    factors: JSON.parse(row.factors) as string[],
    device: row.device,
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at,
    idleExpiresAt: row.idle_expires_at,
    absoluteExpiresAt: row.absolute_expires_at,
    endedAt: row.ended_at,
    endReason: row.end_reason,
  };
}

class SessionStatements {
  readonly find: SqliteStatement;
  readonly list: SqliteStatement;
  readonly insert: SqliteStatement;
  readonly evict: SqliteStatement;
  readonly findReplaceable: SqliteStatement;
  readonly changePassword: SqliteStatement;
  readonly findHolder: SqliteStatement;
  readonly rotate: RotateStatement;
  readonly recordLateDouble: SqliteStatement;
  readonly end: SqliteStatement;
  readonly endOthers: SqliteStatement;
  readonly raiseEpoch: SqliteStatement;

  constructor(database: SqliteDatabase) {
    this.find = database.prepare(`
      SELECT sessions.*, ${joinedUserColumns}
      FROM sessions LEFT JOIN users ON users.id = sessions.user_id WHERE sessions.id = :id`);
    this.list = database.prepare(`
      SELECT * FROM sessions WHERE user_id = :userId AND ${isAlive(':now')} ORDER BY last_used_at DESC, created_at DESC, id`);
    this.insert = database.prepare(insertSql);
    this.evict = database.prepare(`
      UPDATE sessions SET ended_at = :now, end_reason = 'evicted' WHERE id IN (
        SELECT id FROM sessions WHERE user_id = :userId AND ${isAlive(':now')}
        ORDER BY id = :id DESC, last_used_at DESC, created_at DESC, id LIMIT -1 OFFSET :maxSessions)
      RETURNING id`);
    this.findReplaceable = database.prepare(`SELECT id FROM sessions WHERE id = :id AND user_id = :userId AND ${isAlive(':now')}`);
    this.changePassword = database.prepare(`
      UPDATE users SET password_hash = :toHash, session_epoch = session_epoch + 1, updated_at = :now
      WHERE id = :id AND password_hash = :fromHash AND session_epoch = :epoch AND disabled_at IS NULL RETURNING session_epoch`);
    this.findHolder = database.prepare('SELECT 1 FROM users WHERE id = :userId AND session_epoch = :epoch AND disabled_at IS NULL');
    this.rotate = new RotateStatement(database);
    this.recordLateDouble = database.prepare(`
      UPDATE sessions SET late_double_generation = :generation
      WHERE id = :id AND generation = :generation AND ${isAlive(':now')}
        AND (late_double_generation IS NULL OR late_double_generation < :generation - 1)`);
    this.end = database.prepare(`
      UPDATE sessions SET ended_at = :now, end_reason = :reason
      WHERE id = :id AND ended_at IS NULL AND (:userId IS NULL OR user_id = :userId) RETURNING user_id`);
    this.endOthers = database.prepare(`
      UPDATE sessions SET ended_at = :now, end_reason = :reason WHERE user_id = :userId AND id <> :exceptId AND ${isAlive(':now')} RETURNING id`);
    this.raiseEpoch = database.prepare(
      'UPDATE users SET session_epoch = session_epoch + 1, updated_at = :now WHERE id = :id RETURNING session_epoch',
    );
  }
}

/** Conditional on the epoch that was read with the password hash: a slow login with an old password cannot outlive its reset. */
const insertSql = `
  INSERT INTO sessions (id, user_id, secret_digest, generation, retired_at, retirements, late_double_generation, delivery, remember, epoch,
    authenticated_at, factors, device, created_at, last_used_at, idle_expires_at, absolute_expires_at, ended_at, end_reason)
  SELECT :id, users.id, :secretDigest, 0, NULL, '', NULL, :delivery, :remember, users.session_epoch,
    coalesce(:provedAt, :now), :factors, :device, :now, :now, :idleExpiresAt, :absoluteExpiresAt, NULL, NULL
  FROM users WHERE users.id = :userId AND users.session_epoch = :epoch AND users.disabled_at IS NULL`;

export function sessionActs(database: SqliteDatabase, outbox: Outbox): ActsOf<'sessions'> {
  const sessions = new Sessions(database);
  return {
    'sessions.open': (scope, input) => sessions.open(scope, input),
    'sessions.replace': (scope, input) => sessions.replace(scope, input),
    'sessions.changePassword': (scope, input) => outbox.with(scope, input.outgoing, sessions.changePassword(scope, input)),
    'sessions.changeFactor': (scope, input) => outbox.with(scope, input.outgoing, sessions.changeFactor(scope, input)),
    'sessions.find': (scope, id) => sessions.find(scope, id),
    'sessions.list': (scope, userId) => sessions.list(scope, userId),
    'sessions.rotate': (scope, ...rotation) => sessions.rotate(scope, rotation),
    'sessions.recordLateDouble': (scope, id, generation) => sessions.recordLateDouble(scope, id, generation),
    'sessions.end': (scope, ...[id, reason, how]) =>
      outbox.with(scope, how?.outgoing, sessions.end(scope, { id, reason, userId: how?.userId ?? null })),
    'sessions.endOthers': (scope, ...[userId, exceptId, reason]) => sessions.endOthers(scope, { userId, exceptId, reason }),
    'sessions.endAll': (scope, userId) => sessions.endAll(scope, userId),
    'sessions.removeFactor': (scope, userId, outgoing) => {
      const removed = sessions.removeFactor(scope, userId);
      if (removed) outbox.write(scope, outgoing);
      return removed;
    },
  };
}

class Sessions {
  readonly #statements: SessionStatements;
  readonly #factors: Factors;

  constructor(database: SqliteDatabase) {
    this.#statements = new SessionStatements(database);
    this.#factors = new Factors(database);
  }

  open(scope: ActScope, { session, epoch, replaces, maxSessions, uses = [] }: OpenSessionInput): LiveSession | null {
    const { id, userId } = session;
    const { now } = scope;
    // First who it is, which the insert asks again: what was used up would stay so.
    if (uses.length > 0 && !(this.#isHolder(userId, epoch) && this.#factors.useUp(scope, userId, uses))) return null;
    const inserted = this.#statements.insert.run({
      id,
      userId,
      epoch,
      secretDigest: session.secretDigest,
      delivery: session.delivery,
      remember: session.remember ? 1 : 0,
      factors: JSON.stringify(session.factors),
      provedAt: session.provedAt ?? null,
      device: session.device,
      idleExpiresAt: now + session.idleSeconds * 1000,
      absoluteExpiresAt: now + session.absoluteSeconds * 1000,
      now,
    });
    if (inserted.changes === 0) return null;
    if (replaces !== null) this.end(scope, { id: replaces, reason: 'replaced', userId: null });
    endReturned(scope, this.#statements.evict, { id, userId, maxSessions, now });
    return this.#findWritten(scope, id);
  }

  replace(scope: ActScope, input: ActArguments<'sessions.replace'>[0]): LiveSession | null {
    return this.#isReplaceable(scope, input) ? this.open(scope, input) : null;
  }

  changePassword(scope: ActScope, input: ActArguments<'sessions.changePassword'>[0]): LiveSession | null {
    if (!this.#isReplaceable(scope, input)) return null;
    const { fromHash, toHash, session } = input;
    const [row] = this.#statements.changePassword.all({
      id: session.userId,
      fromHash,
      toHash,
      epoch: input.epoch,
      now: scope.now,
    }) as EpochRow[];
    if (row === undefined) return null;
    scope.revoke('epoch', session.userId, row.session_epoch);
    return this.open(scope, { ...input, epoch: row.session_epoch });
  }

  changeFactor(scope: ActScope, input: ActArguments<'sessions.changeFactor'>[0]): LiveSession | null {
    const { userId } = input.session;
    if (!this.#isReplaceable(scope, input) || !this.#isHolder(userId, input.epoch)) return null;
    if (!this.#factors.change(scope, userId, input.change)) return null;
    this.endAll(scope, userId);
    return this.open(scope, { ...input, epoch: input.epoch + 1 });
  }

  removeFactor(scope: ActScope, userId: string): boolean {
    return this.#factors.change(scope, userId, { kind: 'disable' }) && this.endAll(scope, userId);
  }

  #isHolder(userId: string, epoch: number): boolean {
    return this.#statements.findHolder.get({ userId, epoch }) !== undefined;
  }

  /** Whether the session that is to be replaced is alive and of the same user. The transaction keeps it so. */
  #isReplaceable({ now }: ActScope, { session, replaces }: ActArguments<'sessions.replace'>[0]): boolean {
    return this.#statements.findReplaceable.get({ id: replaces, userId: session.userId, now }) !== undefined;
  }

  find({ now }: ActScope, id: string): SessionAndUser | null {
    const row = this.#statements.find.get({ id }) as (SessionRow & JoinedUserRow) | undefined;
    if (row === undefined) return null;
    const session = sessionFromRow(row);
    return { session, user: joinedUser(row), now: notBeforeRetirement(now, session.retirements[0]) };
  }

  /** The session that this act has just written. */
  #findWritten(scope: ActScope, id: string): LiveSession {
    return this.find(scope, id) as LiveSession;
  }

  list({ now }: ActScope, userId: string): SessionRecord[] {
    return (this.#statements.list.all({ userId, now }) as SessionRow[]).map(sessionFromRow);
  }

  rotate(scope: ActScope, rotation: Rotation): ActResult<'sessions.rotate'> {
    return this.#statements.rotate.run(scope.now, rotation) ?? { found: this.find(scope, rotation[0]) };
  }

  recordLateDouble({ now }: ActScope, id: string, generation: number): boolean {
    return this.#statements.recordLateDouble.run({ id, generation, now }).changes !== 0;
  }

  end(scope: ActScope, ending: { id: string; reason: SessionEndReason; userId: string | null }): string | null {
    const [row] = this.#statements.end.all({ ...ending, now: scope.now }) as Pick<SessionRow, 'user_id'>[];
    if (row === undefined) return null;
    scope.revoke('session', ending.id, 0);
    return row.user_id;
  }

  endOthers(scope: ActScope, others: { userId: string; exceptId: string; reason: SessionEndReason }): number {
    return endReturned(scope, this.#statements.endOthers, { ...others, now: scope.now });
  }

  endAll(scope: ActScope, userId: string): boolean {
    const [row] = this.#statements.raiseEpoch.all({ id: userId, now: scope.now }) as EpochRow[];
    if (row === undefined) return false;
    scope.revoke('epoch', userId, row.session_epoch);
    return true;
  }
}
