/**
 * The rows of a store that has grown: each follows from its number alone, here and in PostgreSQL, so that millions of genuine refresh tokens
 * need not be kept anywhere.
 */
import { createHash } from 'node:crypto';
import { createPasswordHasher } from '../dist/crypto/password-hash.js';
import { deriveKeys } from '../dist/crypto/master-secret.js';
import { issueRefreshToken } from '../dist/tokens/refresh-token.js';

const day = 86_400_000;
/** As by default. */
export const idleMilliseconds = 7 * day;
export const absoluteMilliseconds = 30 * day;
const oldestSession = 29 * day;
const oldestUser = 300 * day;

/** Of every user. One hash for all of them, for a million would take a day. */
export const password = 'correct horse battery staple';
export const hashPassword = () => createPasswordHasher({}).hash(password);

/** Of 256 sessions, so many are alive, so many have ended, and the rest were not used for too long. */
export const aliveOf256 = 205;
export const endedOf256 = 26;

/** What the numbers of users and sessions are turned into rows with; `now` is when the store was filled. */
export function grownData({ users, sessions, now }) {
  return {
    users,
    sessions,
    now,
    firstUser: now - oldestUser,
    userStep: Math.max(1, Math.floor((oldestUser - oldestSession) / Math.max(1, users))),
    firstSession: now - oldestSession,
    sessionStep: Math.max(1, Math.floor(oldestSession / Math.max(1, sessions + 1))),
  };
}

const sha256 = (data) => createHash('sha256').update(data).digest();

function idBytes(now, random) {
  const bytes = Buffer.alloc(16);
  bytes.writeUIntBE(now, 0, 6);
  random.copy(bytes, 6, 0, 10);
  return bytes;
}

const firstNames = ['Ada', 'Grace', 'Alan', 'Edsger', 'Barbara', 'Donald', 'Radia', 'Niklaus'];

export function userAt(data, number) {
  const digits = String(number).padStart(8, '0');
  const createdAt = data.firstUser + number * data.userStep;
  const username = `user${digits}`;
  const email = `${username}@example.com`;
  const name = `${firstNames[number % firstNames.length]} ${digits}`;
  return {
    id: userId(createdAt, number),
    username,
    email,
    name,
    roles: number === 0 ? '["admin"]' : '["user"]',
    createdAt,
    searchText: `${username}\n${email}\n${name}`.toLowerCase(),
  };
}

/** Kept, for each user has several sessions; as they are made, so that few are not paid for like many. */
const userIds = new Map();

function userId(createdAt, number) {
  const known = userIds.get(number);
  if (known !== undefined && known.createdAt === createdAt) return known.id;
  const id = `usr_${idBytes(createdAt, sha256(`user ${String(number)}`)).toString('base64url')}`;
  userIds.set(number, { createdAt, id });
  return id;
}

export function sessionAt(data, number) {
  const hash = sha256(`session ${String(number)}`);
  const createdAt = data.firstSession + number * data.sessionStep;
  const ids = idBytes(createdAt, hash);
  const secret = hash.subarray(10, 26);
  const isStale = hash[26] >= aliveOf256 + endedOf256 && createdAt + idleMilliseconds <= data.now;
  const sinceUse = Math.min(data.now - createdAt, idleMilliseconds - day);
  const lastUsedAt = isStale ? createdAt : data.now - Math.floor((sinceUse * hash.readUInt16BE(27)) / 65_536);
  const user = hash.readUIntBE(29, 3) % data.users;
  return {
    ids,
    secret,
    id: `ses_${ids.toString('base64url')}`,
    userId: userId(data.firstUser + user * data.userStep, user),
    secretDigest: sha256(secret),
    generation: hash[27],
    createdAt,
    lastUsedAt,
    idleExpiresAt: lastUsedAt + idleMilliseconds,
    absoluteExpiresAt: createdAt + absoluteMilliseconds,
    endedAt: hash[26] >= aliveOf256 && hash[26] < aliveOf256 + endedOf256 ? lastUsedAt : null,
    isAlive: !isStale && (hash[26] < aliveOf256 || hash[26] >= aliveOf256 + endedOf256),
  };
}

/** Gives the current refresh token of a session. */
export function tokenMaker(secret) {
  const ring = deriveKeys(secret);
  return ({ ids, secret: sessionSecret, generation }) => issueRefreshToken(ring, { sessionIdBytes: ids, sessionSecret, generation });
}

/** Numbers from 0 to below `count`, spread all over, again and again. */
export function* scattered(count, from = 0) {
  // Without a divisor in common with the count.
  let step = 2_654_435_761 % count || 1;
  while (greatestCommonDivisor(step, count) > 1) step += 1;
  for (let at = from % count; ; at = (at + step) % count) yield at;
}

const greatestCommonDivisor = (a, b) => (b === 0 ? a : greatestCommonDivisor(b, a % b));

/** Sessions that can be refreshed, with their tokens, spread all over the store. */
export function* refreshable(data, secret, from = 0) {
  const tokenOf = tokenMaker(secret);
  for (const number of scattered(data.sessions, from)) {
    const session = sessionAt(data, number);
    if (session.isAlive) yield { userId: session.userId, token: tokenOf(session) };
  }
}
