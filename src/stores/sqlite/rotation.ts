/**
 * The rotation of a refresh token. Every browser asks for it again and again, so it costs no more than it must: it crosses the threads as flat
 * values and comes back as one text, is one statement with bare parameters, and gives one column.
 */
import { maxRetirements, type RotatedSession, type RotateInput } from '../../model/store.js';
import { isAlive } from './alive.js';
import type { SqliteDatabase, SqliteStatement, SqliteValue } from './driver.js';
import { userFromValues, valuesOfUser } from './user-rows.js';

/** What the database thread is asked for. */
export type Rotation = readonly [
  id: string,
  /** In base64url. */
  secretDigest: string,
  bearer: number,
  from: number,
  to: number,
  idleMilliseconds: number,
  transientIdleMilliseconds: number,
  windowMilliseconds: number,
];

export function rotationOf(input: RotateInput): Rotation {
  const digest = input.secretDigest;
  return [
    input.sessionId,
    Buffer.from(digest.buffer, digest.byteOffset, digest.byteLength).toString('base64url'),
    input.bearer ? 1 : 0,
    input.from,
    input.to,
    input.idleSeconds * 1000,
    input.transientIdleSeconds * 1000,
    input.replayWindowSeconds * 1000,
  ];
}

/** Digits of an instant in `retirements`: fixed, so that the list can be cut by length. Enough until the year 2286. */
const instantDigits = 13;

/**
 * `retired` holds `now` once for each generation that is retired: one, or more when generations are skipped because the store had lost them
 * (they were retired no later than now). What was retired before that stays listed while the last retirement is within the window.
 */
const rotateSql = `
  UPDATE sessions SET
    generation = ?,
    retirements = CASE WHEN retired_at IS NULL OR ? - retired_at > ? THEN ?
      ELSE substr(? || ',' || retirements, 1, ${maxRetirements * (instantDigits + 1) - 1}) END,
    retired_at = ?,
    last_used_at = ?,
    idle_expires_at = ? + CASE remember WHEN 1 THEN ? ELSE ? END
  WHERE id = ? AND generation = ? AND secret_digest = ? AND (delivery = 'bearer') = ? AND ${isAlive('?')}
  RETURNING json_array(
    json_array(user_id, generation, delivery, remember, epoch, authenticated_at, factors, device, created_at, last_used_at, idle_expires_at,
      absolute_expires_at),
    (SELECT json_array(${valuesOfUser}) FROM users WHERE users.id = sessions.user_id)) AS rotated`;

export class RotateStatement {
  readonly #statement: SqliteStatement;

  constructor(database: SqliteDatabase) {
    this.#statement = database.prepare(rotateSql);
  }

  /** What `rotatedFrom` reads; null when the row was not as it must be, and nothing was written. */
  run(now: number, [id, secretDigest, bearer, from, to, idle, transientIdle, window]: Rotation): string | null {
    const instant = String(now).padStart(instantDigits, '0');
    const retired =
      to - from === 1
        ? instant
        : Array<string>(to - from)
            .fill(instant)
            .join(',');
    const assigned: SqliteValue[] = [to, now, window, retired, retired, now, now, now, idle, transientIdle];
    const conditions: SqliteValue[] = [id, from, Buffer.from(secretDigest, 'base64url'), bearer, now, now];
    // Read to its end: a statement left unfinished would keep the log from ever being checkpointed.
    const [row] = this.#statement.all(...assigned, ...conditions) as { rotated: string }[];
    return row?.rotated ?? null;
  }
}

type SessionValues = readonly [
  userId: string,
  generation: number,
  delivery: RotatedSession['session']['delivery'],
  remember: number,
  epoch: number,
  authenticatedAt: number,
  factors: string,
  device: string,
  createdAt: number,
  lastUsedAt: number,
  idleExpiresAt: number,
  absoluteExpiresAt: number,
];

export function rotatedFrom(id: string, text: string): RotatedSession {
  const [session, user] = JSON.parse(text) as [SessionValues, Parameters<typeof userFromValues>[0]];
  const [userId, generation, delivery, remember, epoch, authenticatedAt, factors, device, createdAt, lastUsedAt, idle, absolute] = session;
  return {
    session: {
      id,
      userId,
      generation,
      delivery,
      remember: remember === 1,
      epoch,
      authenticatedAt,
      factors: JSON.parse(factors) as string[],
      device,
      createdAt,
      lastUsedAt,
      idleExpiresAt: idle,
      absoluteExpiresAt: absolute,
      endedAt: null,
      endReason: null,
    },
    user: userFromValues(user),
    now: lastUsedAt,
  };
}
