/** The main thread's side of the store: makes the file, starts the database thread, and turns every method of the ports into an act. */
import { mkdir, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ConfigError } from '../../errors.js';
import type { ApiKeyStore } from '../../model/api-key.js';
import type { FactorStore } from '../../model/factors.js';
import type { EventStore } from '../../model/event-store.js';
import type { OutboxStore } from '../../model/outbox.js';
import type { ProofStore } from '../../model/proofs.js';
import { StoreUnavailableError } from '../../model/store.js';
import type { KeyStore, OpenStore, RevocationStore, SessionStore, StoreContext, UserStore } from '../../model/store.js';
import { ActQueue } from './act-queue.js';
import { listInSlices } from '../user-slices.js';
import type { Opening } from './acts.js';
import { DatabaseThread, OpeningRefused } from './database-thread.js';
import { rotatedFrom, rotationOf } from './rotation.js';

/** @param file absolute path, or `:memory:` */
export async function openStore(file: string, context: StoreContext): Promise<OpenStore> {
  if (file !== ':memory:') await prepareFile(file, context.mode);
  const { accessTtlSeconds, mode } = context;
  const opening: Opening = { file, accessTtlSeconds, mode, now: Math.floor(context.clock.now()) };
  const thread = await start(opening);
  const queue = new ActQueue(context, opening, thread);
  return {
    kind: 'sqlite',
    shared: false,
    get longestAccessSeconds() {
      return queue.longestAccessSeconds;
    },
    users: userStore(queue),
    sessions: sessionStore(queue),
    keys: keyStore(queue),
    apiKeys: apiKeyStore(queue),
    revocations: revocationStore(queue),
    counters: { add: (countings) => queue.ask('counters.add', countings) },
    outbox: outboxStore(queue),
    proofs: proofStore(queue),
    factors: factorStore(queue),
    events: eventStore(queue),
    hints: null,
    now: () => queue.ask('store.now'),
    appliedMigrations: () => queue.ask('store.appliedMigrations'),
    restoreEpoch: () => queue.ask('store.restoreEpoch'),
    purge: (limit) => queue.ask('store.purge', limit),
    close: () => queue.close(),
  };
}

/** Folder and file for their owner only. SQLite gives its log the mode of the file. */
async function prepareFile(file: string, mode: StoreContext['mode']): Promise<void> {
  try {
    if (mode === 'inspect') {
      await stat(file);
      return;
    }
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await (await open(file, 'a', 0o600)).close();
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    const hint = code === 'ENOENT' ? ': run `countersign migrate`.' : '.';
    throw new ConfigError([{ path: 'store', message: `The database ${file} cannot be opened (${code})${hint}` }]);
  }
}

async function start(opening: Opening): Promise<DatabaseThread> {
  try {
    return await DatabaseThread.start(opening);
  } catch (error) {
    if (!(error instanceof OpeningRefused)) throw new StoreUnavailableError('The database thread could not be started.', { cause: error });
    const { kind, message } = error.failure;
    if (kind === 'config') throw new ConfigError([{ path: 'store', message }]);
    throw new StoreUnavailableError(`The database ${opening.file} cannot be opened: ${message}.`, { cause: error });
  }
}

function userStore(queue: ActQueue): UserStore {
  return {
    create: (user, outgoing) => queue.ask('users.create', user, outgoing),
    createAll: (users) => queue.ask('users.createAll', users),
    readAll: (page) => queue.ask('users.readAll', page),
    find: (key) => queue.ask('users.find', key),
    findCredential: (key) => queue.ask('users.findCredential', key),
    update: (id, changes) => queue.ask('users.update', id, changes),
    rehashPassword: (id, from, to) => queue.ask('users.rehashPassword', id, from, to),
    setPassword: (id, passwordHash, outgoing) => queue.ask('users.setPassword', id, passwordHash, outgoing),
    setRoles: (id, roles) => queue.ask('users.setRoles', id, roles),
    setDisabled: (id, disabled) => queue.ask('users.setDisabled', id, disabled),
    raiseAuthzVersion: (id) => queue.ask('users.raiseAuthzVersion', id),
    delete: (id) => queue.ask('users.delete', id),
    list: (page) => listInSlices(page, (slice) => queue.ask('users.listSlice', slice)),
  };
}

function sessionStore(queue: ActQueue): SessionStore {
  return {
    open: (input) => queue.ask('sessions.open', input),
    replace: (input) => queue.ask('sessions.replace', input),
    changePassword: (input) => queue.ask('sessions.changePassword', input),
    changeFactor: (input) => queue.ask('sessions.changeFactor', input),
    find: (id) => queue.ask('sessions.find', id),
    list: (userId) => queue.ask('sessions.list', userId),
    rotate: async (input) => {
      const answer = await queue.ask('sessions.rotate', ...rotationOf(input));
      if (typeof answer !== 'string') return { outcome: 'not_rotated', found: answer.found };
      return { outcome: 'rotated', live: rotatedFrom(input.sessionId, answer) };
    },
    recordLateDouble: (id, generation) => queue.ask('sessions.recordLateDouble', id, generation),
    end: (id, reason, how) => queue.ask('sessions.end', id, reason, how),
    endOthers: (userId, exceptId, reason) => queue.ask('sessions.endOthers', userId, exceptId, reason),
    endAll: (userId) => queue.ask('sessions.endAll', userId),
    removeFactor: (userId, outgoing) => queue.ask('sessions.removeFactor', userId, outgoing),
  };
}

function keyStore(queue: ActQueue): KeyStore {
  return {
    list: () => queue.ask('keys.list'),
    addAfter: (newest, key) => queue.ask('keys.addAfter', newest, key),
    replaceCompromised: (key) => queue.ask('keys.replaceCompromised', key),
    reseal: (kid, sealedPrivate) => queue.ask('keys.reseal', kid, sealedPrivate),
    remove: (kids) => queue.ask('keys.remove', kids),
  };
}

function apiKeyStore(queue: ActQueue): ApiKeyStore {
  return {
    create: (input) => queue.ask('apiKeys.create', input),
    find: (id) => queue.ask('apiKeys.find', id),
    list: (page) => queue.ask('apiKeys.list', page),
    rotate: (input) => queue.ask('apiKeys.rotate', input),
    revoke: (id, onlyOf) => queue.ask('apiKeys.revoke', id, onlyOf),
    recordUse: (id, secretDigest) => queue.ask('apiKeys.recordUse', id, secretDigest),
  };
}

function outboxStore(queue: ActQueue): OutboxStore {
  return {
    add: (rows) => queue.ask('outbox.add', rows),
    nextDue: () => queue.ask('outbox.nextDue'),
    claim: (limit, leaseSeconds) => queue.ask('outbox.claim', limit, leaseSeconds),
    settle: (id, consequences) => queue.ask('outbox.settle', id, consequences),
    postpone: (id, attempts, seconds) => queue.ask('outbox.postpone', id, attempts, seconds),
  };
}

function factorStore(queue: ActQueue): FactorStore {
  return {
    findTotp: (userId) => queue.ask('factors.findTotp', userId),
    beginTotp: (userId, sealedSecret) => queue.ask('factors.beginTotp', userId, sealedSecret),
    replaceRecoveryCodes: (replacement) => queue.ask('factors.replaceRecoveryCodes', replacement),
  };
}

function proofStore(queue: ActQueue): ProofStore {
  return {
    issue: (proof) => queue.ask('proofs.issue', proof),
    takeTry: (id) => queue.ask('proofs.takeTry', id),
    find: (id) => queue.ask('proofs.find', id),
    findWithCode: (userId, purposes) => queue.ask('proofs.findWithCode', userId, purposes),
    redeem: (redemption) => queue.ask('proofs.redeem', redemption),
  };
}

function eventStore(queue: ActQueue): EventStore {
  return {
    append: (events, signers) => queue.ask('events.append', events, signers),
    list: (query) => queue.ask('events.list', query),
    read: (after, limit) => queue.ask('events.read', after, limit),
    marks: () => queue.ask('events.marks'),
    trim: (how) => queue.ask('events.trim', how),
  };
}

function revocationStore(queue: ActQueue): RevocationStore {
  return { read: (position) => queue.ask('revocations.read', position) };
}
