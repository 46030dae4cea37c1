/** What the documentation shows is true: snippets compile, misuse does not, and what no test looks at is known by name. */
import { describe, expect, it } from 'vitest';
import { listPages, readSnippets, stageOf } from './markdown.js';
import { typeProblems } from './type-check.js';

const snippets = listPages().flatMap(readSnippets);
const inLanguage = (...languages: readonly string[]): typeof snippets => snippets.filter(({ language }) => languages.includes(language));
const place = ({ page, line }: { page: string; line: number }): string => `${page}:${line}`;

describe('the snippets of the documentation', () => {
  it('compile under strict settings, against the built package', { timeout: 60_000 }, () => {
    expect(inLanguage('ts', 'tsx', 'js').length).toBeGreaterThan(10);
    expect(typeProblems(inLanguage('ts', 'tsx', 'js'))).toEqual([]);
  });

  it('show misuse that the compiler refuses, for the reason that the snippet gives', { timeout: 60_000 }, () => {
    const misuse = inLanguage('ts').filter(({ text }) => text.includes('@ts-expect-error'));
    const bare = misuse.map((snippet) => ({ ...snippet, text: snippet.text.replaceAll('@ts-expect-error', '') }));
    const messages = typeProblems(bare).map((problem) => problem.replace(/^\S+ /, '').split('\n')[0]);
    expect([...new Set(messages)].sort()).toMatchInlineSnapshot(`
      [
        "Argument of type '"editer"' is not assignable to parameter of type '"reader" | "editor" | "admin"'.",
        "Type '"*"' is not assignable to type 'WebOrigin'.",
        "Type 'string' is not assignable to type 'MasterSecret'.",
      ]
    `);
  });

  it('in JSON are JSON', () => {
    for (const { text, page, line } of inLanguage('json')) expect(() => JSON.parse(text) as unknown, `${page}:${line}`).not.toThrow();
  });

  it('in shell are run on a server, or say why they are not', () => {
    const astray = inLanguage('sh', 'bash').filter(({ page, marks }) => stageOf(page) === null && !marks.has('not run'));
    expect(astray.map(place)).toEqual([]);
  });

  it('are tested, but for these', () => {
    const tested = new Set(['ts', 'tsx', 'js', 'html', 'json', 'sh', 'bash']);
    const untested = snippets.filter(({ language, marks }) => !tested.has(language) || marks.has('not run'));
    const list = untested.map(({ page, language, marks, text }) => {
      const first = text.split('\n')[0] ?? '';
      return `${page}: ${language || 'plain text'}${marks.has('not run') ? ` (${marks.get('not run') ?? ''})` : ''}: ${first}`;
    });
    expect(list).toMatchInlineSnapshot(`
      [
        "README.md: sh (installs packages): npm ci && npm start   # the stand-alone server, on http://localhost:4000; it prints the first three requests to try",
        "README.md: sh (installs packages): npm init -y",
        "docs/adr/0004-self-authenticating-refresh-token.md: plain text: "csr_" + base64url( version 1 | key id 1 | session id 16 | generation u32 | session secret 16 | HMAC-SHA-256 of all that 32 )",
        "docs/guide/change-secrets-and-keys.md: sh (settings of a machine of yours): COUNTERSIGN_SECRET=NEW,OLD",
        "docs/guide/coming-from-elsewhere.md: sh (needs the users of another system): npx countersign import users.ndjson --dry-run   # tells all problems with their line numbers, and writes nothing",
        "docs/guide/coming-from-elsewhere.md: sh (needs the database of another system): psql "$OLD_DATABASE" -At > users.ndjson <<'SQL'",
        "docs/guide/coming-from-elsewhere.md: sh (needs the database of another system): psql "$OLD_DATABASE" -At > users.ndjson <<'SQL'",
        "docs/guide/coming-from-elsewhere.md: sh (needs the database of another system): psql "$OLD_DATABASE" -At > users.ndjson <<'SQL'",
        "docs/guide/coming-from-elsewhere.md: sh (needs a project at Firebase): npx firebase auth:export users.json --format=json --project my-project",
        "docs/guide/coming-from-elsewhere.md: sh (needs the database of another system): sqlite3 old.db "SELECT json_object('externalId', id, 'username', username, 'passwordHash', password_hash) FROM users" > users.ndjson",
        "docs/guide/front-end.md: js (vite.config.js, read by Vite): export default { server: { proxy: { '/api': 'http://localhost:4000' } } };",
        "docs/guide/getting-started.md: sh (installs packages): npm init -y",
        "docs/guide/getting-started.md: sh (does not end): node server.mjs",
        "docs/guide/getting-started.md: js (vite.config.js, read by Vite): export default { server: { proxy: { '/api': 'http://localhost:4000' } } };",
        "docs/guide/getting-started.md: sh (settings of a machine of yours): npx countersign secret   # prints a secret; keep it where your other secrets are",
        "docs/guide/mail.md: ini: COUNTERSIGN_SMTP_URL=smtps://user:password@mail.example.com:465",
        "docs/guide/other-services.md: sh (settings of a machine of yours): npx countersign user create --username orders --no-password",
        "docs/guide/other-services.md: python (another language): import jwt  # PyJWT",
        "docs/guide/performance.md: sh (takes an hour): npm run bench                          # everything: about an hour",
        "docs/guide/run-the-server.md: sh (does not end): npx countersign serve    # in the repository: npm start",
        "docs/guide/run-the-server.md: plain text: There are 3 problems:",
        "docs/guide/run-the-server.md: ini: COUNTERSIGN_PUBLIC_URL=https://auth.example.com",
        "docs/guide/run-the-server.md: nginx: upstream countersign {",
        "docs/guide/run-the-server.md: ini: [Service]",
        "docs/guide/run-the-server.md: ini: COUNTERSIGN_WORKERS=4",
        "docs/guide/run-the-server.md: ini: COUNTERSIGN_REDIS=rediss://auth:PASSWORD@cache.example.com",
        "docs/guide/run-the-server.md: ini: COUNTERSIGN_STOP_DELAY=10s",
        "docs/guide/run-the-server.md: ini: COUNTERSIGN_METRICS_TOKEN=what \`npx countersign secret\` printed",
        "docs/guide/run-the-server.md: sh (asks whether it is meant): npx countersign restore-epoch",
        "docs/guide/scale.md: ini: COUNTERSIGN_STORE=postgres://countersign:PASSWORD@db.example.com:5432/auth",
        "docs/guide/scale.md: sh (needs PostgreSQL): npx countersign migrate-store --to postgres://countersign@db.example.com:5432/auth --dry-run",
        "docs/guide/scale.md: sh (needs PostgreSQL): npx countersign migrate-store --to postgres://countersign@db.example.com:5432/auth --undo",
        "examples/compose/README.md: sh (needs Docker): cp .env.example .env    # and fill it in",
        "examples/compose/README.md: sh (needs Docker): docker compose build",
        "examples/express-api/README.md: sh (does not end): npm start",
        "examples/kubernetes/README.md: sh (needs a cluster): kubectl create namespace countersign",
        "examples/react-spa/README.md: sh (does not end): npm start                                  # at the root: the API, on http://localhost:4000",
        "examples/vanilla/README.md: sh (does not end): npm start   # the page and the API, on http://localhost:4000",
      ]
    `);
  });
});
