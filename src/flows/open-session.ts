/** Opens a session: the single ending of every way to sign in. */
import { sha256 } from '../crypto/digest.js';
import { formatId, newIdBytes } from '../crypto/random.js';
import type { Delivery } from '../model/app-types.js';
import type { LiveSession, OpenSessionInput, UserRecord } from '../model/store.js';
import { issueRefreshToken } from '../tokens/refresh-token.js';
import type { FlowContext } from './context.js';
import { issueTokens, type SignedIn } from './issue-tokens.js';

export interface SessionRequest {
  /** As read together with the proof of identity: a session is opened only while his epoch is still that. */
  readonly user: UserRecord;
  readonly factors: readonly string[];
  /** Where none of them was proved just now: when they were. Milliseconds. */
  readonly provedAt?: number;
  readonly delivery: Delivery;
  readonly remember: boolean;
  readonly device: string;
  /** The session of this browser that ends with it. */
  readonly replaces: string | null;
}

/** Which of the store's acts opens it: `open`, or one that also replaces. Null: it would not, and wrote nothing. */
export type OpenAct<Input extends OpenSessionInput = OpenSessionInput> = (input: Input) => Promise<LiveSession | null>;

/** Null when the account changed meanwhile (disabled, all sessions ended): the proof of identity counts no more. */
export async function openSession(context: FlowContext, request: SessionRequest, act: OpenAct): Promise<SignedIn | null> {
  const { config, clock, random, secrets } = context;
  const app = await context.claimsOf(request.user);
  const sessionIdBytes = newIdBytes(random, clock.now());
  const sessionSecret = random(16);
  const live = await act({
    session: {
      id: formatId('ses', sessionIdBytes),
      userId: request.user.id,
      secretDigest: sha256(sessionSecret),
      delivery: request.delivery,
      remember: request.remember,
      factors: request.factors,
      ...(request.provedAt !== undefined && { provedAt: request.provedAt }),
      device: request.device,
      idleSeconds: request.remember ? config.session.idleSeconds : config.session.transientIdleSeconds,
      absoluteSeconds: config.session.absoluteSeconds,
    },
    epoch: request.user.sessionEpoch,
    replaces: request.replaces,
    maxSessions: config.session.maxPerUser,
  });
  if (!live) return null;
  const refreshToken = issueRefreshToken(secrets, { sessionIdBytes, sessionSecret, generation: live.session.generation });
  return issueTokens(context, live, refreshToken, app);
}
