/** Renders the page of routes: method, path, guard and body from the table that answers requests, the rest from what is written here. */
import { notes } from '../route-notes.js';

export const path = 'docs/reference/routes.md';

/** By the name of the guard in the table. */
const guards = {
  anyone: 'anybody',
  signedInOrGuest: 'anybody',
  signedIn: 'signed in',
  signedInLive: 'signed in, judged against the store',
  developer: 'anybody on this machine, in development',
  sensitive: 'signed in, proved within 10 minutes; with cookies also the refresh cookie',
  client: 'a program, with its API key',
  readsRevocations: 'a service, with an API key of scope `revocations:read`',
  admin: 'role `admin`',
  adminWrite: 'role `admin`, proved within 10 minutes; with cookies also the refresh cookie',
};

const sections = [
  ['Signing in and out', /^\/auth\//],
  ['Own account', /^\/users\//],
  ['Administration', /^\/admin\//],
  ['For other services', /^\/\.well-known\//],
];

const intro = `<!-- Generated from src/http/routes.ts by \`node tools/check-docs.js --write\`. Do not edit. -->

# Routes

What \`routes()\` and the stand-alone server answer. \`/api\` is the default of the option \`basePath\`; \`/.well-known\` stays at the root.

- Bodies are JSON objects of at most 10 kB, with \`Content-Type: application/json\`, or nothing at all. Unknown fields are refused. A field
  with \`?\` may be left out.
- Instants are ISO 8601 in UTC; \`expiresIn\` is in seconds. Lists are \`{ items, nextCursor }\`.
- Every refusal is problem details with a \`code\`: [all codes](errors.md). Besides the refusals named here, each route may answer 400
  \`invalid_request\` for its body or for one of our cookies sent twice, 401 when it wants a user and has none, 403 when he may not, and 503
  when the store cannot be reached or revocations cannot be read.
- \`POST\`, \`PUT\`, \`PATCH\` and \`DELETE\` need a trusted origin, unless they carry a bearer token; register, login, refresh, logout and
  what links are posted to, which are not judged by it, need one even then. Where a cookie says who asks they also need \`X-CSRF-Token\`:
  [cookies, CSRF, CORS](../guide/cookies-csrf-cors.md). Register, login, "forgot" and what links are posted to need no CSRF token.
- \`user\` is \`{ id, username, email, emailVerified, name, roles, mfaEnabled, createdAt, profile? }\`; \`session\` is
  \`{ id, createdAt, lastUsedAt, authenticatedAt, expiresAt, current, device, delivery }\`; \`apiKey\` is
  \`{ id, userId, name, scopes, createdAt, rotatedAt, expiresAt, lastUsedAt, revokedAt, previousSecretUntil }\`.
- An API key as bearer credential opens none of these routes (403 \`insufficient_scope\`), but the exchange for an access token.
`;

/** The names of the fields of a body, as JSON Schema sees them; a field that may never be sent is left out. */
function fieldsOf(schema) {
  const { properties = {}, required = [] } = schema;
  return Object.entries(properties)
    .filter(([, field]) => field.not === undefined)
    .map(([name]) => `\`${name}${required.includes(name) ? '' : '?'}\``)
    .join(', ');
}

/** The page's text, from the built package in `dist` (a URL that ends in a slash). */
export async function render(dist) {
  const { routes } = await import(new URL('http/routes.js', dist).href);
  const guardsOfTable = await import(new URL('http/guards.js', dist).href);
  const { z } = await import('zod');
  const defaults = {
    identifiers: new Set(['username', 'email']),
    emailVerification: 'required',
    unverifiedAccounts: 'allow',
    mail: 'transport',
  };
  const left = new Set(Object.keys(notes));

  const describe = (row) => {
    const key = `${row.method} ${row.path}`;
    const note = notes[key];
    const guard = Object.keys(guards).find((name) => guardsOfTable[name] === row.guard);
    if (note === undefined || guard === undefined) throw new Error(`tools/reference/routes.js does not describe ${key} or its guard`);
    left.delete(key);
    const schema = typeof row.body === 'function' ? row.body(defaults) : row.body;
    const fields = fieldsOf(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }));
    const where = row.path.startsWith('/.well-known/') ? row.path : `/api${row.path}`;
    return [
      `### ${note.title}`,
      '',
      `\`${row.method} ${where}\``,
      '',
      ...(note.about === '' ? [] : [note.about, '']),
      `- who: ${guards[guard]}`,
      ...(row.method === 'GET' ? [] : [`- body: ${fields === '' ? 'none' : fields}`]),
      `- answers: ${note.answers}`,
      ...(note.refusals === undefined ? [] : [`- refusals: ${note.refusals}`]),
      '',
    ];
  };

  const parts = sections.flatMap(([title, pattern]) => [
    `## ${title}`,
    '',
    ...routes.filter((row) => pattern.test(row.path)).flatMap(describe),
  ]);
  if (left.size > 0) throw new Error(`tools/reference/routes.js describes routes that are not in the table: ${[...left].join(', ')}`);
  const missed = routes.filter((row) => !sections.some(([, pattern]) => pattern.test(row.path)));
  if (missed.length > 0) throw new Error(`tools/reference/routes.js has no section for ${missed.map((row) => row.path).join(', ')}`);
  return [intro, ...parts].join('\n');
}
