/** The ports of moving an installation from one store to another while it is in use: what is read here, and written there. */

/**
 * How a value travels. `flag`: true or false. `json`: whatever it holds. `bytes`: `\x` and hex digits. `instants`: a list of numbers.
 * `text` and `integer` may be null, as all others may.
 */
export type MovedKind = 'text' | 'integer' | 'flag' | 'json' | 'bytes' | 'instants';

export interface MovedTable {
  readonly name: string;
  /** The column by which rows are told apart, and the order in which they are read. */
  readonly key: string;
  readonly columns: Readonly<Record<string, MovedKind>>;
  /** Further columns of which no two rows have the same value. */
  readonly unique: readonly string[];
}

/** A row by the names of its columns. */
export type MovedRow = Readonly<Record<string, unknown>>;

export interface MovedRows {
  readonly table: MovedTable;
  readonly rows: readonly MovedRow[];
}

/** What became of some keys of a table: those without a row are gone. */
export interface MovedChanges extends MovedRows {
  readonly keys: readonly (string | number)[];
}

/** What a store that has moved says of it. */
export interface MovedMark {
  readonly moveId: string;
  /** Where to, in words, without user and password. */
  readonly to: string;
  readonly movedAt: number;
}

/** The store that is left. Only the process that moves waits for it, and so nothing here is asynchronous. */
export interface MoveSource {
  readonly tables: readonly MovedTable[];
  /** Null: it has not moved. */
  findMark(): MovedMark | null;
  /** The longest access-token life, as stores keep it. */
  findLongestAccess(): string | null;
  count(table: MovedTable): number;
  /** From now on the keys of all rows that change are recorded for this move. What another had begun is void. */
  startRecording(moveId: string): void;
  stopRecording(): void;
  /** Every row, as of one moment. */
  readAll(): Iterable<MovedRows>;
  /**
   * While `work` runs nobody else writes. What is done within is committed together, or not at all.
   * @throws {ConfigError} another move has begun since
   */
  locked<Result>(moveId: string, work: () => Result | Promise<Result>): Promise<Result>;
  /** Within `locked`: what has changed and was not taken yet, of at most so many keys. */
  takeChanges(limit: number): readonly MovedChanges[];
  /** Within `locked`: from the commit on every process that uses this store is refused. */
  markMoved(mark: MovedMark): void;
  /** As if it had never moved. */
  removeMark(): void;
  close(): void;
}

/** `empty`: without rows of anybody, perhaps without tables. `unfinished`: filled by a move, and opened to nobody yet. */
export type TargetState =
  | { readonly state: 'empty' }
  | { readonly state: 'unfinished' | 'opened'; readonly moveId: string }
  | { readonly state: 'in_use'; readonly rows: number };

/** The store that is moved to. Until `commit` nothing of it can be seen by others, and until `open` no process starts on it. */
export interface MoveTarget {
  /** In words, without user and password. */
  readonly place: string;
  examine(): Promise<TargetState>;
  /** Milliseconds by its clock. */
  now(): Promise<number>;
  /** Begins to fill it, alone; what an unfinished move had left is removed. @throws {ConfigError} it holds the rows of others */
  begin(): Promise<void>;
  insert(rows: MovedRows): Promise<void>;
  /** Removes what the keys name, and any row that the new ones would meet in a unique column; then inserts. */
  replace(changes: MovedChanges): Promise<void>;
  read(table: MovedTable, keys: MovedChanges['keys']): Promise<readonly MovedRow[]>;
  readAll(table: MovedTable): AsyncIterable<readonly MovedRow[]>;
  count(table: MovedTable): Promise<number>;
  /** All of it is there, and belongs to the move. */
  commit(move: { readonly moveId: string; readonly longestAccess: string | null }): Promise<void>;
  /** Processes may start on it. */
  open(moveId: string): Promise<void>;
  /**
   * Closes it again to all processes, if it still holds what `isUnchanged` finds in it. Nobody writes meanwhile.
   * @throws {ConfigError} processes are connected to it
   */
  reclaim(moveId: string, isUnchanged: () => Promise<boolean>): Promise<boolean>;
  close(): void;
}
