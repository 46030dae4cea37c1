/** The record of events: the acts of `EventStore`, as they run on the database thread. */
import type {
  EventMark,
  EventMarkName,
  EventMarks,
  EventQuery,
  EventRecord,
  EventSigners,
  NewEventRecord,
} from '../../model/event-store.js';
import { appendTo, personOf, trimFrom, withoutAddress, type ChainPlace } from '../../model/event-chain.js';
import { eventFromRow, marksFromRows, type EventRow, type MarkRow } from '../event-rows.js';
import type { ActArguments, ActResult, ActsOf } from './acts.js';
import type { SqliteDatabase, SqliteStatement } from './driver.js';

class EventStatements {
  readonly marks: SqliteStatement;
  readonly setMark: SqliteStatement;
  readonly last: SqliteStatement;
  readonly has: SqliteStatement;
  readonly hasUser: SqliteStatement;
  readonly insert: SqliteStatement;
  readonly read: SqliteStatement;
  readonly list: SqliteStatement;
  readonly listOfUser: SqliteStatement;
  readonly listOfType: SqliteStatement;
  readonly removeUpTo: SqliteStatement;

  constructor(database: SqliteDatabase) {
    this.marks = database.prepare("SELECT name, position, hash, signature FROM event_marks WHERE name IN ('head', 'start')");
    this.setMark = database.prepare(`
      INSERT INTO event_marks (name, position, hash, signature) VALUES (:name, :position, :hash, :signature)
      ON CONFLICT (name) DO UPDATE SET position = excluded.position, hash = excluded.hash, signature = excluded.signature`);
    this.last = database.prepare('SELECT position, hash FROM events WHERE position = (SELECT max(position) FROM events)');
    this.has = database.prepare('SELECT 1 FROM events WHERE id = :id');
    this.hasUser = database.prepare('SELECT 1 FROM users WHERE id = :id');
    this.insert = database.prepare(`
      INSERT INTO events (position, id, at, type, user_id, session_id, actor_id, address, address_salt, address_digest, details, hash, checkpoint)
      VALUES (:position, :id, :at, :type, :userId, :sessionId, :actorId, :address, :addressSalt, :addressDigest, :details, :hash, :checkpoint)`);
    this.read = database.prepare('SELECT * FROM events WHERE position > :after ORDER BY position LIMIT :limit');
    const listed = (which: string): SqliteStatement =>
      database.prepare(`
        SELECT * FROM events WHERE ${which} (at, position) < (:beforeAt, :beforePosition) AND at >= :from
        ORDER BY at DESC, position DESC LIMIT :limit`);
    this.list = listed('');
    this.listOfUser = listed('user_id = :userId AND (:types IS NULL OR type IN (SELECT value FROM json_each(:types))) AND');
    this.listOfType = listed('type = :type AND');
    this.removeUpTo = database.prepare('DELETE FROM events WHERE position <= :position');
  }
}

class Events {
  readonly #statements: EventStatements;

  constructor(database: SqliteDatabase) {
    this.#statements = new EventStatements(database);
  }

  append(events: readonly NewEventRecord[], signers: EventSigners): void {
    const { has, insert } = this.#statements;
    if (events[0] === undefined || has.get({ id: events[0].id }) !== undefined) return;
    const last = (this.#statements.last.get() as ChainPlace | undefined) ?? null;
    const { rows, head } = appendTo({ ...this.marks(), last }, events, signers);
    for (const row of rows) insert.run({ ...(this.#mayKeepAddress(row) ? row : withoutAddress(row)) });
    this.#setMark('head', head);
  }

  list({ userId, types, from, before, limit }: EventQuery): EventRecord[] {
    const page = { from, beforeAt: before.at, beforePosition: before.position, limit };
    return (this.#listed({ userId, types }, page) as EventRow[]).map(eventFromRow);
  }

  #listed({ userId, types }: Pick<EventQuery, 'userId' | 'types'>, page: Readonly<Record<string, number>>): unknown[] {
    const { list, listOfUser, listOfType } = this.#statements;
    if (userId !== null) return listOfUser.all({ ...page, userId, types: types && JSON.stringify(types) });
    return types === null ? list.all(page) : listOfType.all({ ...page, type: types[0] ?? '' });
  }

  read(after: number, limit: number): EventRecord[] {
    return (this.#statements.read.all({ after, limit }) as EventRow[]).map(eventFromRow);
  }

  marks(): EventMarks {
    return marksFromRows(this.#statements.marks.all() as MarkRow[]);
  }

  trim(how: ActArguments<'events.trim'>[0]): ActResult<'events.trim'> {
    const { outcome, start } = trimFrom(this.marks(), this.read(0, how.limit), how);
    if (start === null) return outcome;
    this.#statements.removeUpTo.run({ position: start.position });
    this.#setMark('start', start);
    return outcome;
  }

  #mayKeepAddress(event: NewEventRecord): boolean {
    const id = personOf(event);
    return event.address === null || id === null || this.#statements.hasUser.get({ id }) !== undefined;
  }

  #setMark(name: EventMarkName, mark: EventMark): void {
    this.#statements.setMark.run({ name, ...mark });
  }
}

export function eventActs(database: SqliteDatabase): ActsOf<'events'> {
  const events = new Events(database);
  return {
    'events.append': (_, added, signers) => events.append(added, signers),
    'events.list': (_, query) => events.list(query),
    'events.read': (_, after, limit) => events.read(after, limit),
    'events.marks': () => events.marks(),
    'events.trim': (_, how) => events.trim(how),
  };
}
