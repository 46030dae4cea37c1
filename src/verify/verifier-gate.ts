/** Judges requests to a service: the issuer's own rules, with what is known of the issuer here. */
import { compileRule, type CompiledRule } from '../access/access-rule.js';
import { Authenticator } from '../access/authenticator.js';
import { systemRandom } from '../crypto/random.js';
import { AuthError, ConfigError } from '../errors.js';
import { errorResponse, toAuthError } from '../http/error-response.js';
import type { Gate } from '../http/gate.js';
import type { HttpResponse } from '../http/message.js';
import { securityHeaders } from '../http/security-headers.js';
import type { AccessRule, Clock, Logger } from '../model/app-types.js';
import type { RevocationFeed } from '../revocation/revocation-feed.js';
import type { RevocationIndex } from '../revocation/revocation-index.js';
import type { CookieNames } from './discover.js';
import type { KnownIssuer } from './known-issuer.js';
import { provenOriginGuard } from './proven-origin.js';
import type { VerifierConfig } from './verifier-options.js';

export interface VerifierGateOptions {
  readonly config: VerifierConfig;
  readonly issuer: KnownIssuer;
  readonly cookies: CookieNames;
  readonly index: RevocationIndex;
  readonly feed: Pick<RevocationFeed, 'isFresh' | 'waitUntilFresh'>;
  /** Must not run backwards. */
  readonly clock: Clock;
  readonly logger: Logger;
}

export function verifierGate({ config, issuer, cookies, index, feed, clock, logger }: VerifierGateOptions): Gate {
  const authenticator = new Authenticator({
    rules: {
      issuer: config.issuer.origin,
      audience: [config.audience],
      get longestSeconds() {
        return issuer.longestAccessSeconds;
      },
    },
    cookie: cookies.access,
    cookieGuard: provenOriginGuard(config),
    permissionsOf: (roles) => issuer.permissionsOf(roles),
    clock,
    index,
    feed,
    apiKeys: { find: refuseApiKey },
    ring: () => issuer.keys.current(),
  });
  const compiled = new WeakMap<AccessRule, CompiledRule>();
  return {
    compile(rule) {
      const known = compiled.get(rule);
      if (known !== undefined) return known;
      const made = compile(rule, config, issuer);
      compiled.set(rule, made);
      return made;
    },
    authenticate: (request, rule) => authenticator.authenticate(request, rule),
    refuse: (error) => refuse(error, logger),
    refreshCookie: cookies.refresh,
  };
}

function refuseApiKey(): never {
  throw new AuthError('token_invalid', {
    reason: 'API key at another service',
    detail: 'An API key opens the issuer alone. Exchange it there for an access token, and send that.',
  });
}

/** @throws {ConfigError} */
function compile(rule: AccessRule, { feed }: VerifierConfig, { roles }: KnownIssuer): CompiledRule {
  if (feed === null && rule.revocation === 'strict') {
    throw new ConfigError([{ path: 'revocation', message: '"strict" is impossible with insecureWithoutRevocation.' }]);
  }
  return compileRule(rule, { roles, revocation: { mode: feed === null ? 'available' : 'strict' } });
}

/** Without CORS headers and HSTS: the host is the service's own. */
function refuse(error: unknown, logger: Logger): HttpResponse {
  const requestId = systemRandom(12).toString('base64url');
  const response = errorResponse(toAuthError(error, requestId, logger), requestId);
  return { ...response, headers: [...securityHeaders({ publicUrl: { secure: false } }, requestId, null), ...response.headers] };
}
