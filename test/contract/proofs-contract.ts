/** The contract of `ProofStore`. */
import { describe, expect, test } from 'vitest';
import { codeTries, proofsKeptSeconds, type NewProofRecord, type ProofEffect, type Redemption } from '../../src/model/proofs.js';
import type { OpenStore, UserRecord } from '../../src/model/store.js';
import { claimAll, newRow } from './outbox-contract.js';
import { code, issue, secret, wrong } from './proof-records.js';
import {
  createUser,
  eachWithStore,
  isListed,
  newUser,
  openSession,
  revocation,
  sessionNow,
  startAt,
  type MakeStore,
} from './store-under-test.js';

export function proofsContract(makeStore: MakeStore): void {
  describe('issuing one-time proofs', () => issuing(makeStore));
  describe('redeeming one-time proofs', () => redeeming(makeStore));
  describe('codes of one-time proofs', () => codes(makeStore));
  describe('what a proof brings about', () => effects(makeStore));
  describe('disowning what was done to an account', () => disowning(makeStore));
}

const email = 'ada@x.org';

function withEmail(store: OpenStore, overrides: Parameters<typeof createUser>[1] = {}): Promise<UserRecord> {
  return createUser(store, { email, emailKey: email, onEmailTaken: 'yield', ...overrides });
}

const verifies: ProofEffect = { kind: 'verify_email', email, emailKey: email };
const resets: ProofEffect = { kind: 'reset_password', passwordHash: 'hash-2', email, emailKey: email };

function redemption({ id, purpose }: Pick<NewProofRecord, 'id' | 'purpose'>, overrides: Partial<Redemption> = {}): Redemption {
  return { id, purpose, by: { secretDigest: secret }, effect: verifies, outgoing: [], ...overrides };
}

function issuing(makeStore: MakeStore): void {
  const at = eachWithStore(makeStore);

  test('a proof is found as it was issued', async () => {
    const user = await withEmail(at.store);
    const proof = await issue(at.store, { userId: user.id, codeDigest: null });
    expect(await at.store.proofs.find(proof.id)).toEqual({
      id: proof.id,
      purpose: 'verify_email',
      userId: user.id,
      secretDigest: secret,
      codeDigest: null,
      sealedContent: proof.sealedContent,
      createdAt: startAt,
      expiresAt: startAt + 1_000_000,
      usedAt: null,
    });
    expect(await at.store.proofs.find('prf_nothing')).toBeNull();
  });

  test('a newer one of the same purpose and subject voids those before, and no others', async () => {
    const [user, other] = [await withEmail(at.store), await createUser(at.store)];
    const old = await issue(at.store, { userId: user.id });
    const kept = [
      await issue(at.store, { userId: user.id, purpose: 'reset_password' }),
      await issue(at.store, { userId: other.id }),
      await issue(at.store, { userId: user.id, subject: null }),
    ];
    at.world.advance(5);
    const newer = await issue(at.store, { userId: user.id });
    expect(await at.store.proofs.redeem(redemption(old))).toEqual({ outcome: 'expired' });
    for (const { id } of kept) expect((await at.store.proofs.find(id))?.expiresAt).toBe(startAt + 1_000_000);
    expect(await at.store.proofs.redeem(redemption(newer))).toMatchObject({ outcome: 'redeemed' });
  });

  test('of many that are issued at once for one subject exactly one is good', async () => {
    const user = await withEmail(at.store);
    const stores = [at.store, await at.world.open()];
    const issued = await Promise.all(Array.from({ length: 12 }, (_, index) => issue(stores[index % 2]!, { userId: user.id })));
    const found = await Promise.all(issued.map(({ id }) => at.store.proofs.find(id)));
    expect(found.filter((proof) => proof!.expiresAt > at.world.now)).toHaveLength(1);
  });

  test('the newest one with a code is found by its user', async () => {
    const user = await withEmail(at.store);
    const purposes = ['verify_email', 'change_email'] as const;
    expect(await at.store.proofs.findWithCode(user.id, purposes)).toBeNull();
    const first = await issue(at.store, { userId: user.id });
    at.world.advance(1);
    const second = await issue(at.store, { userId: user.id, purpose: 'change_email' });
    at.world.advance(1);
    await issue(at.store, { userId: user.id, purpose: 'reset_password' });
    await issue(at.store, { userId: user.id, purpose: 'change_email', subject: 'another', codeDigest: null });
    expect((await at.store.proofs.findWithCode(user.id, purposes))?.id).toBe(second.id);
    expect((await at.store.proofs.findWithCode(user.id, ['verify_email']))?.id).toBe(first.id);
    expect(await at.store.proofs.findWithCode('usr_other', purposes)).toBeNull();
    at.world.advance(1_000_000);
    expect(await at.store.proofs.findWithCode(user.id, purposes)).toBeNull();
  });

  test('a proof stays for a while after its time, and is removed then', async () => {
    const user = await withEmail(at.store);
    const proof = await issue(at.store, { userId: user.id });
    at.world.advance(1_000_000 + proofsKeptSeconds * 1000 - 1);
    await at.store.purge(10);
    expect(await at.store.proofs.find(proof.id)).not.toBeNull();
    at.world.advance(1);
    await at.store.purge(10);
    expect(await at.store.proofs.find(proof.id)).toBeNull();
  });

  test('a deleted user leaves none', async () => {
    const user = await withEmail(at.store);
    const proof = await issue(at.store, { userId: user.id });
    await at.store.users.delete(user.id);
    expect(await at.store.proofs.find(proof.id)).toBeNull();
    expect(await at.store.proofs.redeem(redemption(proof))).toEqual({ outcome: 'expired' });
  });
}

function redeeming(makeStore: MakeStore): void {
  const at = eachWithStore(makeStore);

  test('of 100 at once one is redeemed, and its rows are written once', async () => {
    const user = await withEmail(at.store);
    const proof = await issue(at.store, { userId: user.id });
    const stores = [at.store, await at.world.open()];
    const outcomes = await Promise.all(
      Array.from({ length: 100 }, (_, index) => stores[index % 2]!.proofs.redeem(redemption(proof, { outgoing: [newRow()] }))),
    );
    expect(outcomes.filter(({ outcome }) => outcome === 'redeemed')).toHaveLength(1);
    expect(outcomes.filter(({ outcome }) => outcome === 'used')).toHaveLength(99);
    expect(await claimAll(at.store)).toHaveLength(1);
  });

  test('it is good until its time is over, to the millisecond', async () => {
    const user = await withEmail(at.store);
    const [early, late] = [
      await issue(at.store, { userId: user.id, subject: null }),
      await issue(at.store, { userId: user.id, subject: null }),
    ];
    at.world.setTo(startAt + 999_999);
    expect(await at.store.proofs.redeem(redemption(early))).toMatchObject({ outcome: 'redeemed' });
    at.world.setTo(startAt + 1_000_000);
    expect(await at.store.proofs.redeem(redemption(late))).toEqual({ outcome: 'expired' });
    expect((await at.store.proofs.find(late.id))?.usedAt).toBeNull();
  });

  test('another purpose, another secret and no such proof are refused, and leave it good', async () => {
    const user = await withEmail(at.store);
    const proof = await issue(at.store, { userId: user.id });
    expect(await at.store.proofs.redeem(redemption(proof, { purpose: 'reset_password', effect: resets }))).toEqual({ outcome: 'invalid' });
    expect(await at.store.proofs.redeem(redemption(proof, { by: { secretDigest: wrong } }))).toEqual({ outcome: 'invalid' });
    expect(await at.store.proofs.redeem(redemption({ ...proof, id: 'prf_nothing' }))).toEqual({ outcome: 'expired' });
    expect((await at.store.users.find({ id: user.id }))?.emailVerified).toBe(false);
    expect(await at.store.proofs.redeem(redemption(proof))).toMatchObject({ outcome: 'redeemed' });
  });

  test.each([
    ['all sessions were ended', (store: OpenStore, id: string) => store.sessions.endAll(id)],
    ['the password was set', (store: OpenStore, id: string) => store.users.setPassword(id, 'hash-9')],
    ['the user was disabled', (store: OpenStore, id: string) => store.users.setDisabled(id, true)],
    ['a backup was restored', (store: OpenStore) => store.restoreEpoch()],
  ] as const)('it is void once %s', async (_, act) => {
    const user = await withEmail(at.store);
    const proof = await issue(at.store, { userId: user.id });
    await act(at.store, user.id);
    expect(await at.store.proofs.redeem(redemption(proof))).toEqual({ outcome: 'expired' });
    expect((await at.store.users.find({ id: user.id }))?.emailVerified).toBe(false);
  });

  test('restoring a backup voids also those that are bound to no epoch', async () => {
    const user = await withEmail(at.store);
    const [report, registration] = [
      await issue(at.store, { userId: user.id, purpose: 'disown', epoch: null }),
      await issue(at.store, { purpose: 'register', epoch: null }),
    ];
    await at.store.restoreEpoch();
    const disowns: ProofEffect = { kind: 'disown', email, emailKey: email };
    expect(await at.store.proofs.redeem(redemption(report, { effect: disowns }))).toEqual({ outcome: 'expired' });
    expect(await at.store.proofs.redeem(redemption(registration, { effect: { kind: 'register', user: newUser() } }))).toEqual({
      outcome: 'expired',
    });
  });
}

function codes(makeStore: MakeStore): void {
  const at = eachWithStore(makeStore);

  test('a code is good for its user, and for nobody else', async () => {
    const user = await withEmail(at.store);
    const proof = await issue(at.store, { userId: user.id });
    const by = { codeDigest: code, userId: 'usr_other' };
    expect(await at.store.proofs.redeem(redemption(proof, { by }))).toEqual({ outcome: 'invalid' });
    expect(await at.store.proofs.redeem(redemption(proof, { by: { ...by, userId: user.id } }))).toMatchObject({ outcome: 'redeemed' });
  });

  test('after so many wrong ones the right one is refused, too, and the link is still good', async () => {
    const user = await withEmail(at.store);
    const proof = await issue(at.store, { userId: user.id });
    const by = { codeDigest: wrong, userId: user.id };
    for (let tried = 0; tried < codeTries; tried += 1)
      expect(await at.store.proofs.redeem(redemption(proof, { by }))).toEqual({ outcome: 'invalid' });
    expect(await at.store.proofs.redeem(redemption(proof, { by: { ...by, codeDigest: code } }))).toEqual({ outcome: 'expired' });
    expect(await at.store.proofs.redeem(redemption(proof))).toMatchObject({ outcome: 'redeemed' });
  });

  test('of 100 wrong ones at once no more are looked at than there are tries', async () => {
    const user = await withEmail(at.store);
    const proof = await issue(at.store, { userId: user.id });
    const stores = [at.store, await at.world.open()];
    const outcomes = await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        stores[index % 2]!.proofs.redeem(redemption(proof, { by: { codeDigest: wrong, userId: user.id } })),
      ),
    );
    expect(outcomes.filter(({ outcome }) => outcome === 'invalid')).toHaveLength(codeTries);
    expect(outcomes.filter(({ outcome }) => outcome === 'expired')).toHaveLength(100 - codeTries);
  });

  test('a proof without a code has none', async () => {
    const user = await withEmail(at.store);
    const proof = await issue(at.store, { userId: user.id, codeDigest: null });
    expect(await at.store.proofs.redeem(redemption(proof, { by: { codeDigest: code, userId: user.id } }))).toEqual({ outcome: 'invalid' });
  });
}

function effects(makeStore: MakeStore): void {
  const at = eachWithStore(makeStore);

  test('proving an address takes the sign-in by it from who never proved it, and from nobody else', async () => {
    const [stranger, owner] = [await withEmail(at.store), await withEmail(at.store)];
    expect((await at.store.users.find({ emailKey: email }))?.id).toBe(stranger.id);
    const proof = await issue(at.store, { userId: owner.id });
    const redeemed = await at.store.proofs.redeem(redemption(proof));
    expect(redeemed).toEqual({ outcome: 'redeemed', user: { ...owner, emailVerified: true } });
    expect((await at.store.users.find({ emailKey: email }))?.id).toBe(owner.id);

    const late = await issue(at.store, { userId: stranger.id });
    expect(await at.store.proofs.redeem(redemption(late))).toEqual({ outcome: 'taken' });
    expect((await at.store.proofs.find(late.id))?.usedAt).toBeNull();
    expect((await at.store.users.find({ emailKey: email }))?.id).toBe(owner.id);
    const by = { codeDigest: wrong, userId: stranger.id };
    expect(await at.store.proofs.redeem(redemption(late, { by })), 'a wrong code is not told').toEqual({ outcome: 'invalid' });
  });

  test('an address is proved only while it is the user’s', async () => {
    const user = await withEmail(at.store);
    const proof = await issue(at.store, { userId: user.id });
    const effect: ProofEffect = { kind: 'verify_email', email: 'old@x.org', emailKey: 'old@x.org' };
    expect(await at.store.proofs.redeem(redemption(proof, { effect }))).toEqual({ outcome: 'expired' });
  });

  test('a new address ends the other sessions, voids what was pending, and is found in searches', async () => {
    const user = await withEmail(at.store, { emailVerified: true });
    const [mine, other] = [await openSession(at.store, user.id), await openSession(at.store, user.id)];
    const pending = await issue(at.store, { userId: user.id, purpose: 'reset_password' });
    const report = await issue(at.store, { userId: user.id, purpose: 'disown', epoch: null, subject: null });
    const proof = await issue(at.store, { userId: user.id, purpose: 'change_email' });
    at.world.forgetTold();
    const effect: ProofEffect = { kind: 'change_email', email: 'New@x.org', emailKey: 'new@x.org', exceptSessionId: mine.id };
    const redeemed = await at.store.proofs.redeem(redemption(proof, { effect }));
    expect(redeemed).toMatchObject({ outcome: 'redeemed', user: { email: 'New@x.org', emailVerified: true } });
    expect(at.world.told).toEqual([revocation('session', other.id, 0)]);
    expect(await isListed(at.store, mine)).toBe(true);
    expect((await sessionNow(at.store, other.id)).endReason).toBe('ended_by_user');
    expect((await at.store.users.find({ emailKey: 'new@x.org' }))?.id).toBe(user.id);
    expect(await at.store.users.find({ emailKey: email })).toBeNull();
    expect((await at.store.users.list({ query: 'new@x', limit: 5, after: null })).items).toHaveLength(1);
    expect((await at.store.users.list({ query: email, limit: 5, after: null })).items).toHaveLength(0);
    expect(await at.store.proofs.redeem(redemption(pending, { effect: resets }))).toEqual({ outcome: 'expired' });
    expect((await at.store.proofs.find(report.id))?.expiresAt).toBe(startAt + 1_000_000);
  });

  test('a reset ends all sessions, revokes API keys, and proves the address', async () => {
    const user = await withEmail(at.store);
    const session = await openSession(at.store, user.id);
    const key = { id: 'key_1', userId: user.id, name: 'k', scopes: ['a'], secretDigest: secret, lifetimeSeconds: null };
    await at.store.apiKeys.create({ key, epoch: null, maxKeys: 5 });
    const proof = await issue(at.store, { userId: user.id, purpose: 'reset_password' });
    at.world.forgetTold();
    const redeemed = await at.store.proofs.redeem(redemption(proof, { effect: resets }));
    expect(redeemed).toMatchObject({ outcome: 'redeemed', user: { emailVerified: true, sessionEpoch: 1 } });
    expect(at.world.told).toEqual([revocation('epoch', user.id, 1), revocation('session', 'key_1', 0)]);
    expect((await at.store.users.findCredential({ id: user.id }))?.passwordHash).toBe('hash-2');
    expect(await isListed(at.store, session)).toBe(false);
  });

  test('a reset by an address that is not the user’s any more proves nothing', async () => {
    const user = await withEmail(at.store, { email: 'other@x.org', emailKey: 'other@x.org' });
    const proof = await issue(at.store, { userId: user.id, purpose: 'reset_password' });
    const redeemed = await at.store.proofs.redeem(redemption(proof, { effect: resets }));
    expect(redeemed).toMatchObject({ outcome: 'redeemed', user: { email: 'other@x.org', emailVerified: false } });
  });

  test('a registration makes its user, whose address is taken from who never proved it', async () => {
    const stranger = await withEmail(at.store);
    const proof = await issue(at.store, { purpose: 'register', epoch: null, codeDigest: null, subject: 'x' });
    const user = newUser({ username: null, usernameKey: null, email, emailKey: email, emailVerified: true });
    const redeemed = await at.store.proofs.redeem(redemption(proof, { effect: { kind: 'register', user } }));
    expect(redeemed).toMatchObject({ outcome: 'redeemed', user: { id: user.id, emailVerified: true } });
    expect((await at.store.users.find({ emailKey: email }))?.id).toBe(user.id);
    expect((await at.store.users.find({ id: stranger.id }))?.id).toBe(stranger.id);

    const second = await issue(at.store, { purpose: 'register', epoch: null, codeDigest: null, subject: 'x' });
    const again = newUser({ username: null, usernameKey: null, email, emailKey: email, emailVerified: true });
    expect(await at.store.proofs.redeem(redemption(second, { effect: { kind: 'register', user: again } }))).toEqual({ outcome: 'taken' });
    expect(await at.store.users.find({ id: again.id })).toBeNull();
  });
}

function disowning(makeStore: MakeStore): void {
  const at = eachWithStore(makeStore);
  const disowns: ProofEffect = { kind: 'disown', email, emailKey: email };
  const report = (userId: string, overrides: Partial<NewProofRecord> = {}): Promise<NewProofRecord> =>
    issue(at.store, { userId, purpose: 'disown', epoch: null, subject: null, codeDigest: null, ...overrides });

  test('ends all sessions, revokes API keys, restores the address and voids everything that was pending', async () => {
    const user = await withEmail(at.store, { email: 'thief@x.org', emailKey: 'thief@x.org', emailVerified: true });
    const session = await openSession(at.store, user.id);
    const proof = await report(user.id);
    await at.store.users.setPassword(user.id, 'of-the-thief');
    const pending = await issue(at.store, { userId: user.id, purpose: 'change_email', epoch: 1 });
    at.world.forgetTold();
    const redeemed = await at.store.proofs.redeem(redemption(proof, { effect: disowns }));
    expect(redeemed).toMatchObject({ outcome: 'redeemed', user: { email, emailVerified: true, sessionEpoch: 2 } });
    expect(at.world.told).toEqual([revocation('epoch', user.id, 2)]);
    expect(await isListed(at.store, session)).toBe(false);
    expect((await at.store.users.find({ emailKey: email }))?.id).toBe(user.id);
    expect((await at.store.proofs.find(pending.id))?.expiresAt).toBe(at.world.now);
  });

  test('voids the reports of later notices, which went to the thief, and not those of earlier ones', async () => {
    const user = await withEmail(at.store, { emailVerified: true });
    const earlier = await report(user.id);
    at.world.advance(10);
    const mine = await report(user.id);
    at.world.advance(10);
    const later = await report(user.id);
    expect(await at.store.proofs.redeem(redemption(mine, { effect: disowns }))).toMatchObject({ outcome: 'redeemed' });
    const thief: ProofEffect = { kind: 'disown', email: 'thief@x.org', emailKey: 'thief@x.org' };
    expect(await at.store.proofs.redeem(redemption(later, { effect: thief }))).toEqual({ outcome: 'expired' });
    expect(await at.store.proofs.redeem(redemption(earlier, { effect: disowns }))).toMatchObject({ outcome: 'redeemed' });
  });

  test('a notice of what happened before is not sent with a report any more', async () => {
    const user = await withEmail(at.store, { emailVerified: true });
    const mine = await report(user.id);
    at.world.advance(10);
    const notice = at.world.now;
    at.world.advance(10);
    await at.store.proofs.redeem(redemption(mine, { effect: disowns }));
    at.world.advance(10);
    await expect(report(user.id, { since: notice })).rejects.toThrow('dropped');
    expect(await report(user.id, { since: at.world.now })).toMatchObject({ purpose: 'disown' });
  });

  test('leaves an address alone that another has proved since', async () => {
    const user = await withEmail(at.store, { email: 'thief@x.org', emailKey: 'thief@x.org', emailVerified: true });
    const proof = await report(user.id);
    const holder = await withEmail(at.store, { emailVerified: true });
    expect(await at.store.proofs.redeem(redemption(proof, { effect: disowns }))).toMatchObject({
      outcome: 'redeemed',
      user: { email: 'thief@x.org', sessionEpoch: 1 },
    });
    expect((await at.store.users.find({ emailKey: email }))?.id).toBe(holder.id);
  });
}
