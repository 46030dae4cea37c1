/** The record of events: the acts of `EventStore` as statements. Whoever appends or trims locks the head first, so that there is one chain. */
import type { EventMark, EventMarkName, EventMarks, EventQuery, EventRecord, EventStore, NewEventRecord } from '../../model/event-store.js';
import { appendTo, personOf, trimFrom, withoutAddress, type ChainPlace } from '../../model/event-chain.js';
import { eventFromRow, marksFromRows, type EventRow, type MarkRow } from '../event-rows.js';
import type { Run } from './connections.js';
import type { Database } from './database.js';
import { lockKey, prepared, type Statement, type Wording } from './statements.js';

class EventStatements {
  readonly lock: Statement;
  readonly marks: Statement;
  readonly setMark: Statement;
  readonly last: Statement;
  readonly has: Statement;
  readonly keepUsers: Statement;
  readonly insert: Statement;
  readonly read: Statement;
  readonly list: Statement;
  readonly listOfUser: Statement;
  readonly listOfType: Statement;
  readonly removeUpTo: Statement;

  constructor(wording: Wording) {
    const { events, eventMarks, users } = wording;
    // Not the row of the head: before the first event there is none.
    this.lock = prepared(`SELECT pg_advisory_xact_lock(${lockKey(wording, 'events')}::bigint)`);
    this.marks = prepared(`SELECT name, position, hash, signature FROM ${eventMarks}`);
    this.setMark = prepared(`
      INSERT INTO ${eventMarks} (name, position, hash, signature) VALUES ($1, $2::bigint, $3, $4)
      ON CONFLICT (name) DO UPDATE SET position = excluded.position, hash = excluded.hash, signature = excluded.signature`);
    this.last = prepared(`SELECT position, hash FROM ${events} ORDER BY position DESC LIMIT 1`);
    this.has = prepared(`SELECT 1 FROM ${events} WHERE id = $1`);
    // Who is being deleted is waited for, and who is there cannot be deleted before the address is written that has to go with him.
    this.keepUsers = prepared(`SELECT id FROM ${users} WHERE id = ANY($1::text[]) ORDER BY id FOR KEY SHARE`);
    this.insert = prepared(`
      INSERT INTO ${events} (position, id, at, type, user_id, session_id, actor_id, address, address_salt, address_digest, details, hash, checkpoint)
      SELECT position, id, at, type, user_id, session_id, actor_id, address,
        decode(address_salt, 'hex'), decode(address_digest, 'hex'), details, decode(hash, 'hex'), decode(checkpoint, 'hex')
      FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
        $10::text[], $11::text[], $12::text[], $13::text[])
        AS given (position, id, at, type, user_id, session_id, actor_id, address, address_salt, address_digest, details, hash, checkpoint)`);
    this.read = prepared(`SELECT * FROM ${events} WHERE position > $1::bigint ORDER BY position LIMIT $2::bigint`);
    const listed = (which: string): Statement =>
      prepared(`
        SELECT * FROM ${events} WHERE (at, position) < ($1::bigint, $2::bigint) AND at >= $3::bigint ${which}
        ORDER BY at DESC, position DESC LIMIT $4::bigint`);
    this.list = listed('');
    this.listOfUser = listed('AND user_id = $5 AND ($6::text[] IS NULL OR type = ANY($6::text[]))');
    this.listOfType = listed('AND type = $5');
    this.removeUpTo = prepared(`DELETE FROM ${events} WHERE position <= $1::bigint`);
  }
}

export function eventStore(database: Database, wording: Wording): EventStore {
  const statements = new EventStatements(wording);
  const readMarks = async (run: Run): Promise<EventMarks> => marksFromRows(await run<MarkRow>(statements.marks));
  const setMark = (run: Run, name: EventMarkName, { position, hash, signature }: EventMark): Promise<unknown> =>
    run(statements.setMark, [name, position, hash, signature]);
  return {
    append: (events, signers) =>
      database.transaction(async (run) => {
        await run(statements.lock);
        if (events[0] === undefined || (await run(statements.has, [events[0].id])).length > 0) return;
        const [last = null] = await run<ChainPlace>(statements.last);
        const { rows, head } = appendTo({ ...(await readMarks(run)), last }, events, signers);
        await run(statements.insert, columnsOf(await withAddressesOfUsers(run, statements, rows)));
        await setMark(run, 'head', head);
      }),
    list: async (query) => (await database.read<EventRow>(...listing(statements, query))).map(eventFromRow),
    read: async (after, limit) => (await database.read<EventRow>(statements.read, after, limit)).map(eventFromRow),
    marks: () => database.reading(readMarks),
    trim: (how) =>
      database.transaction(async (run) => {
        await run(statements.lock);
        const rows = (await run<EventRow>(statements.read, [0, how.limit])).map(eventFromRow);
        const { outcome, start } = trimFrom(await readMarks(run), rows, how);
        if (start === null) return outcome;
        await run(statements.removeUpTo, [start.position]);
        await setMark(run, 'start', start);
        return outcome;
      }),
  };
}

function listing(
  { list, listOfUser, listOfType }: EventStatements,
  { userId, types, from, before, limit }: EventQuery,
): readonly [Statement, ...unknown[]] {
  const page = [before.at, before.position, from, limit];
  if (userId !== null) return [listOfUser, ...page, userId, types];
  return types === null ? [list, ...page] : [listOfType, ...page, types[0] ?? ''];
}

async function withAddressesOfUsers(
  run: Run,
  { keepUsers }: EventStatements,
  rows: readonly EventRecord[],
): Promise<readonly EventRecord[]> {
  const of = (row: NewEventRecord): string | null => (row.address === null ? null : personOf(row));
  const people = [...new Set(rows.map(of).filter((id) => id !== null))];
  if (people.length === 0) return rows;
  const there = new Set((await run<{ id: string }>(keepUsers, [people])).map(({ id }) => id));
  return rows.map((row) => {
    const person = of(row);
    return person === null || there.has(person) ? row : withoutAddress(row);
  });
}

function columnsOf(rows: readonly EventRecord[]): readonly unknown[][] {
  const hex = (bytes: Uint8Array | null): string | null => bytes && Buffer.from(bytes).toString('hex');
  const column = (value: (row: EventRecord) => unknown): unknown[] => rows.map(value);
  return [
    column((row) => row.position),
    column((row) => row.id),
    column((row) => row.at),
    column((row) => row.type),
    column((row) => row.userId),
    column((row) => row.sessionId),
    column((row) => row.actorId),
    column((row) => row.address),
    column((row) => hex(row.addressSalt)),
    column((row) => hex(row.addressDigest)),
    column((row) => row.details),
    column((row) => hex(row.hash)),
    column((row) => hex(row.checkpoint)),
  ];
}
