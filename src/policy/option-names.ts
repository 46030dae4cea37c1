/** The names of all options: one that nobody reads is one that somebody relies on, so unknown ones are refused. */
import type { AppTypes } from '../model/app-types.js';
import type {
  AuthOptions,
  CookieOptions,
  EventOptions,
  LimitOptions,
  LinkOptions,
  PasswordOptions,
  RevocationOptions,
  SessionOptions,
  TokenOptions,
} from '../model/options.js';
import type { OptionProblems } from './option-problems.js';

/** The compiler sees to it that none is missing. */
type All<Group> = Readonly<Record<keyof Group & string, true>>;

const options: All<AuthOptions> = {
  publicUrl: true,
  secret: true,
  store: true,
  bus: true,
  trustedOrigins: true,
  basePath: true,
  identifiers: true,
  registration: true,
  emailVerification: true,
  unverifiedAccounts: true,
  sendMail: true,
  composeMail: true,
  links: true,
  delivery: true,
  cookies: true,
  tokens: true,
  session: true,
  revocation: true,
  limits: true,
  passwords: true,
  events: true,
  trustedProxies: true,
  roles: true,
  parseProfile: true,
  claims: true,
  beforeRegister: true,
  onEvent: true,
  logger: true,
  clock: true,
  development: true,
};
const cookies: All<CookieOptions> = { prefix: true, topology: true, sameSite: true };
const tokens: All<TokenOptions> = { algorithm: true, accessTtl: true, insecureAccessTtl: true, audience: true, rotateKeysEvery: true };
const session: All<SessionOptions> = { idleTimeout: true, absoluteLifetime: true, replayWindow: true, lateDouble: true, maxPerUser: true };
const revocation: All<RevocationOptions> = { mode: true, maxStaleness: true };
const links: All<LinkOptions> = { verifyEmail: true, resetPassword: true, notMe: true };
const passwords: All<PasswordOptions> = { minLength: true, rangeService: true };
const events: All<EventOptions> = { keep: true, addresses: true };
const limits: All<LimitOptions> = { login: true, api: true };

export function checkOptionNames<App extends AppTypes>(given: AuthOptions<App>, problems: OptionProblems): void {
  problems.onlyKnown('', given, Object.keys(options));
  problems.onlyKnown('cookies.', given.cookies, Object.keys(cookies));
  problems.onlyKnown('tokens.', given.tokens, Object.keys(tokens));
  problems.onlyKnown('session.', given.session, Object.keys(session));
  problems.onlyKnown('revocation.', given.revocation, Object.keys(revocation));
  problems.onlyKnown('links.', given.links, Object.keys(links));
  problems.onlyKnown('passwords.', given.passwords, Object.keys(passwords));
  problems.onlyKnown('events.', given.events, Object.keys(events));
  problems.onlyKnown('limits.', given.limits, Object.keys(limits));
}
