/** Brings users here from elsewhere: line by line, some at a time, so that neither memory nor anybody who logs in meanwhile feels how many. */
import type { FirebaseProject } from '../crypto/password-schemes/firebase-scrypt.js';
import { sha256 } from '../crypto/digest.js';
import type { ImportOutcome, NewUserRecord } from '../model/store.js';
import { parseEmail, parseUsername, type Identifier } from '../policy/identifiers.js';
import type { FlowContext } from './context.js';
import { readImportedUser } from './imported-user.js';
import type { TextLine } from './text-lines.js';

export interface UserImport {
  readonly lines: AsyncIterable<TextLine>;
  /** Looks, and writes nothing. */
  readonly isDryRun: boolean;
  readonly firebase: FirebaseProject | null;
  readonly onProblem: (problem: ImportProblem) => void;
  /** After each batch. */
  readonly onProgress: (so: ImportCounts) => void;
  /** Stops it after the batch that is being written. */
  readonly signal: AbortSignal;
}

export interface ImportProblem {
  readonly line: number;
  /** Never holds a hash. */
  readonly reason: string;
}

export interface ImportCounts {
  readonly imported: number;
  /** Imported before, or come here otherwise. */
  readonly alreadyThere: number;
  readonly problems: number;
}

interface Candidate {
  readonly line: number;
  readonly record: NewUserRecord;
  /** Whether the file says which user it is; otherwise he is known by user name and address. */
  readonly isNamed: boolean;
}

/** In one transaction: on SQLite everybody else waits for as long. */
const batchSize = 100;

/** Can be repeated, also after it was interrupted: who is there already is left as he is. */
export async function importUsers(context: FlowContext, work: UserImport): Promise<ImportCounts> {
  const counts = { imported: 0, alreadyThere: 0, problems: 0 };
  const complain = (line: number, reason: string): void => {
    counts.problems += 1;
    work.onProblem({ line, reason });
  };
  const seen = new SeenKeys();
  const settle = async (batch: readonly Candidate[]): Promise<void> => {
    const outcomes = work.isDryRun
      ? await foresee(context, batch, seen)
      : await context.store.users.createAll(batch.map(({ record }) => record));
    for (const [index, candidate] of batch.entries()) {
      const outcome = outcomes[index] ?? 'created';
      if (outcome === 'created') {
        counts.imported += 1;
        if (!work.isDryRun) context.emit('user.created', { userId: candidate.record.id, reason: 'imported' });
      } else if (await isSameUser(context, candidate, outcome)) counts.alreadyThere += 1;
      else complain(candidate.line, takenBy[outcome]);
    }
    work.onProgress({ ...counts });
  };
  let batch: Candidate[] = [];
  for await (const { number, text, problem } of work.lines) {
    if (work.signal.aborted) return counts;
    if (problem === null && text.trim() === '') continue;
    const read = problem === null ? readImportedUser(context, text, work.firebase) : { reason: problem };
    if ('reason' in read) complain(number, read.reason);
    else batch.push({ line: number, ...read });
    if (batch.length < batchSize) continue;
    await settle(batch);
    batch = [];
  }
  if (batch.length > 0 && !work.signal.aborted) await settle(batch);
  return counts;
}

type Outcome = ImportOutcome | 'repeated';

const takenBy: Readonly<Record<Exclude<Outcome, 'created'>, string>> = {
  repeated: 'has the id, the user name or the address of an earlier line',
  id_taken: 'id is taken',
  username_taken: 'username is taken by another user',
  email_taken: 'email is taken by another user',
};

/** Whether who is in the way is the one who was to be imported. */
async function isSameUser({ store }: FlowContext, { record, isNamed }: Candidate, outcome: Outcome): Promise<boolean> {
  if (outcome === 'id_taken' || outcome === 'repeated') return outcome === 'id_taken';
  const { usernameKey, emailKey } = record;
  const key = outcome === 'username_taken' ? usernameKey !== null && { usernameKey } : emailKey !== null && { emailKey };
  if (isNamed || key === false) return false;
  const holder = await store.users.find(key);
  return holder !== null && keyOf(holder.username, parseUsername) === usernameKey && keyOf(holder.email, parseEmail) === emailKey;
}

function keyOf(value: string | null, parse: (value: string) => Identifier | null): string | null {
  return value === null ? null : (parse(value)?.key ?? null);
}

/** What would become of each. A line that repeats another is told: that one of them would be passed over may not be what is meant. */
function foresee({ store }: FlowContext, batch: readonly Candidate[], seen: SeenKeys): Promise<Outcome[]> {
  return Promise.all(
    batch.map(async ({ record: { id, usernameKey, emailKey, emailVerified } }): Promise<Outcome> => {
      const isNew = { id: seen.add(`id ${id}`), username: seen.add(`username ${usernameKey}`), email: seen.add(`email ${emailKey}`) };
      const [same, namesake, holder] = await Promise.all([
        store.users.find({ id }),
        usernameKey === null ? null : store.users.find({ usernameKey }),
        emailKey === null ? null : store.users.find({ emailKey }),
      ]);
      if (same !== null) return 'id_taken';
      if (namesake !== null) return 'username_taken';
      const givesItUp = holder !== null && !holder.emailVerified && emailVerified;
      if (holder !== null && !givesItUp) return 'email_taken';
      const isRepeated = !isNew.id || (usernameKey !== null && !isNew.username) || (emailKey !== null && !isNew.email);
      return isRepeated ? 'repeated' : 'created';
    }),
  );
}

/** Of a dry run, in which nobody is written whom the next line could meet. Six bytes of a digest of each key: memory stays small. */
class SeenKeys {
  readonly #digests = new Set<number>();

  /** Whether it is the first time. */
  add(key: string): boolean {
    const before = this.#digests.size;
    this.#digests.add(Buffer.from(sha256(Buffer.from(key))).readUIntBE(0, 6));
    return this.#digests.size > before;
  }
}
