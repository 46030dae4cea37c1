/** What the main thread and the database thread say to each other: named acts in batches, and their answers. */
import type { ApiKeyStore } from '../../model/api-key.js';
import type { FactorStore } from '../../model/factors.js';
import type { EventStore } from '../../model/event-store.js';
import type { CounterStore } from '../../model/limits.js';
import type { OutboxStore } from '../../model/outbox.js';
import type { ProofStore } from '../../model/proofs.js';
import type {
  KeyStore,
  OpenStore,
  Revocation,
  RevocationStore,
  SessionAndUser,
  SessionStore,
  StoreContext,
  UserStore,
} from '../../model/store.js';
import type { UserSlices } from '../user-slices.js';
import type { Rotation } from './rotation.js';

type WholeStore = Pick<OpenStore, 'now' | 'appliedMigrations' | 'restoreEpoch' | 'purge'>;

type Named<Prefix extends string, Port> = { readonly [Name in keyof Port & string as `${Prefix}.${Name}`]: Port[Name] };

interface Rotating {
  /** The text that says what was written, or what was found instead. */
  rotate(...rotation: Rotation): Promise<string | { readonly found: SessionAndUser | null }>;
}

type Methods = Named<'users', Omit<UserStore, 'list'> & UserSlices> &
  Named<'sessions', Omit<SessionStore, 'rotate'> & Rotating> &
  Named<'keys', KeyStore> &
  Named<'apiKeys', ApiKeyStore> &
  Named<'revocations', RevocationStore> &
  Named<'counters', CounterStore> &
  Named<'outbox', OutboxStore> &
  Named<'proofs', ProofStore> &
  Named<'factors', FactorStore> &
  Named<'events', EventStore> &
  Named<'store', WholeStore>;

export type ActName = keyof Methods;
export type ActArguments<Name extends ActName> = Parameters<Methods[Name]>;
export type ActResult<Name extends ActName> = Awaited<ReturnType<Methods[Name]>>;

/** What an act is given besides its arguments. */
export interface ActScope {
  /** Milliseconds since 1970 when the act was asked for. */
  readonly now: number;
  /** Writes a revocation row and has it told to the main thread once it is committed. */
  revoke(kind: Revocation['kind'], subject: string, value: number): void;
}

/** The acts whose names start with `Prefix`, as they run inside the transaction on the database thread. */
export type ActsOf<Prefix extends string> = {
  readonly [Name in ActName as Name extends `${Prefix}.${string}` ? Name : never]: (
    scope: ActScope,
    ...parameters: ActArguments<Name>
  ) => ActResult<Name>;
};

export type Acts = ActsOf<'users'> &
  ActsOf<'sessions'> &
  ActsOf<'keys'> &
  ActsOf<'apiKeys'> &
  ActsOf<'revocations'> &
  ActsOf<'counters'> &
  ActsOf<'outbox'> &
  ActsOf<'proofs'> &
  ActsOf<'factors'> &
  ActsOf<'events'> &
  ActsOf<'store'>;

/** Acts that write nothing: a batch of these alone needs no transaction. */
export const readingActs: ReadonlySet<ActName> = new Set<ActName>([
  'users.find',
  'users.findCredential',
  'users.listSlice',
  'users.readAll',
  'sessions.find',
  'sessions.list',
  'keys.list',
  'apiKeys.find',
  'apiKeys.list',
  'revocations.read',
  'outbox.nextDue',
  'proofs.find',
  'proofs.findWithCode',
  'factors.findTotp',
  'events.list',
  'events.read',
  'events.marks',
  'store.now',
  'store.appliedMigrations',
]);

/** Acts that write by one statement, which takes itself back when it fails: they need no savepoint. */
export const loneStatementActs: ReadonlySet<ActName> = new Set<ActName>(['sessions.rotate', 'sessions.recordLateDouble']);

export interface ActCall {
  readonly name: ActName;
  readonly parameters: readonly unknown[];
  readonly now: number;
}

/** `unavailable`: the database could not be reached. `config`: set up wrongly. `unexpected`: a statement was refused; nothing was written. */
export interface Failure {
  readonly kind: 'unavailable' | 'config' | 'unexpected';
  readonly message: string;
}

export type Answer = { readonly value: unknown } | { readonly failure: Failure };

/** What the database thread needs to open the database. */
export interface Opening extends Pick<StoreContext, 'accessTtlSeconds' | 'mode'> {
  /** Absolute path, or `:memory:`. */
  readonly file: string;
  readonly now: number;
}

export type ToDatabase = { readonly batch: readonly ActCall[] } | { readonly close: true };

export type FromDatabase =
  | { readonly opened: { readonly longestAccessSeconds: number } }
  | { readonly refused: Failure }
  /** One answer for each act, in order, and all revocation rows that were committed with them. */
  | { readonly answers: readonly Answer[]; readonly revocations: readonly Revocation[]; readonly longestAccessSeconds: number };
