/**
 * The attacker has a link or code that was made for one thing and uses it for another: that of another purpose, of another user, of an account that
 * has changed since; a session's token in its place; or one link many times at once, to have it count twice.
 *
 * Proves: ASVS 5.0 V2.3.4, V6.5.1, V6.6.2, V6.6.3; J-36, M-18, V-02, V-05, V-06; GHSA-qq9h, CVE-2026-9087.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Client } from '../support/client.js';
import type { HttpAnswer } from '../support/http.js';
import { codeIn, Inbox, tokenIn } from '../support/inbox.js';
import { articleRoles, startApp, type TestApp } from '../support/start-app.js';

const password = 'seven purple lanterns drift';

let app: TestApp;
let inbox: Inbox;

beforeAll(async () => {
  inbox = new Inbox();
  app = await startApp({ inbox, roles: articleRoles });
});
afterAll(() => app.stop());

/** Where a token of a link, or a code, is read. */
const places: Readonly<Record<string, (client: Client, value: string) => Promise<HttpAnswer>>> = {
  'the link of verification': (client, token) => client.post('/api/auth/email/verify', { token }, { cookies: false }),
  'the code of verification': (client, code) => client.post('/api/auth/email/verify', { code: code.slice(0, 16) }),
  'the link of a reset': (client, token) => client.post('/api/auth/password/reset', { token, newPassword: password }, { cookies: false }),
  'the link that disowns': (client, token) => client.post('/api/auth/not-me', { token }, { cookies: false }),
};

/** Where other credentials are read. */
const others: typeof places = {
  'the bearer credential': (client, value) =>
    client.get('/api/users/me', { cookies: false, headers: { authorization: `Bearer ${value}` } }),
  'the refresh token of a body': (client, refreshToken) => client.app.client({ origin: null }).post('/api/auth/refresh', { refreshToken }),
  'the CSRF header': (client, value) => client.post('/hello', undefined, { headers: { 'x-csrf-token': value } }),
  'the password': (client, value) => client.app.client().login(client.user!, { password: value }),
};

interface Account {
  readonly page: Client;
  readonly proofs: Readonly<Record<string, string>>;
}

/** An account with every kind of proof that can be outstanding, unused. */
async function withProofs(): Promise<Account> {
  const page = await app.signedIn({ roles: ['editor'], emailVerified: true });
  const { email } = page.user!;
  const unproved = await app.signedIn({ emailVerified: false });
  await unproved.post('/api/auth/email/verification');
  const verification = await inbox.find(unproved.user!.email, /Confirm your address/);
  const thief = page.copy();
  await page.refresh();
  await page.refresh();
  await app.advance({ minutes: 2 });
  await thief.refresh();
  await page.login(page.user!);
  await page.post('/api/auth/email', { newEmail: `new-${email}` });
  await app.client().post('/api/auth/password/forgot', { email });
  await app.client().post('/api/auth/register', { email: `fresh-${email}`, password });
  const change = await inbox.find(`new-${email}`, /Confirm your new address/);
  return {
    page,
    proofs: {
      'link of verification': tokenIn(verification),
      'code of verification of another': codeIn(verification),
      'link of a change': tokenIn(change),
      'code of a change': codeIn(change),
      'link of a reset': tokenIn(await inbox.find(email, /Set a new password/)),
      'link of a registration': tokenIn(await inbox.find(`fresh-${email}`, /Complete your registration/)),
      'link that disowns': tokenIn(await inbox.find(email, /signed out .* for safety/)),
    },
  };
}

const belongs: Readonly<Record<string, readonly string[]>> = {
  'the link of verification': ['link of verification', 'link of a change', 'link of a registration'],
  'the code of verification': ['code of a change'],
  'the link of a reset': ['link of a reset'],
  'the link that disowns': ['link that disowns'],
};

test('each proof is refused in each other place, and does no harm there', async () => {
  const { page, proofs } = await withProofs();
  expect(Object.values(proofs).every((proof) => proof.length >= 6)).toBe(true);
  const made = await page.post('/api/auth/api-keys', { name: 'x', scopes: ['article:read'] });
  const credentials = {
    'access token': page.currentAccessToken,
    'refresh token': page.currentRefreshToken,
    'CSRF token': page.csrf!,
    'API key': made.json.secret as string,
    'session id': page.sessionId,
    'refresh token as a link': `cso_${page.currentRefreshToken.slice(4)}`,
    'link as a refresh token': `csr_${proofs['link of a reset']!.slice(4)}`,
  };
  for (const [name, value] of Object.entries({ ...proofs, ...credentials })) {
    for (const [place, present] of Object.entries(places)) {
      if (belongs[place]!.includes(name)) continue;
      const answer = await present(page, value);
      expect(answer.outcome, `${name} as ${place}`).toBe('400 one_time_token_invalid');
      expect(answer.setCookies).toEqual([]);
    }
    if (name in credentials) continue;
    for (const [place, present] of Object.entries(others))
      expect((await present(page, value)).status, `${name} as ${place}`).toBeGreaterThanOrEqual(400);
  }
  expect((await page.get('/hello')).status, 'the session lives').toBe(200);
  // Each in its own place is still good: nothing was used up. Those that change the account come last.
  const inPlace = ['link of verification', 'link of a registration', 'link of a change', 'link that disowns'] as const;
  const own = (name: string): string => Object.keys(belongs).find((place) => belongs[place]!.includes(name))!;
  for (const name of inPlace) expect((await places[own(name)]!(page, proofs[name]!)).outcome, name).toBe('200');
});

test('what was changed in one character is refused without a look into the store', async () => {
  const { proofs } = await withProofs();
  const { proofs: store } = app.internals.core.store;
  const found = store.find.bind(store);
  let looked = 0;
  Object.assign(store, { find: (id: string) => ((looked += 1), found(id)) });
  try {
    const token = proofs['link of a reset']!;
    for (let at = 0; at < token.length; at += 7) {
      const other = token[at] === 'A' ? 'B' : 'A';
      const changed = token.slice(0, at) + other + token.slice(at + 1);
      const answer = await app.client().post('/api/auth/password/reset', { token: changed, newPassword: password });
      expect(answer.outcome, String(at)).toBe('400 one_time_token_invalid');
    }
    for (const token of ['', 'cso_', 'cso_x', `cso_${'A'.repeat(111)}`, 'x'.repeat(200)])
      expect((await app.client().post('/api/auth/not-me', { token })).outcome).toBe('400 one_time_token_invalid');
    expect(looked).toBe(0);
  } finally {
    Object.assign(store, { find: found });
  }
});

describe('of 100 who use one link at once', () => {
  const times = Array.from({ length: 100 });

  test('one resets the password', async () => {
    const { proofs } = await withProofs();
    const token = proofs['link of a reset']!;
    const answers = await Promise.all(
      times.map((_, index) =>
        app.client().post('/api/auth/password/reset', { token, newPassword: `seven purple lanterns drift ${String(index)}` }),
      ),
    );
    const outcomes = answers.map(({ outcome }) => outcome);
    expect(outcomes.filter((outcome) => outcome === '200')).toHaveLength(1);
    for (const outcome of outcomes)
      expect(['200', '410 one_time_token_used', '410 one_time_token_expired', '503 overloaded']).toContain(outcome);
  });

  test('one registers', async () => {
    const { page, proofs } = await withProofs();
    const answers = await Promise.all(
      times.map(() => app.client().post('/api/auth/email/verify', { token: proofs['link of a registration'] })),
    );
    expect(answers.filter(({ outcome }) => outcome === '200')).toHaveLength(1);
    expect(answers.filter(({ outcome }) => outcome === '410 one_time_token_used' || outcome === '409 conflict')).toHaveLength(99);
    expect(await app.auth.users.find({ email: `fresh-${page.user!.email}` })).not.toBeNull();
  });
});

test('a link leads to the public URL, whatever the request says', async () => {
  const user = await app.createUser();
  const forged = { host: 'evil.example', 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'http', forwarded: 'host=evil.example' };
  await app.client().post('/api/auth/password/forgot', { email: user.email }, { headers: forged });
  const { text, html } = await inbox.next(user.email, 1);
  expect(text).toContain('https://app.example.test/api/auth/password/reset#token=');
  expect(text + html).not.toContain('evil');
});

test('nothing that a stranger chose is put into a mail as a link, or as markup', async () => {
  const names = ['www.evil.example', 'a.b-c_d'];
  for (const [index, username] of names.entries()) {
    const email = `victim${String(index)}@example.test`;
    await app.client().post('/api/auth/register', { username, email, password, name: '<b>http://evil.example</b>' });
    const { subject, text, html } = await inbox.next(email, 1);
    expect(subject + text + html).not.toMatch(/evil|<b>/);
    expect([...text.matchAll(/https?:\/\/\S+/g)]).toHaveLength(1);
  }
});

test('a page from elsewhere cannot have a mail sent, or a link used', async () => {
  const user = await app.createUser();
  const page = app.client({ origin: 'https://evil.example' });
  for (const [path, body] of [
    ['/api/auth/password/forgot', { email: user.email }],
    ['/api/auth/password/reset', { token: 'x', newPassword: password }],
    ['/api/auth/email/verify', { token: 'x' }],
    ['/api/auth/not-me', { token: 'x' }],
  ] as const)
    expect((await page.post(path, body)).outcome).toBe('403 origin_not_allowed');
  expect(inbox.to(user.email)).toEqual([]);
});
