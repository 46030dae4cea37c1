/**
 * The attacker writes SQL, wildcards, control characters and every troublesome string there is into each field, and bends the cursor.
 *
 * Proves: ASVS 5.0 V1.2.4 (SQL), V1.3.11 (CRLF), V16.4.1 (log injection); I-05, I-06, I-08, I-09, I-16, I-17, G-02.
 */
import { DatabaseSync } from '@photostructure/sqlite';
import { describe, expect, test } from 'vitest';
import { withApp } from '../support/over-each-carrier.js';
import { SeededRandom } from '../support/seeded-random.js';

const troublesome = [
  "' OR '1'='1",
  "'; DROP TABLE users; --",
  "admin'--",
  "' UNION SELECT password_hash FROM users --",
  '1; SELECT load_extension(1)',
  "'||(SELECT hex(randomblob(1e9)))||'",
  '") OR ("1"="1',
  "\\' OR 1=1",
  '%',
  '_',
  '%%%',
  '*',
  '?',
  '[a-z]',
  ':id',
  ':now',
  '$1',
  '@x',
  '?1',
  '{"$gt":""}',
  '*)(uid=*))(|(uid=*',
  `\${7*7}`,
  '{{7*7}}',
  '<%= 7 %>',
  '#{7}',
  '$(id)',
  '`id`',
  '| id',
  '../../etc/passwd',
  'file:///etc/passwd',
  '=1+1',
  '+1',
  '@SUM(1)',
  '-1',
  'null',
  'undefined',
  'NaN',
  'true',
  '__proto__',
  'constructor',
  'NULL',
  '0',
  '-0',
  '1e309',
  'İstanbul',
  'ẞ',
  'ﬁ',
  'Ǆ',
  '田中さん',
  '👩‍👩‍👧',
  'ÅÅ',
  'a\u0301',
  '\u200b',
  '\ufeff',
  '\u202ertl',
  '\u0000',
  'a\u0000b',
  'a\r\nSet-Cookie: x=1',
  'a\nb',
  '\u001b[2J',
  '\u2028',
  '\u2029',
  '\u0085',
  '%0d%0aX: 1',
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  'javascript:alert(1)',
  '%s%s%s%n',
  '%x',
  '\ud800',
  '\udfff',
  '\ufffe',
  ' '.repeat(90),
  '́'.repeat(90),
  'x'.repeat(100),
  '٠١٢',
  'ｆｕｌｌ',
  'a@b,c@d',
  'a@b\r\nBcc: c@d',
  '"a b"@example.test',
  'a@[127.0.0.1]',
  'a@example',
  'a@ex\u0430mple.test',
  'a＠example.test',
  'a@example.test\u2028',
];

describe('every text field', () => {
  const at = withApp();

  test('takes any text as text: it comes back as it was or is refused, and nothing else happens (I-05, I-08, I-09, I-16)', async () => {
    const { app } = at;
    const page = await app.signedIn();
    const admin = await app.signedIn({ roles: ['user', 'admin'] });
    const count = (): unknown => {
      const database = new DatabaseSync(app.file);
      const rows = database
        .prepare(
          'SELECT (SELECT count(*) FROM users) AS users, (SELECT count(*) FROM sqlite_schema) AS tables, (SELECT group_concat(roles) FROM users) AS roles',
        )
        .get();
      database.close();
      return rows;
    };
    const before = count();
    for (const [index, text] of troublesome.entries()) {
      const named = await page.call('PATCH', '/api/users/me', { json: { name: text } });
      expect([200, 400], JSON.stringify(text)).toContain(named.status);
      if (named.status === 200) {
        expect(named.json.user.name).toBe(text.trim());
        expect((await page.get('/api/users/me')).json.user.name).toBe(text.trim());
      }
      const encoded = encodeURIComponent(text.toWellFormed());
      for (const path of [
        `/api/admin/users?q=${encoded}`,
        `/api/admin/users?cursor=${encoded}`,
        `/api/admin/users?limit=${encoded}`,
        `/api/admin/users/${encoded}`,
      ]) {
        expect([200, 400, 404], path).toContain((await admin.get(path)).status);
      }
      const login = [{ identifier: text }, { username: text }, { email: text }][index % 3];
      const answer = await app.client().post('/api/auth/login', { ...login, password: text });
      expect(answer.outcome, JSON.stringify(text)).toBe('401 invalid_credentials');
      const email = await app.client().post('/api/auth/register', { username: 'fine', email: text, password: 'short' });
      expect(email.outcome).toBe('400 invalid_request');
    }
    expect(count()).toEqual(before);
    expect((await admin.get('/hello')).status).toBe(200);
  });

  test('never writes more than one line of the log, and no part of itself into it (G-02)', async () => {
    const { app } = at;
    const marker = 'LOOK-FOR-ME';
    const start = app.log.length;
    for (const text of [`${marker}\nlevel=error forged`, `${marker}\u001b[31m`, `${marker}%s%n`, `"}${marker}{"`]) {
      await app.client().post('/api/auth/login', { identifier: text, password: text });
      await app.client().post('/api/auth/login', { identifier: 'nobody', password: 'x', [text]: 1 });
      await app.client().get(`/api/${encodeURIComponent(text)}`);
      await app
        .client()
        .get('/api/users/me', { headers: { authorization: `Bearer ${encodeURIComponent(text)}`, 'user-agent': encodeURIComponent(text) } });
    }
    expect(JSON.stringify(app.log.slice(start))).not.toContain(marker);
    expect(JSON.stringify(app.events)).not.toContain(marker);
  });
});

describe('a cursor', () => {
  const at = withApp();

  test('that is bent, made up, or of another deployment is refused (I-17)', async () => {
    const { app } = at;
    const admin = await app.signedIn({ roles: ['user', 'admin'] });
    for (let users = 0; users < 3; users += 1) await app.createUser();
    const cursor = (await admin.get('/api/admin/users?limit=1')).json.nextCursor as string;
    expect((await admin.get(`/api/admin/users?cursor=${cursor}`)).status).toBe(200);
    const bytes = Buffer.from(cursor, 'base64url');
    const bent = [...bytes.keys()].map((index) => {
      const copy = Buffer.from(bytes);
      copy[index] = copy[index]! ^ 1;
      return copy.toString('base64url');
    });
    const content = bytes.subarray(16).toString();
    const made = [
      '',
      'x',
      `${cursor}=`,
      cursor.slice(0, -1),
      Buffer.from(content).toString('base64url'),
      Buffer.concat([Buffer.alloc(16), Buffer.from('[0,""]')]).toString('base64url'),
      Buffer.alloc(16).toString('base64url'),
      'A'.repeat(200),
    ];
    for (const value of [...bent, ...made]) {
      expect((await admin.get(`/api/admin/users?cursor=${value}`)).outcome, value).toBe('400 invalid_request');
    }
  });

  test('and a search take any characters: 300 searches with a fixed seed, no error', async () => {
    const { app } = at;
    const admin = await app.signedIn({ roles: ['user', 'admin'] });
    const random = new SeededRandom(20_270_115);
    for (let search = 0; search < 300; search += 1) {
      const q = random.text('abc%_\'"\\;-[]()*?{}$\u00e9\u0130 ', 1 + random.below(30));
      expect((await admin.get(`/api/admin/users?limit=2&q=${encodeURIComponent(q)}`)).status, q).toBe(200);
    }
  });
});
