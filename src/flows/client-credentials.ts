/** Issues an access token for an API key (RFC 6749 section 4.4): for services that verify tokens on their own. */
import { AuthError } from '../errors.js';
import type { Principal } from '../model/app-types.js';
import { issueAccessToken } from '../tokens/access-token.js';
import type { FlowContext } from './context.js';

/** The key that a client has proved to hold. */
export interface ProvedApiKey {
  readonly sessionId: string;
  readonly userId: string;
  readonly epoch: number;
  readonly authzVersion: number;
  readonly principal: Principal;
  readonly validUntil: number;
}

export interface ClientToken {
  readonly accessToken: string;
  readonly expiresInSeconds: number;
  readonly scope: string;
}

/**
 * Ends with the key and with whatever ends its owner's tokens. Names no role: who verifies it and looks at roles alone lets it do nothing.
 * @throws {AuthError} `invalid_request` for a scope that the key does not have, `insufficient_scope` when it has none.
 */
export function issueClientToken(context: FlowContext, key: ProvedApiKey, requested: string | undefined): ClientToken {
  const { principal } = key;
  const scope = chooseScope([...principal.permissions], requested);
  const { token, expiresInSeconds } = issueAccessToken(
    {
      sub: key.userId,
      sid: key.sessionId,
      client_id: key.sessionId,
      scope,
      roles: [],
      azv: key.authzVersion,
      sep: key.epoch,
      amr: [],
      auth_time: Math.floor(principal.authenticatedAt.getTime() / 1000),
      ...(Object.keys(principal.claims).length === 0 ? {} : { app: principal.claims as Readonly<Record<string, unknown>> }),
    },
    {
      ring: context.ring(),
      rules: context.accessRules,
      random: context.random,
      now: context.clock.now(),
      sessionExpiresAt: key.validUntil,
    },
  );
  return { accessToken: token, expiresInSeconds, scope };
}

function chooseScope(permitted: readonly string[], requested: string | undefined): string {
  if (permitted.length === 0) throw new AuthError('insufficient_scope', { reason: 'no scope of the key is a permission of its owner' });
  if (requested === undefined) return permitted.join(' ');
  const scopes = [...new Set(requested.split(' '))];
  if (scopes.every((scope) => permitted.includes(scope))) return scopes.join(' ');
  throw new AuthError('invalid_request', { fields: [{ path: 'scope', code: 'invalid', message: 'names what the key does not cover' }] });
}
