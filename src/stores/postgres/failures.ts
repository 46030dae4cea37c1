/** What the errors of the server and of a connection mean for the act that met them. */

/** Codes (PostgreSQL, appendix A): connection, sign-in, database, resources, shutdown, the machine, damage; read-only. */
const unavailable = /^(?:08|28|3D|53|57P|58|XX)|^25006$/;

/** Cancelled, locked, and the time-outs of a transaction: others may be answered well. */
const tookTooLong = /^(?:57014|55P03|25P03|25P04)$/;

/** The server has rolled back, and the same again may succeed: serialization failure and deadlock. */
const repeatable = /^(?:40001|40P01)$/;

/** Indexes that refuse a row when another took the name after we had looked: looking again finds who did. */
const takenMeanwhile: ReadonlySet<string> = new Set(['users_by_username', 'users_by_email']);

/** The server ended the connection: shutdown, crash of another, the time-outs of a transaction. */
const ended = /^(?:08|57P)|^25P0[34]$/;

/** User, password, database or rights are wrong. */
const misconfigured = /^(?:28|3D|42501)/;

/**
 * What the driver rejected with, reduced to what may be told: the message, but no details, which hold what was to be stored, and no connection,
 * which holds a password.
 */
export class PostgresFailure extends Error {
  /** Of an error that the server sent; null for one of the connection. */
  readonly code: string | null;
  /** The name of the unique index by which a row was refused. */
  readonly violated: string | null;

  constructor(error: unknown) {
    const { message, code, severity, constraint } = (error ?? {}) as Readonly<Record<string, unknown>>;
    const said = typeof message === 'string' && message !== '' ? message.replace(/\.$/, '') : null;
    const sqlState = typeof code === 'string' && typeof severity === 'string' ? code : null;
    // Where several addresses of a host were tried, there is no message.
    super(sqlState === null ? (said ?? String(code)) : `PostgreSQL says: ${said ?? ''} (${sqlState})`);
    this.name = 'PostgresFailure';
    this.code = sqlState;
    this.violated = sqlState === '23505' && typeof constraint === 'string' ? constraint : null;
  }

  /** The connection is gone, so that the server said nothing about what was asked last. */
  get isLost(): boolean {
    return this.code === null || ended.test(this.code);
  }

  /** The transaction was rolled back for a reason that may be gone the next time. */
  get isRepeatable(): boolean {
    return this.code !== null && (repeatable.test(this.code) || takenMeanwhile.has(this.violated ?? ''));
  }

  /** For whom opens the store, it is the set-up that is wrong. */
  get isMisconfigured(): boolean {
    return this.code !== null && misconfigured.test(this.code);
  }

  /** It says something about the server or the connection, or what happens there, and nothing about what the statement asks for. */
  get isUnavailability(): boolean {
    return this.code === null || unavailable.test(this.code) || this.tookTooLong;
  }

  /** The server gave up this statement or transaction, which says little about others: it may have met one row that was locked. */
  get tookTooLong(): boolean {
    return this.code !== null && tookTooLong.test(this.code);
  }
}
