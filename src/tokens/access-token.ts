/** The access token: a JWT of type `at+jwt` (RFC 9068), issued and verified synchronously with the keys of the ring. */
import { decodeBase64url, decodeBase64urlText } from '../crypto/base64url.js';
import type { Random } from '../crypto/random.js';
import { AuthError } from '../errors.js';
import { clockToleranceSeconds } from '../model/clock-tolerance.js';
import type { KeyRing, RingKey, VerifyingRing } from './key-ring.js';

/** Claims of an access token (RFC 7519 section 4.1, RFC 9068 section 2.2); instants in seconds. */
export interface AccessClaims {
  readonly iss: string;
  readonly aud: string | readonly string[];
  readonly sub: string;
  readonly sid: string;
  readonly jti: string;
  readonly iat: number;
  readonly exp: number;
  readonly roles: readonly string[];
  /** Authorization version of the user when it was issued. */
  readonly azv: number;
  /** Session epoch of the user when it was issued. */
  readonly sep: number;
  readonly amr: readonly string[];
  readonly auth_time: number;
  /** Only in a token made from an API key: all that it may do, whatever the user may (RFC 9068 section 2.2.3). */
  readonly scope?: string;
  /** Beside `scope`: the id of the key. */
  readonly client_id?: string;
  /** The application's own public facts. */
  readonly app?: Readonly<Record<string, unknown>>;
}

/** What a verifier demands. */
export interface VerificationRules {
  readonly issuer: string;
  /** Issued to all of them; a verifier demands the first. */
  readonly audience: readonly string[];
  /** The longest life that was configured and has not run out: `exp - iat` above it is refused. */
  readonly longestSeconds: number;
}

export interface AccessTokenRules extends VerificationRules {
  readonly ttlSeconds: number;
}

export type NewAccessToken = Pick<
  AccessClaims,
  'sub' | 'sid' | 'roles' | 'azv' | 'sep' | 'amr' | 'auth_time' | 'scope' | 'client_id' | 'app'
>;

/** RFC 7519 allows any size; ours have at most 700 bytes, and more than this is refused before it is decoded. */
const maxTokenLength = 8192;
/** What is signed is verified at once and never kept, so that one piece of memory serves all tokens. */
const scratch = Buffer.allocUnsafeSlow(maxTokenLength);

export interface IssuedAccessToken {
  readonly token: string;
  readonly expiresInSeconds: number;
}

export interface IssueContext {
  readonly ring: KeyRing;
  readonly rules: AccessTokenRules;
  readonly random: Random;
  /** Milliseconds. */
  readonly now: number;
  /** The token does not outlive its session or key; milliseconds. */
  readonly sessionExpiresAt: number;
}

export function issueAccessToken(content: NewAccessToken, { ring, rules, random, now, sessionExpiresAt }: IssueContext): IssuedAccessToken {
  const iat = Math.floor(now / 1000);
  const exp = Math.max(iat + 1, Math.min(iat + rules.ttlSeconds, Math.floor(sessionExpiresAt / 1000)));
  const [audience, ...more] = rules.audience;
  const claims: AccessClaims = {
    iss: rules.issuer,
    aud: more.length === 0 && audience !== undefined ? audience : rules.audience,
    jti: random(12).toString('base64url'),
    iat,
    exp,
    ...content,
  };
  const input = `${ring.signing.header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`;
  const signature = ring.signing.key.sign(Buffer.from(input)).toString('base64url');
  return { token: `${input}.${signature}`, expiresInSeconds: exp - iat };
}

export interface VerifiedAccessToken {
  readonly claims: AccessClaims;
  readonly kid: string;
}

/**
 * Signature first, then every claim. One exact header per key: nothing of a header is believed, or even parsed.
 * @throws {AuthError} `token_invalid`; `token_expired`, also for a genuine token from the future or with a life longer than any configured.
 */
export function verifyAccessToken(token: string, ring: VerifyingRing, rules: VerificationRules, now: number): VerifiedAccessToken {
  if (token.length > maxTokenLength) throw invalid('longer than 8 KiB');
  const headerEnd = token.indexOf('.');
  const payloadEnd = token.indexOf('.', headerEnd + 1);
  if (headerEnd < 0 || payloadEnd < 0 || token.includes('.', payloadEnd + 1)) throw invalid('not three parts');
  const key = ring.byHeader.get(token.slice(0, headerEnd));
  if (!key) throw invalid('header of no key of the ring');
  const signature = decodeBase64url(token.slice(payloadEnd + 1));
  scratch.write(token, 'latin1');
  if (!signature || !key.key.verify(scratch.subarray(0, payloadEnd), signature)) throw invalid('signature');
  if (key.state === 'compromised') throw new AuthError('token_expired', { reason: 'key compromised' });
  return {
    claims: validateClaims(parsePayload(token.slice(headerEnd + 1, payloadEnd)), { key, rules, nowSeconds: now / 1000 }),
    kid: key.kid,
  };
}

function parsePayload(encoded: string): Record<string, unknown> {
  const text = decodeBase64urlText(encoded);
  if (text === null) throw invalid(decodeBase64url(encoded) === null ? 'encoding of the payload' : 'payload is no UTF-8');
  let payload: unknown;
  try {
    payload = JSON.parse(text);
  } catch {
    throw invalid('payload is no JSON');
  }
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) throw invalid('payload is no object');
  return payload as Record<string, unknown>;
}

interface ClaimContext {
  readonly key: RingKey;
  readonly rules: VerificationRules;
  readonly nowSeconds: number;
}

function validateClaims(payload: Record<string, unknown>, { key, rules, nowSeconds }: ClaimContext): AccessClaims {
  if (!hasShapeOfClaims(payload)) throw invalid('claims have the wrong shape');
  const { iss, aud, iat, exp } = payload;
  if (iss !== rules.issuer) throw invalid('other issuer');
  const [audience] = rules.audience;
  if (audience === undefined || !(typeof aud === 'string' ? aud === audience : aud.includes(audience))) throw invalid('other audience');
  const { nbf = iat } = payload;
  if (!isInstant(nbf) || exp <= iat) throw invalid('instants contradict each other');
  if (nowSeconds >= exp) throw new AuthError('token_expired');
  // Ours beyond doubt, but of a clock or a setting that no longer holds: a refresh brings one that can be believed.
  const latest = nowSeconds + clockToleranceSeconds;
  if (iat > latest || nbf > latest) throw new AuthError('token_expired', { reason: 'issued in the future' });
  if (exp - iat > rules.longestSeconds) throw new AuthError('token_expired', { reason: 'life longer than any configured' });
  // No honest token of a key that stopped signing this long ago can be alive.
  if (key.state === 'expired') throw invalid('key expired');
  return payload;
}

function hasShapeOfClaims(payload: Record<string, unknown>): payload is Record<string, unknown> & AccessClaims {
  const { iss, aud, sub, sid, jti, iat, exp, roles, azv, sep, amr, auth_time, scope, client_id, app } = payload;
  return (
    isName(iss) &&
    isName(sub) &&
    isName(sid) &&
    isName(jti) &&
    (typeof aud === 'string' || isStrings(aud)) &&
    isInstant(iat) &&
    isInstant(exp) &&
    isInstant(azv) &&
    isInstant(sep) &&
    isInstant(auth_time) &&
    isStrings(roles) &&
    isStrings(amr) &&
    (scope === undefined || typeof scope === 'string') &&
    (client_id === undefined || typeof client_id === 'string') &&
    (app === undefined || (typeof app === 'object' && app !== null && !Array.isArray(app)))
  );
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string');
}

/** A whole number of seconds up to the year 9999. */
function isInstant(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) < 253_402_300_800;
}

function invalid(reason: string): AuthError {
  return new AuthError('token_invalid', { reason });
}
