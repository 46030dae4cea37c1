/** Sessions: the acts of `SessionStore` as statements. */
import { maxRetirements } from '../../model/store.js';
import type { LiveSession, OpenSessionInput, RotateInput, SessionAndUser, SessionStore } from '../../model/store.js';
import type { Run } from './connections.js';
import type { FactorChange } from '../../model/factors.js';
import type { Database } from './database.js';
import { changeFactor, FactorStatements, useUp } from './factors.js';
import { prepared, revoking, timed, type Statement, type Wording } from './statements.js';
import { outboxWriter, type OutboxWriter } from './outbox-writer.js';
import { foundIn, heldColumns, liveIn, ofSession, rotatedIn, sessionColumns, sessionFromRow, type SessionRow } from './session-rows.js';
import { columns, joinedUserColumns } from './user-rows.js';

class SessionStatements {
  readonly find: Statement;
  readonly list: Statement;
  readonly insert: Statement;
  readonly endSurplus: Statement;
  readonly endReplaced: Statement;
  readonly lockForPassword: Statement;
  readonly changePassword: Statement;
  readonly rotate: Statement;
  readonly recordLateDouble: Statement;
  readonly end: Statement;
  readonly endOthers: Statement;
  readonly endAll: Statement;
  readonly lockHolder: Statement;
  readonly factors: FactorStatements;

  constructor(wording: Wording) {
    const { sessions, users } = wording;
    const alive = isAlive(wording);
    this.find = timed(
      wording,
      `SELECT ${ofSession('sessions')}, ${joinedUserColumns('users')}, terms.now
      FROM terms CROSS JOIN ${sessions} LEFT JOIN ${users} ON users.id = sessions.user_id WHERE sessions.id = $2`,
    );
    this.list = timed(
      wording,
      `SELECT ${ofSession('sessions')} FROM terms, ${sessions} WHERE sessions.user_id = $2 AND ${alive} ORDER BY last_used_at DESC, created_at DESC, id`,
    );
    this.insert = insertStatement(wording);
    this.endSurplus = endSurplusStatement(wording);
    this.endReplaced = endStatement(wording, `'replaced'`, `sessions.id = $2 AND sessions.user_id = $3 AND ${alive}`);
    this.lockForPassword = timed(wording, `SELECT FROM ${users}, terms WHERE ${hasPassword} FOR NO KEY UPDATE OF users`);
    this.changePassword = newEpochStatement(wording, 'password_hash = $5,', hasPassword);
    this.rotate = rotateStatement(wording);
    this.recordLateDouble = timed(
      wording,
      `UPDATE ${sessions} SET late_double_generation = $3::bigint FROM terms
      WHERE sessions.id = $2 AND generation = $3::bigint AND ${alive}
        AND (late_double_generation IS NULL OR late_double_generation < $3::bigint - 1) RETURNING sessions.id`,
    );
    this.end = endStatement(
      wording,
      '$3',
      `sessions.id = $2 AND sessions.ended_at IS NULL AND ($4::text IS NULL OR sessions.user_id = $4)`,
    );
    this.endOthers = endStatement(wording, '$4', `sessions.user_id = $2 AND sessions.id <> $3 AND ${alive}`);
    this.endAll = newEpochStatement(wording, '', 'id = $2');
    this.lockHolder = prepared(
      `SELECT FROM ${users} WHERE id = $1 AND session_epoch = $2::bigint AND disabled_at IS NULL FOR NO KEY UPDATE`,
    );
    this.factors = new FactorStatements(wording);
  }
}

/** The one definition of a session that is alive: of the session, and of its user. */
const isUnexpired = '(sessions.ended_at IS NULL AND sessions.idle_expires_at > terms.now AND sessions.absolute_expires_at > terms.now)';
const isOwner = (user: string): string =>
  `(${user}.id = sessions.user_id AND ${user}.disabled_at IS NULL AND ${user}.session_epoch <= sessions.epoch)`;
const isAlive = ({ users }: Wording): string => `(${isUnexpired} AND EXISTS (SELECT FROM ${users} AS owner WHERE ${isOwner('owner')}))`;

const hasPassword = '(id = $2 AND password_hash = $3 AND session_epoch = $4::bigint AND disabled_at IS NULL)';

function endStatement(wording: Wording, reason: string, condition: string): Statement {
  return revoking(
    wording,
    `UPDATE ${wording.sessions} SET ended_at = terms.now, end_reason = ${reason} FROM terms WHERE ${condition}
    RETURNING sessions.id, sessions.user_id`,
    { kind: 'session', subject: 'changed.id', value: '0' },
  );
}

/** `$3` is the new session, `$4` the one it replaces, `$5` how many may be alive. */
function endSurplusStatement(wording: Wording): Statement {
  const { sessions } = wording;
  const surplus = `
    SELECT sessions.id FROM terms, ${sessions} WHERE sessions.user_id = $2 AND sessions.id <> coalesce($4, '') AND ${isAlive(wording)}
    ORDER BY sessions.id = $3 DESC, last_used_at DESC, created_at DESC, sessions.id OFFSET $5::bigint`;
  return endStatement(
    wording,
    `CASE sessions.id WHEN $4 THEN 'replaced' ELSE 'evicted' END`,
    `sessions.ended_at IS NULL AND sessions.id IN (SELECT $4::text UNION ALL (${surplus}))`,
  );
}

function newEpochStatement(wording: Wording, assignments: string, condition: string): Statement {
  return revoking(
    wording,
    `UPDATE ${wording.users} SET ${assignments} session_epoch = session_epoch + 1, updated_at = terms.now FROM terms WHERE ${condition}
    RETURNING id, session_epoch`,
    { kind: 'epoch', subject: 'changed.id', value: 'changed.session_epoch' },
  );
}

/**
 * Conditional on the epoch that was read with the password hash, under a lock on the user: a slow login with an old password cannot outlive its
 * reset, and the logins of one user come one after the other, so that each sees how many sessions there are.
 */
function insertStatement(wording: Wording): Statement {
  return timed(
    wording,
    `holder AS (
      SELECT ${columns} FROM ${wording.users} WHERE id = $3 AND session_epoch = $11::bigint AND disabled_at IS NULL FOR NO KEY UPDATE)`,
    `inserted AS (
      INSERT INTO ${wording.sessions} (id, user_id, secret_digest, generation, retirements, delivery, remember, epoch,
        authenticated_at, factors, device, created_at, last_used_at, idle_expires_at, absolute_expires_at)
      SELECT $2, holder.id, $4, 0, '{}', $5, $6, holder.session_epoch,
        coalesce($12::bigint, terms.now), $7, $8, terms.now, terms.now, terms.now + $9::bigint, terms.now + $10::bigint
      FROM holder, terms RETURNING ${sessionColumns.join(', ')})`,
    `SELECT ${ofSession('inserted')}, ${joinedUserColumns('holder')}, terms.now, terms.life FROM inserted, holder, terms`,
  );
}

/**
 * Each generation that is retired gets `now`: one, or more when generations are skipped because the store had lost them (they were retired no
 * later than now). What was retired before that stays listed while the last retirement is within the window. The user is read without a lock:
 * a rotation that overlaps with the end of all his sessions comes before it, and its access token is of the old epoch.
 */
function rotateStatement(wording: Wording): Statement {
  const retired = 'array_fill(terms.now, ARRAY[($4::bigint - $3::bigint)::integer])';
  return timed(
    wording,
    `UPDATE ${wording.sessions} SET
      generation = $4::bigint,
      retirements = CASE WHEN retired_at IS NULL OR terms.now - retired_at > $9::bigint THEN ${retired}
        ELSE (${retired} || retirements)[1:${maxRetirements}] END,
      retired_at = terms.now,
      last_used_at = terms.now,
      idle_expires_at = terms.now + CASE WHEN remember THEN $7::bigint ELSE $8::bigint END
    FROM terms, ${wording.users}
    WHERE sessions.id = $2 AND generation = $3::bigint AND secret_digest = $5 AND (delivery = 'bearer') = $6
      AND ${isUnexpired} AND ${isOwner('users')}
    RETURNING ${ofSession('sessions', heldColumns)}, ${joinedUserColumns('users')}, terms.now, terms.life`,
  );
}

export function sessionStore(database: Database, wording: Wording): SessionStore {
  const statements = new SessionStatements(wording);
  const write: OutboxWriter = outboxWriter(wording);
  const find = async (id: string): Promise<SessionAndUser | null> => foundIn(await database.read(statements.find, id));
  return {
    open: (input) => database.transaction((run) => open(run, statements, input)),
    replace: (input) => database.transaction((run) => replace(run, statements, input)),
    changePassword: (input) =>
      database.transaction(async (run) => {
        const changed = await changePassword(run, statements, input);
        if (changed !== null) await write(run, input.outgoing);
        return changed;
      }),
    changeFactor: (input) =>
      database.transaction(async (run) => {
        const changed = await changeFactorOf(run, statements, input);
        if (changed !== null) await write(run, input.outgoing);
        return changed;
      }),
    find,
    list: async (userId) => (await database.read<SessionRow>(statements.list, userId)).map(sessionFromRow),
    rotate: async (input) => {
      const live = rotatedIn(await database.write(statements.rotate, ...rotateValues(input)));
      return live === null ? { outcome: 'not_rotated', found: await find(input.sessionId) } : { outcome: 'rotated', live };
    },
    recordLateDouble: async (id, generation) => (await database.write(statements.recordLateDouble, id, generation)).length === 1,
    end: (id, reason, { userId = null, outgoing = [] } = {}) => {
      const values = [id, reason, userId];
      const ownerIn = ([row]: readonly Pick<SessionRow, 'user_id'>[]): string | null => row?.user_id ?? null;
      if (outgoing.length === 0) return database.write<Pick<SessionRow, 'user_id'>>(statements.end, ...values).then(ownerIn);
      return database.transaction(async (run) => {
        const owner = ownerIn(await run<Pick<SessionRow, 'user_id'>>(statements.end, values));
        if (owner !== null) await write(run, outgoing);
        return owner;
      });
    },
    endOthers: async (userId, exceptId, reason) => (await database.write(statements.endOthers, userId, exceptId, reason)).length,
    endAll: async (userId) => (await database.write(statements.endAll, userId)).length === 1,
    removeFactor: async (userId, outgoing) => {
      const removed = await database.transaction(async (run) => {
        // The user first, as everywhere.
        await run(statements.endAll, [userId]);
        if (!(await changeFactor(run, statements.factors, { userId, change: { kind: 'disable' } }))) return null;
        await write(run, outgoing);
        return true;
      });
      return removed ?? false;
    },
  };
}

async function open(run: Run, statements: SessionStatements, input: OpenSessionInput): Promise<LiveSession | null> {
  const opened = await insertUsingUp(run, statements, input);
  if (opened !== null) await endSurplus(run, statements, input);
  return opened;
}

async function replace(run: Run, statements: SessionStatements, input: Replacing): Promise<LiveSession | null> {
  const opened = await insertUsingUp(run, statements, input);
  if (opened === null || !(await endReplaced(run, statements, input))) return null;
  await endSurplus(run, statements, { ...input, replaces: null });
  return opened;
}

/** The user is locked before his session, as everywhere. */
async function changePassword(
  run: Run,
  statements: SessionStatements,
  input: Replacing & { readonly fromHash: string; readonly toHash: string },
): Promise<LiveSession | null> {
  const unchanged = [input.session.userId, input.fromHash, input.epoch];
  const locked = await run(statements.lockForPassword, unchanged);
  if (locked.length === 0 || !(await endReplaced(run, statements, input))) return null;
  const [changed] = await run<{ session_epoch: number }>(statements.changePassword, [...unchanged, input.toHash]);
  return changed === undefined ? null : open(run, statements, { ...input, epoch: changed.session_epoch, replaces: null });
}

async function changeFactorOf(
  run: Run,
  statements: SessionStatements,
  input: Replacing & { readonly change: FactorChange },
): Promise<LiveSession | null> {
  const { userId } = input.session;
  const locked = await run(statements.lockHolder, [userId, input.epoch]);
  if (locked.length === 0 || !(await endReplaced(run, statements, input))) return null;
  if (!(await changeFactor(run, statements.factors, { userId, change: input.change }))) return null;
  await run(statements.endAll, [userId]);
  return open(run, statements, { ...input, epoch: input.epoch + 1, replaces: null });
}

/** The insert locks the user, before anything of his. */
async function insertUsingUp(run: Run, statements: SessionStatements, input: OpenSessionInput): Promise<LiveSession | null> {
  const opened = await insert(run, statements, input);
  const { session, uses = [] } = input;
  return opened !== null && (await useUp(run, statements.factors, { userId: session.userId, uses })) ? opened : null;
}

type Replacing = OpenSessionInput & { readonly replaces: string };

async function insert(run: Run, statements: SessionStatements, { session, epoch }: OpenSessionInput): Promise<LiveSession | null> {
  const values = [
    session.id,
    session.userId,
    session.secretDigest,
    session.delivery,
    session.remember,
    JSON.stringify(session.factors),
    session.device,
    session.idleSeconds * 1000,
    session.absoluteSeconds * 1000,
    epoch,
    session.provedAt ?? null,
  ];
  return liveIn(await run(statements.insert, values));
}

/** Ends the session that is replaced, and those that are too many now. */
async function endSurplus(run: Run, statements: SessionStatements, { session, replaces, maxSessions }: OpenSessionInput): Promise<void> {
  await run(statements.endSurplus, [session.userId, session.id, replaces, maxSessions]);
}

/** False: it was not alive, or another user's. */
async function endReplaced(run: Run, statements: SessionStatements, { session, replaces }: Replacing): Promise<boolean> {
  return (await run(statements.endReplaced, [replaces, session.userId])).length === 1;
}

function rotateValues(input: RotateInput): unknown[] {
  return [
    input.sessionId,
    input.from,
    input.to,
    input.secretDigest,
    input.bearer,
    input.idleSeconds * 1000,
    input.transientIdleSeconds * 1000,
    input.replayWindowSeconds * 1000,
  ];
}
