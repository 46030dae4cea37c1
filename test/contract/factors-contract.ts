/** The contract of `FactorStore`, and of what opening a session uses up. */
import { describe, expect, test } from 'vitest';
import { enrolmentSeconds, type FactorChange, type NewRecoveryCode, type SingleUse } from '../../src/model/factors.js';
import { codeTries, type NewProofRecord } from '../../src/model/proofs.js';
import type { LiveSession, OpenStore, UserRecord } from '../../src/model/store.js';
import { claimAll, newRow } from './outbox-contract.js';
import { newProof, secret, wrong } from './proof-records.js';
import {
  createUser,
  eachWithStore,
  live,
  openInput,
  openSession,
  revocation,
  sessionNow,
  startAt,
  type MakeStore,
} from './store-under-test.js';

export function factorsContract(makeStore: MakeStore): void {
  describe('setting up a second factor', () => settingUp(makeStore));
  describe('codes of an authenticator app', () => totpCodes(makeStore));
  describe('recovery codes', () => recoveryCodes(makeStore));
  describe('login tickets', () => tickets(makeStore));
  describe('removing a second factor', () => removing(makeStore));
}

const sealed = Uint8Array.of(1, 2, 3);
const otherSealed = Uint8Array.of(4, 5, 6);
const digest = (number: number): Uint8Array => new Uint8Array(32).fill(number);
const codes = (...numbers: number[]): NewRecoveryCode[] => numbers.map((number) => ({ id: `rec_${number}`, codeDigest: digest(number) }));
const enable = (overrides: Partial<Extract<FactorChange, { kind: 'enable' }>> = {}): FactorChange => ({
  kind: 'enable',
  sealedSecret: sealed,
  step: 100,
  recoveryCodes: codes(1, 2),
  ...overrides,
});

async function change(store: OpenStore, userId: string, factor: FactorChange, epoch = 0): Promise<LiveSession | null> {
  const session = live(await store.sessions.open(openInput(userId, {}, { epoch }))).session;
  return store.sessions.changeFactor({
    ...openInput(userId, { factors: ['pwd', 'otp'] }, { epoch }),
    replaces: session.id,
    change: factor,
  });
}

/** A user whose app and recovery codes 1 and 2 are confirmed; step 100 is used, his epoch is 1. */
async function withFactor(store: OpenStore): Promise<UserRecord> {
  const user = await createUser(store);
  await store.factors.beginTotp(user.id, sealed);
  return live(await change(store, user.id, enable())).user;
}

const open = (store: OpenStore, userId: string, ...uses: SingleUse[]): Promise<LiveSession | null> =>
  store.sessions.open(openInput(userId, {}, { epoch: 1, uses }));
const step = (number: number): SingleUse => ({ kind: 'totp', step: number, resealed: null });
const recovery = (number: number): SingleUse => ({ kind: 'recovery', codeDigest: digest(number) });

function settingUp(makeStore: MakeStore): void {
  const at = eachWithStore(makeStore);

  test('a secret counts for nothing until it is confirmed, and the last one shown is the one that can be', async () => {
    const user = await createUser(at.store);
    expect(await at.store.factors.findTotp(user.id)).toBeNull();
    expect(await at.store.factors.beginTotp(user.id, sealed)).toBe(true);
    expect(await at.store.sessions.open(openInput(user.id, {}, { uses: [step(1)] }))).toBeNull();
    at.world.advance(5);
    expect(await at.store.factors.beginTotp(user.id, otherSealed)).toBe(true);
    const pending = { userId: user.id, sealedSecret: otherSealed, confirmedAt: null, usedStep: -1, createdAt: startAt + 5 };
    expect(await at.store.factors.findTotp(user.id)).toEqual(pending);
    expect((await at.store.users.find({ id: user.id }))?.mfaEnabled).toBe(false);
    expect(await change(at.store, user.id, enable())).toBeNull();
    expect(await change(at.store, user.id, enable({ sealedSecret: otherSealed }))).toMatchObject({ user: { mfaEnabled: true } });
    expect(await at.store.factors.findTotp(user.id)).toEqual({ ...pending, confirmedAt: startAt + 5, usedStep: 100 });
    expect((await at.store.users.find({ id: user.id }))?.mfaEnabled).toBe(true);
  });

  test('confirming ends all sessions but the new one, and writes its rows', async () => {
    const user = await createUser(at.store);
    await at.store.factors.beginTotp(user.id, sealed);
    const [mine, other] = [await openSession(at.store, user.id), await openSession(at.store, user.id)];
    at.world.forgetTold();
    const input = { ...openInput(user.id, { factors: ['pwd', 'otp'] }), replaces: mine.id, change: enable(), outgoing: [newRow()] };
    const opened = live(await at.store.sessions.changeFactor(input));
    expect(opened.session).toMatchObject({ factors: ['pwd', 'otp'], epoch: 1 });
    expect(at.world.told).toContainEqual(revocation('epoch', user.id, 1));
    expect(await at.store.sessions.list(user.id)).toMatchObject([{ id: opened.session.id }]);
    expect((await sessionNow(at.store, other.id)).epoch).toBe(0);
    expect(await claimAll(at.store)).toHaveLength(1);
    expect(await at.store.sessions.open(openInput(user.id)), 'a login that read him before').toBeNull();
  });

  test('is done once, only from a live session of the user, only in time, and writes nothing otherwise', async () => {
    const [user, stranger] = [await createUser(at.store), await createUser(at.store)];
    await at.store.factors.beginTotp(user.id, sealed);
    const theirs = await openSession(at.store, stranger.id);
    const input = { ...openInput(user.id), change: enable(), outgoing: [newRow()] };
    expect(await at.store.sessions.changeFactor({ ...input, replaces: theirs.id })).toBeNull();
    const mine = await openSession(at.store, user.id);
    expect(await at.store.sessions.changeFactor({ ...input, epoch: 7, replaces: mine.id })).toBeNull();
    at.world.advance(enrolmentSeconds * 1000);
    expect(await change(at.store, user.id, enable()), 'too late').toBeNull();
    expect(await at.store.users.find({ id: user.id })).toEqual(user);
    expect((await sessionNow(at.store, theirs.id)).endedAt).toBeNull();
    await at.store.factors.beginTotp(user.id, sealed);
    const stores = [at.store, await at.world.open()];
    const sessions = await Promise.all(Array.from({ length: 8 }, () => openSession(at.store, user.id)));
    const opened = await Promise.all(
      sessions.map(({ id }, index) => stores[index % 2]!.sessions.changeFactor({ ...input, ...openInput(user.id), replaces: id })),
    );
    expect(opened.filter((session) => session !== null)).toHaveLength(1);
    expect(await claimAll(at.store)).toHaveLength(1);
  });

  test('a confirmed one cannot be replaced by showing another secret; nobody gets one who is gone or disabled', async () => {
    const user = await withFactor(at.store);
    expect(await at.store.factors.beginTotp(user.id, otherSealed)).toBe(false);
    expect((await at.store.factors.findTotp(user.id))?.sealedSecret).toEqual(sealed);
    const disabled = await createUser(at.store);
    await at.store.users.setDisabled(disabled.id, true);
    expect(await at.store.factors.beginTotp(disabled.id, sealed)).toBe(false);
    expect(await at.store.factors.beginTotp('usr_nobody', sealed)).toBe(false);
  });
}

function totpCodes(makeStore: MakeStore): void {
  const at = eachWithStore(makeStore);

  test('a step is used once, and none before it is good any more', async () => {
    const { id } = await withFactor(at.store);
    expect(await open(at.store, id, step(100)), 'the one that confirmed').toBeNull();
    expect(await open(at.store, id, step(102))).not.toBeNull();
    for (const used of [102, 101, 100]) expect(await open(at.store, id, step(used))).toBeNull();
    expect(await open(at.store, id, step(103))).not.toBeNull();
    expect(await open(at.store, 'usr_other', step(104))).toBeNull();
  });

  test('of 100 at once one is let in', async () => {
    const { id } = await withFactor(at.store);
    const stores = [at.store, await at.world.open()];
    const opened = await Promise.all(Array.from({ length: 100 }, (_, index) => open(stores[index % 2]!, id, step(101))));
    expect(opened.filter((session) => session !== null)).toHaveLength(1);
  });

  test('a session that is not opened uses nothing up', async () => {
    const { id } = await withFactor(at.store);
    expect(await at.store.sessions.open(openInput(id, {}, { epoch: 0, uses: [step(101)] })), 'another epoch').toBeNull();
    const input = openInput(id, {}, { epoch: 1, uses: [step(101)] });
    expect(await at.store.sessions.replace({ ...input, replaces: 'ses_nothing' })).toBeNull();
    expect((await at.store.factors.findTotp(id))?.usedStep).toBe(100);
    const session = live(await open(at.store, id, step(101))).session;
    expect(await at.store.sessions.replace({ ...openInput(id, {}, { epoch: 1, uses: [step(101)] }), replaces: session.id })).toBeNull();
    expect((await sessionNow(at.store, session.id)).endedAt, 'nor ends one').toBeNull();
    expect(await at.store.sessions.replace({ ...openInput(id, {}, { epoch: 1, uses: [step(102)] }), replaces: session.id })).not.toBeNull();
  });

  test('the secret is sealed anew by the way', async () => {
    const { id } = await withFactor(at.store);
    await open(at.store, id, { kind: 'totp', step: 101, resealed: otherSealed });
    expect(await at.store.factors.findTotp(id)).toMatchObject({ sealedSecret: otherSealed, usedStep: 101 });
    await open(at.store, id, { kind: 'totp', step: 101, resealed: sealed });
    expect(await at.store.factors.findTotp(id)).toMatchObject({ sealedSecret: otherSealed });
  });
}

function recoveryCodes(makeStore: MakeStore): void {
  const at = eachWithStore(makeStore);

  test('each is good once, for its user', async () => {
    const { id } = await withFactor(at.store);
    const other = await withFactorOf(at.store, codes(3));
    expect(await open(at.store, other.id, recovery(1))).toBeNull();
    expect(await open(at.store, id, recovery(1))).not.toBeNull();
    expect(await open(at.store, id, recovery(1))).toBeNull();
    expect(await open(at.store, id, recovery(9))).toBeNull();
    const stores = [at.store, await at.world.open()];
    const opened = await Promise.all(Array.from({ length: 100 }, (_, index) => open(stores[index % 2]!, id, recovery(2))));
    expect(opened.filter((session) => session !== null)).toHaveLength(1);
  });

  test('all of it is removed without a session, once, and all sessions end', async () => {
    const { id } = await withFactor(at.store);
    const session = await open(at.store, id, recovery(1));
    const { sessionEpoch } = (await at.store.users.find({ id }))!;
    expect(await at.store.sessions.removeFactor(id, [newRow()])).toBe(true);
    expect(await at.store.users.find({ id })).toMatchObject({ mfaEnabled: false, sessionEpoch: sessionEpoch + 1 });
    expect(await at.store.factors.findTotp(id)).toBeNull();
    expect(await open(at.store, id, recovery(2))).toBeNull();
    expect(await at.store.sessions.list(id)).toEqual([]);
    expect(session).not.toBeNull();
    expect(await at.store.sessions.removeFactor(id, [newRow()])).toBe(false);
    expect(await at.store.users.find({ id })).toMatchObject({ sessionEpoch: sessionEpoch + 1 });
    expect(await claimAll(at.store)).toHaveLength(1);
  });

  test('new ones take the place of those before; without a factor there are none', async () => {
    const { id } = await withFactor(at.store);
    const replace = (userId: string, epoch: number, count: number) =>
      at.store.factors.replaceRecoveryCodes({ userId, epoch, codes: codes(count), outgoing: [newRow()] });
    const { sessionEpoch } = (await at.store.users.find({ id }))!;
    expect(await replace(id, sessionEpoch - 1, 4)).toBe(false);
    expect(await replace(id, sessionEpoch, 5)).toBe(true);
    expect(await open(at.store, id, recovery(1))).toBeNull();
    expect(await open(at.store, id, recovery(5))).not.toBeNull();
    const pending = await createUser(at.store);
    await at.store.factors.beginTotp(pending.id, sealed);
    expect(await replace(pending.id, pending.sessionEpoch, 6)).toBe(false);
    expect(await claimAll(at.store)).toHaveLength(1);
  });
}

async function withFactorOf(store: OpenStore, recovery: NewRecoveryCode[]): Promise<UserRecord> {
  const user = await createUser(store);
  await store.factors.beginTotp(user.id, sealed);
  return live(await change(store, user.id, enable({ recoveryCodes: recovery }))).user;
}

function tickets(makeStore: MakeStore): void {
  const at = eachWithStore(makeStore);
  const issue = async (userId: string, overrides: Partial<NewProofRecord> = {}): Promise<NewProofRecord> => {
    const proof = newProof({ purpose: 'login', userId, subject: null, codeDigest: null, epoch: 1, ...overrides });
    expect(await at.store.proofs.issue(proof)).toBe(true);
    return proof;
  };
  const ticket = ({ id }: NewProofRecord, secretDigest = secret): SingleUse => ({ kind: 'ticket', proofId: id, secretDigest });

  test('are issued only while the user is as he was', async () => {
    const { id } = await withFactor(at.store);
    const proof = newProof({ purpose: 'login', userId: id, epoch: 0 });
    expect(await at.store.proofs.issue(proof)).toBe(false);
    expect(await at.store.proofs.find(proof.id)).toBeNull();
    await at.store.users.setDisabled(id, true);
    expect(await at.store.proofs.issue({ ...proof, epoch: 2 })).toBe(false);
  });

  test('one that is used, over, another’s, of another purpose or another secret opens nothing, and no code is used up for it', async () => {
    const { id } = await withFactor(at.store);
    const other = await withFactorOf(at.store, codes(3));
    const good = await issue(id);
    const reset = await issue(id, { purpose: 'reset_password' });
    const refused = [ticket(await issue(other.id)), ticket(reset), ticket(good, wrong), ticket({ ...good, id: 'prf_nothing' })];
    for (const use of refused) expect(await open(at.store, id, use, step(101))).toBeNull();
    expect((await at.store.factors.findTotp(id))?.usedStep).toBe(100);
    expect(await open(at.store, id, ticket(good), step(100)), 'a used code').toBeNull();
    expect(await open(at.store, id, ticket(good), step(101))).not.toBeNull();
    expect(await open(at.store, id, ticket(good), step(102))).toBeNull();
    const late = await issue(id);
    at.world.advance(1_000_000);
    expect(await open(at.store, id, ticket(late), step(103))).toBeNull();
    expect((await at.store.factors.findTotp(id))?.usedStep).toBe(101);
  });

  test('of 100 at once with one ticket and different codes one is let in', async () => {
    const { id } = await withFactor(at.store);
    const good = await issue(id);
    const stores = [at.store, await at.world.open()];
    const opened = await Promise.all(
      Array.from({ length: 100 }, (_, index) => open(stores[index % 2]!, id, ticket(good), step(101 + index))),
    );
    expect(opened.filter((session) => session !== null)).toHaveLength(1);
  });

  test('of 100 tries at once no more are given than there are, and none when it is used or over', async () => {
    const { id } = await withFactor(at.store);
    const [proof, used, late] = [await issue(id), await issue(id), await issue(id)];
    const stores = [at.store, await at.world.open()];
    const tries = await Promise.all(Array.from({ length: 100 }, (_, index) => stores[index % 2]!.proofs.takeTry(proof.id)));
    expect(tries.filter(Boolean)).toHaveLength(codeTries);
    await open(at.store, id, ticket(used), step(101));
    expect(await at.store.proofs.takeTry(used.id)).toBe(false);
    at.world.advance(1_000_000);
    expect(await at.store.proofs.takeTry(late.id)).toBe(false);
    expect(await at.store.proofs.takeTry('prf_nothing')).toBe(false);
  });
}

function removing(makeStore: MakeStore): void {
  const at = eachWithStore(makeStore);

  test('nothing of it is left, and all sessions end but the new one', async () => {
    const { id } = await withFactor(at.store);
    const opened = live(await change(at.store, id, { kind: 'disable' }, 1));
    expect(opened.user).toMatchObject({ mfaEnabled: false, sessionEpoch: 2 });
    expect(await at.store.factors.findTotp(id)).toBeNull();
    expect(await at.store.sessions.list(id)).toHaveLength(1);
    for (const use of [step(200), recovery(1)])
      expect(await at.store.sessions.open(openInput(id, {}, { epoch: 2, uses: [use] }))).toBeNull();
    expect(await change(at.store, id, { kind: 'disable' }, 2), 'twice').toBeNull();
  });

  test('a new password leaves it; who is deleted leaves none', async () => {
    const { id } = await withFactor(at.store);
    expect(await at.store.users.setPassword(id, 'hash-2')).toMatchObject({ mfaEnabled: true });
    expect((await at.store.factors.findTotp(id))?.confirmedAt).toBe(startAt);
    await at.store.users.delete(id);
    expect(await at.store.factors.findTotp(id)).toBeNull();
  });

  test('disowning removes one that was set up since what is disowned, and no older one', async () => {
    const { id } = await withFactor(at.store);
    const report = newProof({ purpose: 'disown', userId: id, epoch: null, subject: null });
    const disown = async (proof: NewProofRecord): Promise<void> => {
      await at.store.proofs.issue(proof);
      const effect = { kind: 'disown', email: 'a@x.org', emailKey: 'a@x.org' } as const;
      const redemption = { id: proof.id, purpose: 'disown', by: { secretDigest: secret }, effect, outgoing: [] } as const;
      expect(await at.store.proofs.redeem(redemption)).toMatchObject({ outcome: 'redeemed' });
    };
    at.world.advance(60_000);
    await disown({ ...report, id: 'prf_later', since: at.world.now });
    expect((await at.store.users.find({ id }))?.mfaEnabled).toBe(true);
    at.world.advance(60_000);
    const other = await withFactorOf(at.store, codes(7));
    at.world.advance(2);
    await disown(newProof({ purpose: 'disown', userId: other.id, epoch: null, subject: null, since: at.world.now }));
    expect((await at.store.users.find({ id: other.id }))?.mfaEnabled).toBe(false);
    expect(await at.store.factors.findTotp(other.id)).toBeNull();
  });
}
