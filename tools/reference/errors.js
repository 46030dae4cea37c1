/** Renders the page of error codes from the table that types, wire and client use. */
import { readdirSync, readFileSync } from 'node:fs';

export const path = 'docs/reference/errors.md';

const repeatLater = 'Waits as long as `Retry-After` says and repeats with the newest token. Never forgets the session.';
const renew = 'Refreshes once and repeats the request once.';
const signedOut = 'Shows the login page.';
const restart = 'Offers to send a new link or code.';

/** What a client does about a code; where it is not named here, its status says it. */
const acts = {
  one_time_token_invalid: restart,
  one_time_token_used: restart,
  one_time_token_expired: restart,
  invalid_credentials: 'Lets the person try again.',
  mfa_code_invalid: 'Lets the person try again.',
  token_missing: `${signedOut} In memory mode, after a reload: refreshes first.`,
  token_expired: renew,
  token_invalid: `${renew} (Where the keys were replaced as compromised, another process may not know the newest for about a second.)`,
  session_revoked: `On a request: ${renew.toLowerCase()} On a refresh: ${signedOut.toLowerCase()}`,
  refresh_token_invalid: signedOut,
  refresh_token_replayed: 'Shows the login page and says that the session was ended for safety.',
  step_up_required:
    'Asks for the password, or for a code where the user has a second factor (`POST /api/auth/reauthenticate`), then repeats the request.',
  csrf_failed: 'Reads the CSRF token anew (`GET /api/auth/session`) and repeats once.',
  account_disabled: `${signedOut} On a refresh too: of its refusals this one and every 401 mean signed out, and no other.`,
  insufficient_scope: 'A program does not repeat it: its API key is not for this.',
  email_not_verified: 'Offers to send the verification mail again.',
  origin_not_allowed: 'Nothing; the operator adds the origin to the trusted ones.',
  username_taken: 'Asks for another user name.',
  refresh_superseded: 'Waits a moment and repeats with the newest cookie. Never forgets the session.',
  internal_error: 'Waits and repeats, with the newest token. Never forgets the session. Reports `requestId` to the operator.',
};

const actsByStatus = {
  400: 'Corrects the request; `errors` names the fields.',
  401: signedOut,
  403: 'Does not repeat it: the user may not.',
  404: 'Does not repeat it.',
  405: 'Uses a method that `Allow` names.',
  409: 'Reads the current state and decides anew.',
  413: 'Sends less.',
  415: 'Sends JSON, and says so in `Content-Type`.',
  429: repeatLater,
  503: repeatLater,
};

const intro = `<!-- Generated from src/protocol/error-codes.ts by \`node tools/check-docs.js --write\`. Do not edit. -->

# Error codes

Every refusal is \`application/problem+json\` ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)):
\`{ type, title, status, code, detail?, errors?, requestId }\`. Programs look at \`code\`; the set is closed. \`title\` is for people and
is the same for every occurrence of a code. \`errors\` lists the fields that were refused, as \`{ path, code, message }\`. At
\`POST /api/auth/token\` the type is \`application/json\`, and \`error\` says the same in the words of OAuth.

A refusal never sets or clears a cookie. 429 and 503 carry \`Retry-After\`.

What is no well-formed HTTP the stand-alone server refuses as \`invalid_request\` too, with the status that HTTP has for it: 408, 413 or 431 in
place of 400.
`;

const reservedIntro = `
## Not used by this version

They belong to the set, so that a client can be written for them now, but nothing in this version refuses with one. An application's own
\`throw new AuthError(…)\` may: its limiter with \`too_many_attempts\`, for instance.
`;

const head = ['| code | status | title | what a client does |', '| --- | --- | --- | --- |'];

/** Codes that are marked as reserved although code of ours throws them. */
function wronglyReserved(reserved, dist) {
  const files = readdirSync(dist, { recursive: true }).filter((name) => name.endsWith('.js'));
  const text = files.map((name) => readFileSync(new URL(name.replaceAll('\\', '/'), dist), 'utf8')).join('\n');
  return reserved.filter((code) => text.includes(`AuthError('${code}'`));
}

/** The page's text, from the built package in `dist` (a URL that ends in a slash). */
export async function render(dist) {
  const { errorCodes } = await import(new URL('protocol/error-codes.js', dist).href);
  const rowOf = ([code, { status, title }]) => {
    const act = acts[code] ?? actsByStatus[status];
    if (act === undefined) throw new Error(`tools/reference/errors.js does not say what a client does about ${code}`);
    return `| \`${code}\` | ${status} | ${title} | ${act} |`;
  };
  const unknown = Object.keys(acts).filter((code) => !(code in errorCodes));
  if (unknown.length > 0) throw new Error(`tools/reference/errors.js names codes that do not exist: ${unknown.join(', ')}`);
  const entries = Object.entries(errorCodes);
  const reserved = entries.filter(([, entry]) => entry.reserved);
  const used = wronglyReserved(
    reserved.map(([code]) => code),
    new URL(dist),
  );
  if (used.length > 0) throw new Error(`src/protocol/error-codes.ts marks as reserved what is thrown: ${used.join(', ')}`);
  const living = entries.filter(([, entry]) => !entry.reserved);
  return [intro, ...head, ...living.map(rowOf), reservedIntro, ...head, ...reserved.map(rowOf), ''].join('\n');
}
