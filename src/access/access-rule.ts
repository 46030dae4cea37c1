/** What a route demands of a signed-in user, compiled once and checked after the cache on every request. */
import { AuthError, ConfigError, type ConfigProblem } from '../errors.js';
import type { AccessRule, Principal } from '../model/app-types.js';
import type { AuthConfig } from '../model/config.js';
import { hasSecondFactor, secondFactorDetail } from '../policy/assurance.js';
import { parseDuration } from '../policy/durations.js';

/** No demand beyond being signed in; one object, so that it is compiled once. */
export const anyUser: AccessRule = Object.freeze({});

export interface CompiledRule {
  /** Any of them; null: no role is demanded. */
  readonly roles: readonly string[] | null;
  readonly permissions: readonly string[];
  readonly maxAgeSeconds: number | null;
  readonly factors: number;
  readonly revocation: 'strict' | 'available';
}

export interface RuleContext {
  /** Null: not known; then no permission can be demanded. */
  readonly roles: AuthConfig['roles'] | null;
  readonly revocation: Pick<AuthConfig['revocation'], 'mode'>;
}

const ruleNames: readonly string[] = ['roles', 'permissions', 'maxAge', 'factors', 'revocation'] satisfies (keyof AccessRule)[];

/** @throws {ConfigError} a word that is not known, a role or permission that is not configured, an empty list of roles, a malformed duration. */
export function compileRule(rule: AccessRule, config: RuleContext): CompiledRule {
  const problems: ConfigProblem[] = unknownWords(rule);
  // An empty list would read as "nobody" and behave as "everybody" in a careless check.
  if (rule.roles?.length === 0) problems.push({ path: 'roles', message: 'names no role.' });
  problems.push(...unknownRights(rule, config));
  const maxAgeSeconds = rule.maxAge === undefined ? null : parseDuration(rule.maxAge);
  if (rule.maxAge !== undefined && maxAgeSeconds === null) problems.push({ path: 'maxAge', message: 'is no duration such as "5m".' });
  if (rule.factors !== undefined && rule.factors !== 1 && (rule.factors as number) !== 2)
    problems.push({ path: 'factors', message: 'must be 1 or 2.' });
  const { revocation = config.revocation.mode } = rule;
  if (!['strict', 'available'].includes(revocation)) problems.push({ path: 'revocation', message: 'must be "strict" or "available".' });
  if (problems.length > 0) throw new ConfigError(problems);
  return {
    roles: rule.roles ?? null,
    permissions: rule.permissions ?? [],
    maxAgeSeconds,
    factors: rule.factors ?? 1,
    revocation,
  };
}

function unknownRights({ roles = [], permissions = [] }: AccessRule, { roles: known }: RuleContext): ConfigProblem[] {
  if (known === null) {
    const message = 'cannot be judged without knowing what roles permit: give the option roles.';
    return permissions.length === 0 ? [] : [{ path: 'permissions', message }];
  }
  const permitted = new Set([...known.values()].flat());
  return [
    ...roles.filter((role) => !known.has(role)).map((role) => ({ path: 'roles', message: `"${role}" is not among the roles.` })),
    ...permissions.filter((name) => !permitted.has(name)).map((name) => ({ path: 'permissions', message: `no role has "${name}".` })),
  ];
}

/** A misspelt demand would demand nothing: without a compiler, `{ role: 'admin' }` would let everybody in. */
function unknownWords(rule: AccessRule): ConfigProblem[] {
  if (typeof rule !== 'object') return [{ path: 'rule', message: `must be an object of ${ruleNames.join(', ')}.` }];
  return Object.keys(rule)
    .filter((name) => !ruleNames.includes(name))
    .map((name) => ({ path: name, message: `is no demand of a route; there are ${ruleNames.join(', ')}.` }));
}

/** @throws {AuthError} `insufficient_role`, `step_up_required`; for an API key always `insufficient_scope`. */
export function authorize(principal: Principal, rule: CompiledRule, ageSeconds: number): void {
  if (principal.via === 'api_key') {
    authorizeProgram(principal, rule);
    return;
  }
  if (rule.roles !== null && !rule.roles.some((role) => principal.roles.includes(role))) throw new AuthError('insufficient_role');
  for (const permission of rule.permissions) if (!principal.permissions.has(permission)) throw new AuthError('insufficient_role');
  const isTooOld = rule.maxAgeSeconds !== null && ageSeconds > rule.maxAgeSeconds;
  const isTooWeak = rule.factors > 1 && !hasSecondFactor(principal.factors);
  if (isTooOld || isTooWeak) {
    throw new AuthError('step_up_required', {
      ...(rule.maxAgeSeconds === null ? {} : { maxAgeSeconds: rule.maxAgeSeconds }),
      ...(isTooWeak ? { detail: secondFactorDetail } : {}),
    });
  }
}

/** A key is for one purpose: it opens what names a permission that it has, and nothing that was meant for a person. */
function authorizeProgram({ permissions }: Principal, { roles, maxAgeSeconds, factors, ...rule }: CompiledRule): void {
  const isForPrograms = rule.permissions.length > 0 && roles === null && maxAgeSeconds === null && factors === 1;
  if (isForPrograms && rule.permissions.every((permission) => permissions.has(permission))) return;
  throw new AuthError('insufficient_scope');
}
